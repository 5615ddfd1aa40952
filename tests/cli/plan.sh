#!/usr/bin/env bash
# `muster plan` with a small random net.  plan.sh MUSTER WORK_DIR MAKE_MODEL PYTHON SOURCE_DIR
set -u
muster=$1 work=$2 make_model=$3 python=$4 source=$5
. "$(dirname "$0")/common.sh"

"$make_model" model 1 || fail "no model"
"$muster" scene --out clip --frames 2 --persons 2 --size 192x144 --seed 3 >/dev/null 2>&1 || fail "no clip"
small="--model model --size 192x144"

check() { # check WHAT EXPRESSION: of the JSON object j
    "$python" -c "import json,sys; j=json.load(open('out')); sys.exit(not ($2))" || fail "$1: $(head -c 1500 out)"
}

# One plan: all keys, shares that add up, and a bound that is one.
expect 0 "" "$muster" plan $small --workers tx1,nano:2,orin-nano@7W --json
check "keys" "{'period_ms','latency_ms','lower_bound_ms','gap','workers','left_out','watts','budget_watts'} <= set(j)"
check "worker keys" "all({'name','tiles','macs','bytes','predicted_ms','share'} <= set(w) for w in j['workers'])"
check "shares" "abs(sum(w['share'] for w in j['workers']) - 1) < 1e-9"
check "tiles" "sum(w['tiles'] for w in j['workers']) == j['tiles']"
check "everybody is told of" "len(j['workers']) + len(j['left_out']) == 4"
check "bound" "0 < j['lower_bound_ms'] <= j['period_ms'] * 1.000001 and j['gap'] >= 0"
check "reasons" "all(l['reason'] for l in j['left_out'])"
cp out first
expect 0 "" "$muster" plan $small --workers tx1,nano:2,orin-nano@7W --json
cmp out first || fail "the same plan twice is not the same"

# The ground plane leaves work out; splits have their names; more workers than tiles are left out with a reason.
expect 0 "" "$muster" plan --model model --camera clip/camera.yaml --workers tx1:2 --json
check "ground plane" "j['macs_share'] < 1 and j['size'] == [192, 144]"
expect 0 "" "$muster" plan --model model --camera clip/camera.yaml --ground-plane off --workers tx1:2 --json
check "no ground plane" "j['macs_share'] == 1"
printf 'camera: clip/camera.yaml\nmax_workers: 3\n' >run.yaml # beside it, wherever it is read from
(cd clip && expect 0 "" "$muster" plan --model ../model --config ../run.yaml --workers tx1:2 --json && mv out err ..) || exit 1
check "camera of a config" "j['macs_share'] < 1 and j['size'] == [192, 144]"
printf 'ground_plane: measure\n' >>run.yaml
expect 0 "" "$muster" plan --model model --config run.yaml --workers tx1:2 --json
check "measure searches all" "j['macs_share'] == 1"
expect 0 "" "$muster" plan --model model --config run.yaml --ground-plane on --workers tx1:2 --json
check "the command line wins" "j['macs_share'] < 1"
printf 'ground_plane: maybe\n' >bad.yaml
expect 2 "bad.yaml:1: ground_plane: 'maybe' is not on, off or measure" "$muster" plan --model model --config bad.yaml --workers tx1
expect 2 "bad.yaml:1" "$muster" detect --config bad.yaml clip
expect 2 "camera.*nothing.yaml\|nothing.yaml" "$muster" detect --config <(echo "camera: /nothing.yaml") --model model clip
for split in tile level frame; do
    expect 0 "" "$muster" plan $small --workers tx1:2 --split $split --json
    check "split" "j['split'] == '$split'"
done
expect 0 "" "$muster" plan $small --workers tx1:200 --json
check "left out" "len(j['left_out']) > 100 and j['workers']"
expect 0 "" "$muster" plan $small --workers tx1,nano
grep -q "^left out\|gap" out || fail "no table: $(cat out)"

# What one more would give.
expect 0 "" "$muster" plan $small --workers tx1,nano --what-if 1..5 --json
check "rows" "[w['workers'] for w in j['what_if']] == [1, 2, 3, 4, 5]"
check "one is one" "abs(j['what_if'][0]['speedup'] - 1) < 1e-9"
check "never slower" "all(b['fps'] >= a['fps'] * 0.999 for a, b in zip(j['what_if'], j['what_if'][1:]))"

# Watts: the frontier rises and keeps to its budget, and so does the picture of it.
expect 0 "" "$muster" plan $small --workers orin-nano:2,tx1 --budget 18W --plot watts.svg --json
check "budget" "j['budget_watts'] == 18 and 0 < j['chosen']['watts'] <= 18.0001"
check "rising" "all(a['watts'] < b['watts'] and a['fps'] < b['fps'] for a, b in zip(j['frontier'], j['frontier'][1:]))"
check "bound" "all(p['fps'] <= p['bound_fps'] * 1.000001 for p in j['frontier'])"
check "modes" "len(j['chosen']['modes']) == 3"
grep -q "<svg" watts.svg || fail "no plot"
expect 2 "0.1" "$muster" plan $small --workers orin-nano --budget 0.1W
expect 2 "watt\|W" "$muster" plan $small --workers tx1 --budget 100mW

# Drawings: with and without a camera, on a picture, with and without workers.
expect 0 "" "$muster" plan --model model --camera clip/camera.yaml --draw one.png --picture clip/f0000.png
expect 0 "" "$muster" plan $small --workers tx1:2 --draw two.png
for picture in one.png two.png; do
    [ "$(head -c 4 $picture | tail -c 3)" = PNG ] || fail "$picture is no PNG"
done

# A measured profile is a worker; one of another model is refused with both hashes.
expect 0 "" "$muster" profile $small --seconds 0.05 --threads 1 --out here.yaml
expect 0 "" "$muster" plan $small --workers here.yaml:2 --json
check "profile" "[w['name'] for w in j['workers']] == ['here.yaml'] * 2 and j['watts'] is None"
"$make_model" other 2 || fail "no other model"
expect 2 "here.yaml:.*model.hash.*another model" "$muster" plan --model other --size 192x144 --workers here.yaml
expect 2 "no power modes" "$muster" plan $small --workers here.yaml --budget 40W
sed 's/time: \([0-9]\)/time: -\1/' here.yaml >bad.yaml
expect 2 "bad.yaml:[0-9]*: .*must be" "$muster" plan $small --workers bad.yaml

# What makes no sense is refused by name.
expect 2 "--workers" "$muster" plan $small
expect 2 "tx9" "$muster" plan $small --workers tx9
expect 2 "9W" "$muster" plan $small --workers tx1@9W
expect 2 "behind ':'" "$muster" plan $small --workers tx1:0
expect 2 "expected NAME" "$muster" plan $small --workers tx1,,nano
expect 2 "--port 0" "$muster" plan $small --workers tx1 --port 0
expect 2 "--port 1Gbyte" "$muster" plan $small --workers tx1 --port 1Gbyte
expect 2 "--split x" "$muster" plan $small --workers tx1 --split x
expect 2 "--what-if 4..2" "$muster" plan $small --workers tx1 --what-if 4..2
expect 2 "--budget -3W" "$muster" plan $small --workers tx1 --budget -3W
expect 2 "--plot" "$muster" plan $small --workers tx1 --plot x.svg
expect 2 "end in .png" "$muster" plan $small --workers tx1 --draw x.jpg
expect 2 "nothing.yaml" "$muster" plan $small --workers tx1 --camera nothing.yaml
expect 2 "another shape" "$muster" plan $small --workers tx1 --camera "$source/configs/cameras/scene.yaml" --size 192x192
expect 2 "too small" "$muster" plan --model model --size 8x8 --workers tx1

# A camera that can't be: file, line, key, and what would be valid.
camera() { # camera WORD KEY VALUE
    { grep -v "^$2:" clip/camera.yaml && echo "$2: $3"; } >odd.yaml
    expect 2 "odd.yaml:[0-9]*: $2" "$muster" plan --model model --camera odd.yaml --workers tx1
    grep -q -- "$1" err || fail "'$1' is not in: $(cat err)"
}
camera "the sky" pitch_deg -55
camera "must be" height_m -1
camera "not a number" height_m nan
camera "not a number" pitch_deg 5deg
camera "less than height_m" height_tolerance_m 5
camera "more than body_max_m" body_min_m 2.5
camera "less than distance_max_m" distance_min_m 500
camera "must be" fx 0
camera "must be" pitch_tolerance_deg -1
camera "not a whole number" width 192.5
echo "all well"
