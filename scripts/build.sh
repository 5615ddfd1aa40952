#!/bin/bash
# Configure and build a preset of CMakePresets.json in build/PRESET:
#   scripts/build.sh release|dev|asan|tsan [TARGET]...
# Presets need CMake 3.21; an older one gets the same settings spelled out for release and dev.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:?which preset?}
shift
# Called by make, CMake's own make would talk about directories.
unset MAKEFLAGS MFLAGS MAKELEVEL

version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
read -r major minor <<<"$version"
if ((major > 3 || (major == 3 && minor >= 21))); then
    cmake --preset "$preset" --log-level=WARNING
else
    case $preset in
    release) cmake --log-level=WARNING -B build/release -DCMAKE_BUILD_TYPE=Release ;;
    dev) cmake --log-level=WARNING -B build/dev -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O2 -g' -DMUSTER_WERROR=ON ;;
    *) echo "preset $preset needs CMake 3.21 or newer" >&2 && exit 1 ;;
    esac
fi
target=()
[[ $# -gt 0 ]] && target=(--target "$@")
cmake --build "build/$preset" --parallel "$(nproc)" "${target[@]}"
