#!/bin/bash
# The tests of training/, where PyTorch is installed (MUSTER_PYTHON names another interpreter). 77: skipped.
cd "$(dirname "$0")/../.." || exit
python=${MUSTER_PYTHON:-python3}
if ! "$python" -c 'import numpy, onnx, torch' 2>/dev/null; then
    echo "skipped: $python has no numpy, onnx and torch (training/requirements.txt)"
    exit 77
fi
PYTHONDONTWRITEBYTECODE=1 exec "$python" -m unittest discover tests/training
