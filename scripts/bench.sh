#!/bin/bash
# The benchmarks, one after the other, on an otherwise idle machine. They print ratios of one run;
# none of them passes or fails.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
tests=build/release/tests

run() {
    echo "== $*"
    "$@" || echo "(failed: $?)"
}
run "$tests/coordinator/test_bands" --bench
run "$tests/bench/bench_device"
run tests/bench/bench_scaling build/release/cli/muster
