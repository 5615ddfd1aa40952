#!/usr/bin/env bash
# `muster camera` on clips of `muster scene`, whose camera is known.  camera.sh MUSTER WORK_DIR
set -u
muster=$1 work=$2
. "$(dirname "$0")/common.sh"

value() { # value KEY FILE
    sed -n "s/^$1: \([-0-9.]*\).*/\1/p" "$2"
}

"$muster" scene --out clip --frames 40 --persons 8 --seed 4 --camera-height 1.3 --pitch 7 --size 640x480 \
    >/dev/null 2>&1 || fail "no clip"

# Its own camera is found again within twice the tolerances, and the file is one that detect takes.
expect 0 "pitch" "$muster" camera --truth clip/truth.csv --size 640x480 --fov 60 --out found.yaml
within "$(value pitch_deg found.yaml)" 7 "$(awk -v t="$(value pitch_tolerance_deg found.yaml)" 'BEGIN { print 2 * t }')"
within "$(value height_m found.yaml)" 1.3 "$(awk -v t="$(value height_tolerance_m found.yaml)" 'BEGIN { print 2 * t }')"
within "$(value fx found.yaml)" 554.256 0.01
expect 0 "pitch" "$muster" camera --truth clip/truth.csv --camera found.yaml --out again.yaml
cmp <(grep -v '^#' found.yaml) <(grep -v '^#' again.yaml) || fail "the lens of a file gives another camera"

# Detections are read, too: here the truth as detections.
awk -F, 'NR > 1 && $7 == 0 {
        if ($1 != frame && frame) print "],\"coverage\":1}"
        printf "%s{\"box\":[%s,%s,%s,%s],\"score\":1}", $1 == frame ? "," : "{\"source\":\"" $1 "\",\"detections\":[", $2, $3, $4, $5
        frame = $1
    }
    END { print "],\"coverage\":1}" }' clip/truth.csv >found.jsonl
expect 0 "height 1.30 m (given)" "$muster" camera --detections found.jsonl --size 640x480 --fov 60 --height 1.3 --out two.yaml
within "$(value pitch_deg two.yaml)" 7 1
expect 1 "are needed" "$muster" camera --detections found.jsonl --size 640x480 --fov 60 --threshold 2 --out no.yaml
[ ! -e no.yaml ] || fail "a file was written although nothing was found"

# What makes no sense is refused by name.
expect 2 "either --truth" "$muster" camera --size 640x480 --fov 60
expect 2 "--fov" "$muster" camera --truth clip/truth.csv --size 640x480
expect 2 "--size" "$muster" camera --truth clip/truth.csv --fov 60
expect 2 "640x" "$muster" camera --truth clip/truth.csv --size 640x --fov 60
expect 2 "--fov nan" "$muster" camera --truth clip/truth.csv --size 640x480 --fov nan
expect 2 "--height -1" "$muster" camera --truth clip/truth.csv --size 640x480 --fov 60 --height -1
expect 2 "nothing.csv" "$muster" camera --truth nothing.csv --size 640x480 --fov 60
expect 2 "leave out" "$muster" camera --truth clip/truth.csv --camera found.yaml --fov 60
expect 2 "no such option" "$muster" camera --frob
echo "all well"
