#!/bin/bash
# muster simulate as a user calls it: simulate.sh MUSTER
set -uo pipefail
muster=$1
failed=0

check() { # WHAT; the last command's status decides
    local status=$?
    [[ $status -eq 0 ]] || { echo "failed: $1" >&2 && failed=1; }
}
key() { # JQ-less: does the line have "KEY":
    grep -q "\"$1\":" <<<"$2"
}

first=$("$muster" simulate --board tx1 --workers 1,2,4 --frames 60 --jitter 1ms --json)
check "a run of three points"
second=$("$muster" simulate --board tx1 --workers 1,2,4 --frames 60 --jitter 1ms --json)
[[ $first == "$second" ]]
check "the same options give the same bytes"
[[ $first != "$("$muster" simulate --board tx1 --workers 1,2,4 --frames 60 --jitter 1ms --seed 2 --json)" ]]
check "another seed gives another run"
for name in points workers split ground_plane fps latency_ms p50 p95 p99 efficiency speedup watts \
    joules_per_frame gap model_error system; do
    key "$name" "$first"
    check "key $name"
done
[[ $(grep -o '"workers":' <<<"$first" | wc -l) -eq 3 ]]
check "a point for each number of boards"

"$muster" simulate --board agx-orin:1,nano:3 --frames 40 --split frame | grep -qE '^ +4 '
check "mixed boards, split by frames"
"$muster" simulate --board nano --workers 4 --frames 40 --budget 25W | grep -qE ' 2[0-5]\.[0-9]+ '
check "a budget is kept"
"$muster" simulate --board orin-nano --workers 4 --faults --seed 9 | tail -1 | grep -q 'every rule held'
check "a run with faults"
"$muster" simulate --board orin-nano --workers 256 --frames 20 --json | grep -q '"workers":256'
check "256 boards"

refused() { # OPTION... : exit code 2
    "$muster" simulate "$@" >/dev/null 2>&1
    [[ $? -eq 2 ]]
    check "refused: $*"
}
refused --board nobody-builds-this
refused --board tx1:0
refused --board tx1:2 --workers 3
refused --workers 257
refused --workers 4..2
refused --frames 3
refused --link 10
refused --budget 1W --board nano
refused --split row
refused stray
exit $failed
