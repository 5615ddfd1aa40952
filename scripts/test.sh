#!/bin/bash
# All tests of the dev build. No tests found is a failure.
set -euo pipefail
cd "$(dirname "$0")/../build/dev"

tests=$(ctest -N | sed -n 's/^Total Tests: //p')
if [[ ${tests:-0} -eq 0 ]]; then
    echo "no tests found" >&2
    exit 1
fi
# Several tests at once, as most wait for files or processes; MPICH must not bind them to cores.
status=0
ctest --output-on-failure --timeout 300 -j "$(nproc)" || status=$?
# What was built for a GPU and found none.
awk '/^no GPU: [0-9]+ tests not run/ { n += $3 } END { if (n) print "no GPU: " n " tests not run" }' \
    Testing/Temporary/LastTest.log
exit $status
