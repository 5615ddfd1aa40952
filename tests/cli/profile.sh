#!/usr/bin/env bash
# `muster profile` with a small random net, alone and under mpirun.  profile.sh MUSTER WORK_DIR MAKE_MODEL
set -u
muster=$1 work=$2 make_model=$3
. "$(dirname "$0")/common.sh"

"$make_model" model 1 || fail "no model"
small="--model model --size 192x144 --seconds 0.1 --threads 1"

# Alone: the device it was asked for, one entry for each shape, and nothing that was not measured.
expect 0 "" "$muster" profile $small --out one.yaml
grep -q '^device: "cpu,f32"' one.yaml || fail "device"
grep -q '^frame_size: 192x144' one.yaml || fail "frame size"
grep -q "hash: [0-9a-f]\{64\}" one.yaml || fail "model hash"
[ "$(grep -c '  - net:' one.yaml)" -gt 3 ] || fail "too few shapes"
! grep -q '^link:' one.yaml || fail "a link without a network"
! grep -q '^    time: 0.0us' one.yaml || fail "a shape that takes no time"
[ "$(paste -d' ' <(grep ' - net' one.yaml) <(grep '^    w:' one.yaml) <(grep '^    h:' one.yaml) | sort | uniq -d | wc -l)" -eq 0 ] ||
    fail "a shape twice"

# Under mpirun: one file a worker, each with its link.
expect 0 "worker 2: to it" timeout -k 2 120 mpirun -n 3 "$muster" profile $small --out two.yaml
[ ! -e two.yaml ] && [ -e two-1.yaml ] && [ -e two-2.yaml ] || fail "not one file a worker"
grep -q "to: {latency: [0-9.]*us, rate: [0-9.e+]* MB/s}" two-2.yaml || fail "no link in two-2.yaml"

# A run takes it, and refuses that of another model.
"$muster" scene --out clip --frames 3 --size 192x144 --seed 5 >/dev/null 2>&1 || fail "no clip"
run="detect clip --model model --threads 1 --quiet"
expect 0 "" timeout -k 2 60 mpirun -n 3 "$muster" $run --profile two-1.yaml,two-2.yaml --json with.jsonl
expect 0 "" timeout -k 2 60 mpirun -n 3 "$muster" $run --json without.jsonl
bare() { sed -e 's/"stamp_ns":[0-9]*,//' -e 's/,"timing":.*$//' "$1"; }
cmp <(bare with.jsonl) <(bare without.jsonl) || fail "a profile changes what is found"
"$make_model" other 2 || fail "no other model"
expect 2 "two-1.yaml:.*another model" "$muster" detect clip --model other --threads 1 --quiet --profile two-1.yaml
expect 2 "nothing.yaml" "$muster" $run --profile nothing.yaml

# Bad input ends everybody at once, and is said once.
expect 2 "no such option" timeout -k 2 60 mpirun -n 3 "$muster" profile --frob
[ "$(grep -c frob err)" -eq 1 ] || fail "said more than once"
expect 2 "no model 'nothing'" timeout -k 2 60 mpirun -n 3 "$muster" profile --model nothing --out no.yaml
expect 2 "could not measure" timeout -k 2 60 mpirun -n 2 "$muster" profile $small --device nothing --out no.yaml
expect 2 "is needed with several workers" timeout -k 2 60 mpirun -n 3 "$muster" profile $small
expect 2 "too small" "$muster" profile --model model --size 8x8 --out no.yaml
expect 2 "--size 12" "$muster" profile --model model --size 12
expect 2 "--seconds nan" "$muster" profile --seconds nan
[ ! -e no.yaml ] || fail "a file was left"
echo "all well"
