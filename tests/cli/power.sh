#!/usr/bin/env bash
# What a run says of its watts, and its trace, with a small random net.  power.sh MUSTER WORK_DIR MAKE_MODEL TREES
set -u
muster=$1 work=$2 make_model=$3 trees=$4
. "$(dirname "$0")/common.sh"

"$make_model" model 1 || fail "no model"
"$muster" scene --out clip --size 192x144 --frames 4 >scene.log 2>&1 || fail "no clip: $(cat scene.log)"
run="detect clip --model model --threads 1 --loop --duration 1 --report run.json"

value() { # value KEY: of the report's own keys, not the workers'
    sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" run.json
}

# A board's rail, read through a recorded tree.
expect 0 "measured, 4.5 W" "$muster" $run --power-root "$trees/nano"
within "$(value watts)" 4.492 0.01
[ "$(value power)" = measured ] || fail "power is '$(value power)'"
grep -q '"rail": "ina3221 POM_5V_IN"' run.json || fail "rail"
within "$(value power_coverage)" 0.85 0.16
within "$(value joules_per_frame)" "$(awk -v w="$(value watts)" -v f="$(value fps)" 'BEGIN { print w / f }')" 1e-4

# Two workers on one host read one rail: it is counted once.
expect 0 "measured" timeout -k 2 60 mpirun -n 3 "$muster" $run --power-root "$trees/nano"
within "$(value watts)" 4.492 0.01
[ "$(grep -c '"rail": "ina3221 POM_5V_IN"' run.json)" -eq 2 ] || fail "not two rails"

# Modelled boards have one each: two TX1, between idle and busy.
expect 0 "modelled" timeout -k 2 60 mpirun -n 3 "$muster" $run --device sim:tx1,empty --trace trace.json
within "$(value watts)" 13.3 6.8
[ "$(value power)" = modelled ] || fail "power is '$(value power)'"
grep -q '"name":"rank 2, .*sim:tx1,f16,empty"' trace.json || fail "no row for rank 2"
grep -q '"ph":"C".*"watts":[0-9]' trace.json || fail "no watts in the trace"
grep -q '"name":"level 0"' trace.json || fail "no tile in the trace"

# No data is a state: null, never zero.
for how in "--power none" "--power rapl --power-root nowhere" "--power-root $trees/unknown --power ina3221"; do
    expect 0 "power: no data" "$muster" $run $how
    [ "$(value watts)" = null ] && [ "$(value joules_per_frame)" = null ] || fail "not null with $how"
    [ "$(value power)" = "no data" ] || fail "power is '$(value power)' with $how"
done
grep -q "VDD_A, VDD_B" err || fail "the labels are not named"

expect 2 "csv:FILE" "$muster" detect clip --power meter
expect 1 "nowhere/trace.json" "$muster" detect clip --model model --trace nowhere/trace.json
echo "all well"
