#!/bin/bash
# The main job on a fresh machine: render a walk-through, find its persons with one coordinator and
# four workers, measure what was found. Everything lands in build/demo.
#
# DEMO_FRAMES (24), DEMO_SEED (1), DEMO_WORKERS (4) change the run.
set -euo pipefail
cd "$(dirname "$0")/.."
frames=${DEMO_FRAMES:-24} seed=${DEMO_SEED:-1} workers=${DEMO_WORKERS:-4}
muster=build/release/cli/muster
out=build/demo

# Another MPI's mpirun may come first in PATH.
mpirun=$(command -v mpirun.mpich || command -v mpirun)

rm -rf "$out" # pictures of an earlier, longer run would stay
mkdir -p "$out"
echo "Rendering $frames frames with known persons ..."
"$muster" scene --out "$out/clip" --frames "$frames" --seed "$seed"

echo "Looking for persons: 1 coordinator + $workers workers on $(nproc) cores (some minutes on a laptop) ..."
"$mpirun" -n $((workers + 1)) "$muster" detect "$out/clip" --workers "$workers" \
    --camera "$out/clip/camera.yaml" \
    --out "$out/pictures" --json "$out/detections.jsonl" --report "$out/report.json"

echo
# All that was reported counts: the detector's own threshold has been applied.
"$muster" eval --truth "$out/clip/truth.csv" --detections "$out/detections.jsonl" \
    --threshold -1e9 --json >"$out/eval.json"
figure() { # first plain number under this key
    tr -d ' \n' <"$out/eval.json" | grep -o "\"$1\":[-0-9.e]*" | grep -m1 '[0-9]$' | cut -d: -f2
}
awk -v persons="$(figure persons)" -v recall="$(figure recall)" -v precision="$(figure precision)" \
    'BEGIN {
        found = recall * persons
        printf "Found %.0f of the %d persons in the truth", found, persons
        if (precision > 0)
            printf ", and %.0f boxes where there is none", found / precision - found
        print "."
    }'
cat <<END
  pictures with boxes   $out/pictures
  detections            $out/detections.jsonl   (one line of JSON a frame)
  report of the run     $out/report.json
  truth and camera      $out/clip/truth.csv, $out/clip/camera.yaml
END
