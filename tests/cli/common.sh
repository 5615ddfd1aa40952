# Sourced by the scripts beside it, which have set work: an empty folder to be in, and how a case fails.
rm -rf "$work" && mkdir -p "$work" && cd "$work" || exit 1

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

expect() { # expect CODE WORD COMMAND...: the exit code, and what it says on stderr
    local code=$1 word=$2
    shift 2
    "$@" >out 2>err
    local rc=$?
    [ $rc -eq "$code" ] || fail "exit code $rc, not $code: $* ($(tail -3 err))"
    grep -q -- "$word" err || [ -z "$word" ] || fail "'$word' is not in: $(cat err) ($*)"
}

within() { # within A B MARGIN
    awk -v a="$1" -v b="$2" -v m="$3" 'BEGIN { exit !(a - b <= m && b - a <= m) }' ||
        fail "$1 is not within $3 of $2"
}
