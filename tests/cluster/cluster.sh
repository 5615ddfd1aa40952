#!/usr/bin/env bash
# Whole runs of `muster detect`, alone and under mpirun, on a small clip with small random nets.
#
#   cluster.sh MUSTER MAKE_MODEL WORK_DIR CASE      (CASE: setup first, then any function named below)
set -u
muster=$1 make_model=$2 work=$3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work" && cd "$work" || exit 1

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# Run with a time limit, so that a hang is a failure with a name. rc has the exit code; output in out, err.
rc=0 limit=${TEST_LIMIT_S:-120}
run() {
    timeout -k 5 "$limit" "$@" >out 2>err
    rc=$?
    [ $rc -ne 124 ] && [ $rc -ne 137 ] || fail "no end after $limit s: $* ($(tail -3 err))"
}

expect() { # expect CODE COMMAND...
    local code=$1
    shift
    run "$@"
    [ $rc -eq "$code" ] || fail "exit code $rc, not $code: $* ($(tail -5 err))"
}

# Detections without what may differ: the capture time and the timing, which is the last key.
bare() {
    sed -e 's/"stamp_ns":[0-9]*,//' -e 's/,"timing":.*$//' "$1"
}

same() {
    cmp <(bare "$1") <(bare "$2") || fail "detections of $1 and $2 differ"
}

ranks() { # ranks N ARGUMENTS OF DETECT...: one thread a worker, whatever N is
    local n=$1
    shift
    echo mpirun -n "$n" "$muster" detect --model model --threads 1 --quiet "$@"
}
alone="$muster detect --model model --threads 1 --quiet"

setup() {
    rm -rf clip sizes mixed empty model
    "$make_model" model 1 || fail "no model"
    "$muster" scene --out clip --frames 3 --size 192x144 --seed 5 >/dev/null || fail "no clip"
    "$muster" scene --out other --force --frames 2 --size 150x110 --seed 6 >/dev/null || fail "no clip"
    mkdir -p sizes mixed empty
    cp clip/f0000.png sizes/a0.png && cp other/f0000.png sizes/a1.png
    cp other/f0001.png sizes/a2.png && cp clip/f0001.png sizes/a3.png
    cp clip/f0000.png mixed/a0.png && head -c 700 clip/f0001.png >mixed/a1.png
    echo "no picture" >mixed/a2.jpg && cp clip/f0002.png mixed/a3.png
}

one_to_six_ranks_find_the_same() {
    expect 0 $alone clip --json alone.jsonl
    [ "$(wc -l <alone.jsonl)" -eq 3 ] || fail "not one line a frame"
    grep -q '"box"' alone.jsonl || fail "nothing found: the comparison would say nothing"
    for n in 1 2 3 4 5 6; do
        expect 0 $(ranks $n clip --json ranks.jsonl)
        same alone.jsonl ranks.jsonl
    done
}

tiles_change_nothing() {
    expect 0 $alone clip --json alone.jsonl
    for size in "0 0" "5 0" "9 7"; do
        set -- $size
        expect 0 $(ranks 4 clip --json tiles.jsonl --tile-rows $1 --tile-cols $2)
        same alone.jsonl tiles.jsonl
    done
}

depth_changes_nothing() {
    expect 0 $alone clip --json alone.jsonl
    for depth in 1 5; do
        expect 0 $(ranks 3 clip --json depth.jsonl --depth $depth)
        same alone.jsonl depth.jsonl
    done
}

ground_plane_finds_the_same_with_any_number_of_ranks() {
    expect 0 $alone clip --json off.jsonl
    expect 0 $alone clip --camera clip/camera.yaml --json plane.jsonl --report run.json
    grep -q '"ground_plane": "on"' run.json || fail "the report does not name the ground plane"
    grep -q '"macs_share": 0\.' run.json || fail "nothing was saved: $(grep macs_share run.json)"
    grep -q '"coverage":1,' plane.jsonl || fail "the bands are not covered"
    expect 0 $(ranks 4 clip --camera clip/camera.yaml --json ranks.jsonl)
    same plane.jsonl ranks.jsonl
    expect 0 $(ranks 3 clip --camera clip/camera.yaml --ground-plane measure --json measured.jsonl \
        --report run.json)
    grep -q '"detections_lost": [0-9]' run.json || fail "nothing was measured"
    expect 0 $alone clip --camera clip/camera.yaml --ground-plane off --json distances.jsonl
    same measured.jsonl distances.jsonl
    grep -q '"distance_m":[0-9]' distances.jsonl || fail "no distances"
    cmp <(bare off.jsonl | sed 's/"distance_m":[^}]*//g') \
        <(bare distances.jsonl | sed 's/"distance_m":[^}]*//g') || fail "a camera alone changes detections"
}

camera_that_does_not_fit_is_refused() {
    expect 2 $alone clip --ground-plane on
    grep -q -- "--camera" err || fail "it does not say what is needed: $(cat err)"
    expect 2 $alone clip --camera clip/camera.yaml --ground-plane maybe
    expect 2 $(ranks 3 clip --camera nowhere.yaml)
    grep -q "nowhere.yaml" err || fail "the file is not named"
    sed 's/^pitch_deg: .*/pitch_deg: -60/' clip/camera.yaml >sky.yaml
    expect 2 $alone clip --camera sky.yaml
    grep -q "sky.yaml:[0-9]*: pitch_deg" err || fail "key and line are not named: $(cat err)"
    sed 's/^height: .*/height: 192/; s/^cy: .*/cy: 96/' clip/camera.yaml >square.yaml
    run $alone clip --camera square.yaml --json refused.jsonl
    [ $rc -ne 0 ] || fail "a camera of another shape was taken"
    grep -q "another shape" err || fail "it does not say why: $(cat err)"
}

tcp_finds_the_same() {
    expect 0 $alone clip --json alone.jsonl
    UCX_TLS=tcp,self UCX_NET_DEVICES=lo expect 0 $(ranks 4 clip --json tcp.jsonl)
    same alone.jsonl tcp.jsonl
}

sizes_may_change_within_a_run() {
    expect 0 $alone sizes --json alone.jsonl
    expect 0 $(ranks 4 sizes --json ranks.jsonl)
    same alone.jsonl ranks.jsonl
    expect 0 $alone sizes/a1.png --json one.jsonl
    cmp <(bare one.jsonl | sed 's/^{"frame":0/{"frame":1/') <(bare alone.jsonl | sed -n 2p) ||
        fail "a picture gives something else within a run"
}

broken_pictures_are_reported_and_the_run_goes_on() {
    expect 0 $alone mixed --json alone.jsonl
    [ "$(wc -l <alone.jsonl)" -eq 4 ] || fail "not one line a frame"
    [ "$(grep -c '"error"' alone.jsonl)" -eq 2 ] || fail "two frames are broken"
    [ "$(grep -c '"coverage":1,' alone.jsonl)" -eq 2 ] || fail "two frames are not"
    expect 0 $(ranks 3 mixed --json ranks.jsonl)
    same alone.jsonl ranks.jsonl
}

one_broken_picture_is_bad_input() {
    expect 2 $alone mixed/a2.jpg --json -
    grep -q '"error"' out || fail "no line for it"
    expect 2 $(ranks 3 mixed/a2.jpg)
}

bad_input_is_named_and_ends_everybody() {
    for how in "$alone" "$(ranks 1)" "$(ranks 3)"; do
        expect 2 $how empty
        grep -q "empty" err || fail "the directory is not named"
        expect 2 $how nowhere
        grep -q "nowhere" err || fail "the path is not named"
        expect 2 $how clip --config nowhere.yaml
        grep -q "nowhere.yaml" err || fail "the config is not named"
        expect 2 $how clip --model nowhere
        grep -q "nowhere" err || fail "the model is not named"
        expect 2 $how clip --device abacus
        grep -q "abacus" err || fail "the device is not named"
        expect 2 $how clip --fppi 0.0001
    done
}

usage_errors_are_said_once() {
    expect 2 $(ranks 4 clip --sideways)
    [ "$(grep -c "unknown option '--sideways'" err)" -eq 1 ] || fail "not said once"
    expect 2 $(ranks 4)
    expect 2 $(ranks 4 clip --threads many)
    grep -q "threads" err || fail "the option is not named"
    expect 0 mpirun -n 3 "$muster" detect --help
    [ "$(grep -c '^usage: muster detect' out)" -eq 1 ] || fail "help is not said once"
}

rank_that_cannot_start_is_named_and_left_out() {
    cat >one_bad.sh <<END
#!/bin/sh
[ "\$PMI_RANK" = 2 ] && exec "\$@" --config nowhere.yaml
exec "\$@"
END
    chmod +x one_bad.sh
    expect 0 $alone clip --json alone.jsonl
    run mpirun -n 4 ./one_bad.sh $alone clip --json ranks.jsonl
    grep -q "rank 2 can't work: .*nowhere.yaml" err || fail "rank 2 is not named: $(cat err)"
    same alone.jsonl ranks.jsonl
}

wrong_number_of_workers_is_refused() {
    expect 2 $(ranks 3 clip --workers 4)
    grep -q "mpirun -n 5" err || fail "it does not say how"
    expect 2 $alone clip --workers 4
    expect 0 $(ranks 3 clip --workers 2)
    expect 0 $alone clip --workers 1
}

full_disk_fails_the_run() {
    expect 1 $alone clip --json /dev/full
    grep -q "/dev/full" err || fail "the file is not named"
    expect 1 $(ranks 3 clip --json /dev/full)
    expect 1 $(ranks 3 clip --report /dev/full)
}

failed_run_leaves_nothing_half_written() {
    rm -rf found.jsonl run.json
    expect 1 $(ranks 3 clip --json found.jsonl --out /dev/null/pictures)
    [ ! -e found.jsonl ] || fail "found.jsonl is there"
    [ -z "$(ls | grep '\.part$')" ] || fail "a .part file is left"
}

reader_may_leave_early() {
    $alone clip --json - 2>err | head -c 20 >/dev/null
    [ "${PIPESTATUS[0]}" -eq 0 ] || fail "alone: $(cat err)"
    timeout -k 5 120 $(ranks 3 clip --json -) 2>err | head -c 20 >/dev/null
    [ "${PIPESTATUS[0]}" -ne 124 ] || fail "a hang"
}

pictures_and_report_are_written() {
    rm -rf found run.json
    expect 0 $(ranks 3 clip --out found --report run.json)
    [ "$(ls found | wc -l)" -eq 3 ] || fail "not one picture a frame"
    grep -q '"coordinator_cpu_ms"' run.json || fail "no report"
}

interrupt_finishes_the_frames_in_flight() {
    rm -f found.jsonl
    mkdir -p many
    for i in $(seq 300); do ln -sf ../clip/f0000.png many/f$i.png; done
    $alone many --json found.jsonl 2>err &
    local pid=$!
    for _ in $(seq 600); do
        [ -s found.jsonl.part ] && break
        sleep 0.1
    done
    kill -INT $pid
    wait $pid || fail "exit code $? ($(cat err))"
    [ -s found.jsonl ] || fail "no detections"
    local lines
    lines=$(wc -l <found.jsonl)
    for i in $(seq 0 $((lines - 1))); do
        sed -n "$((i + 1))p" found.jsonl | grep -q "^{\"frame\":$i," || fail "frame $i is not in its place"
    done
}

bench_measures_and_goes_on_where_it_was() {
    rm -rf report
    local bench="$muster bench clip --model model --workers 1,2 --split tile --repeats 1 --duration 0.2 --warmUp 10 --iterations 4 --out report"
    expect 0 $bench -- --threads 1
    grep -q '"complete": true' report/report.json || fail "not complete"
    [ "$(grep -c '"name": "w00' report/report.json)" -eq 2 ] || fail "not two points"
    [ "$(grep -c '"same_detections": true' report/report.json)" -eq 2 ] || fail "detections differ"
    for file in report.md speedup.svg latency.svg energy.svg where.svg gantt.svg; do
        [ -s "report/$file" ] || fail "no $file"
    done
    rm report/points/w002-tile-1.args # as if it had been stopped before the second point
    cp report/points/w001-tile-1.json kept.json
    expect 0 $bench -- --threads 1
    cmp kept.json report/points/w001-tile-1.json || fail "a finished run was made again"
    [ -s report/points/w002-tile-1.args ] || fail "the run that was missing was not made"
    expect 2 $muster bench clip --workers 0
    grep -q "1..6" err || fail "does not say what would be valid: $(cat err)"
}

bench_climbs_the_papers_ladder() {
    expect 0 $muster bench --ladder clip --model model --camera clip/camera.yaml --repeats 1 --json --out ladder
    [ "$(grep -o '"step":' out | wc -l)" -eq 5 ] || fail "not five steps: $(cat out)"
    [ "$(grep -o '"paper_detection_ms":8391.2' out | wc -l)" -eq 1 ] || fail "the paper's figures are missing"
    grep -q '"not_run":"does not apply' out || fail "a step that does not apply is not marked so"
    expect 2 $muster bench --ladder clip --model model --device sim:tx1 --out ladder
    grep -q "cpu or cuda:0" err || fail "does not say what would be valid: $(cat err)"
}

bench_runs_the_papers_operations() {
    expect 0 $muster bench --ops --json
    [ "$(grep -o '"f32_ms":[0-9]' out | wc -l)" -eq 12 ] || fail "not twelve operations: $(cat out)"
    grep -q '"f16_ms":null' out || fail "a precision that is missing is not null"
}

[ "$(type -t "$4")" = function ] || fail "no case $4"
"$4"
echo "passed: $4"
