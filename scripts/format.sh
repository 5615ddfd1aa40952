#!/bin/bash
# Format all C and CUDA sources with clang-format 14 (Debian: clang-format-14).
# --check changes nothing, fails on a difference, and is content where clang-format 14 is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=
for name in clang-format-14 clang-format; do
    if command -v "$name" >/dev/null && "$name" --version | grep -q 'version 14\.'; then
        tool=$name
        break
    fi
done
if [[ -z $tool ]]; then
    echo "format: clang-format 14 is not installed (apt-get install clang-format-14)"
    [[ ${1:-} == --check ]] && exit 0 || exit 1
fi

mapfile -d '' files < <(find . \( -name .git -o -path ./build -o -name '.venv*' \) -prune -o \
    \( -name '*.c' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \
    -o -name '*.cpp' \) -print0)
if [[ ${1:-} == --check ]]; then
    "$tool" --dry-run -Werror "${files[@]}" || {
        echo "format: run  make format" >&2
        exit 1
    }
else
    "$tool" -i "${files[@]}"
fi
