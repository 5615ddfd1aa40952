#!/bin/bash
# The rules of the folders (ARCHITECTURE.md), checked by reading #include lines:
#   - which folder may include which
#   - every include of ours is written from the root
#   - foreign headers have one home
#   - no path of anybody's own machine in any text
# Prints every line that breaks a rule; exit code 1 if there is one.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
broken=0

report() { # RULE LINES
    [[ -z $2 ]] && return
    printf '%s:\n%s\n' "$1" "$2" >&2
    broken=1
}

folders='proto partition gpu worker coordinator cli'
declare -A may=(
    [proto]='proto'
    [partition]='proto|partition'
    [gpu]='proto|gpu'
    [worker]='proto|partition|gpu|worker'
    [coordinator]='proto|partition|coordinator'
    [cli]='proto|partition|gpu|worker|coordinator|cli'
    [tests]='proto|partition|gpu|worker|coordinator|cli|tests'
)

includes() { # FOLDER...: file:line:#include "..." of all sources there
    grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' --include='*.cu' --include='*.cuh' --include='*.cpp' \
        --include='*.inc' "$@"
}

for folder in "${!may[@]}"; do
    [[ -d $folder ]] || continue
    # Generated: the ONNX reader of protobuf-c. Everything else in quotes begins with a folder.
    report "$folder/ may only include (${may[$folder]}), from the root" \
        "$(includes "$folder" | grep '"' |
            grep -vE "#[[:space:]]*include \"(((${may[$folder]})/)|onnx\.pb-c\.h\")")"
done

home() { # HEADER-PATTERN PATH-PATTERN: who else includes it, tests aside
    local pattern=$1 where=$2
    # shellcheck disable=SC2086 # a list of words
    report "$pattern belongs to $where" \
        "$(includes $folders | grep -E "include [<\"]($pattern)" | grep -vE "^($where)")"
}
home 'cuda|cudnn|cublas|nvrtc' 'gpu/cuda/'
home 'oneapi/|dnnl' 'gpu/cpu/onednn\.c'
home 'omp\.h' 'gpu/cpu/'
home 'msgpack' 'proto/codec\.c'
home 'mpi\.h' 'proto/link_mpi\.c'
home 'uv\.h' 'proto/link|worker/|coordinator/'
home 'cyaml' 'proto/yaml\.[ch]'
home 'onnx\.pb-c\.h|protobuf-c' 'partition/onnx'
home 'turbojpeg' 'coordinator/image_jpeg\.c'
home 'png\.h' 'coordinator/image_png\.c'
home 'jansson' 'coordinator/|cli/'
home 'cairo' 'coordinator/'

report 'a path of one machine' \
    "$(grep -rnIE '(^|[^A-Za-z0-9_.])/(work|home|root|Users)/[A-Za-z]' --exclude-dir=.git \
        --exclude=.git --exclude-dir=build --exclude='*.csv' --exclude=check_includes.sh .)"

exit $broken
