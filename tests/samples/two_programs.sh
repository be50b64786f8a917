#!/usr/bin/env bash
# samples/two_programs: the sdk alone, metadata through a pipe.
#
#   two_programs.sh [CASE...]
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/samples/support.sh
source "$here/support.sh"
give=$samples/give
take=$samples/take

# Both ends of a pipe; fails if one of them does.
pipe() {
    timeout 60 "$give" "$scratch/in" 2>"$scratch/give.err" | timeout 60 "$take" "$scratch/out" 2>"$scratch/take.err"
}

case_hands_a_file_over() {
    local bytes
    for bytes in 1 4096 $((50 << 20)); do
        make_file "$scratch/in" "$bytes"
        check pipe
        check cmp -s "$scratch/in" "$scratch/out"
        check_line "$scratch/give.err" "^give: COMPLETE, $bytes of $bytes bytes to '.+' by am"
        check_line "$scratch/take.err" "^take: COMPLETE, $bytes of $bytes bytes from '.+' by am"
    done
}

case_refuses_what_is_no_metadata() {
    status=0
    { printf '300\n' && head -c 300 /dev/urandom; } | timeout 20 "$take" "$scratch/out" 2>"$scratch/take.err" || status=$?
    check_status 1
    check_line "$scratch/take.err" '^take: metadata: '
    check [ ! -e "$scratch/out" ]
    status=0
    timeout 20 "$take" "$scratch/out" </dev/null 2>"$scratch/take.err" || status=$?
    check_status 1
    status=0
    timeout 20 "$give" "$scratch/missing" 2>"$scratch/give.err" | cat >/dev/null || status=$?
    check_status 1
}

# start_give BYTES: its metadata is in a file, for readers of the test's choice.
start_give() {
    make_file "$scratch/in" "$1"
    start give "$give" "$scratch/in"
    giver=$pid
    until_true 20 [ -s "$scratch/give.out" ] || fail "give writes no metadata"
}

case_learns_that_the_giver_is_gone() {
    start_give 100000
    kill -KILL "$giver"
    wait_for "$giver" 5
    start take "$take" "$scratch/out" <"$scratch/give.out"
    wait_for "$pid" 40
    check_status 1
    check_line "$scratch/take.err" '^take: ERRORED, 0 of 100000 bytes'
    check [ ! -e "$scratch/out" ]
}

# Only one can take it.
case_gives_once() {
    local second
    start_give $((50 << 20))
    start one "$take" "$scratch/one" <"$scratch/give.out"
    wait_for "$pid" 40
    check_status 0
    wait_for "$giver" 10
    check_status 0
    start two "$take" "$scratch/two" <"$scratch/give.out"
    second=$pid
    wait_for "$second" 40
    check_status 1
    check_line "$scratch/two.err" '^take: ERRORED'
}

test_main "$@"
