#!/usr/bin/env bash
# samples/run.sh with a relay that is built already.
#
#   run.sh [CASE...]
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/samples/support.sh
source "$here/support.sh"
script=${BATON_SOURCE_DIR:?}/samples/run.sh
export BATON_RELAY=$relay

# What it starts has this in its command line, and its temporary folder is below.
run_script() {
    mkdir -p "$scratch/tmp.$1"
    TMPDIR=$scratch/tmp.$1 start "$@"
}

nothing_is_left() {
    [[ -z $(ls -A "$scratch/tmp.$1") ]] && ! pgrep -f "$scratch/tmp.$1" >/dev/null
}

check_nothing_is_left() {
    until_true 5 nothing_is_left "$1" || fail "something is left of $1: $(ls -A "$scratch/tmp.$1") $(pgrep -af "$scratch/tmp.$1")"
}

check_line_of() {
    check_last "$scratch/$1.out" "relay: $2 hand-offs, $3 bytes, 0 wrong, 0 lost, $4 redelivered"
}

case_kills_one_and_starts_another() {
    local i
    for i in {1..12}; do
        make_file "$scratch/tree/$i" $((16 << 20))
    done
    run_script run "$script" "$scratch/tree"
    wait_for "$pid" 100
    check_status 0
    check_line_of run 12 $((12 * 16 << 20)) '[1-9][0-9]*'
    check_line "$scratch/run.out" '^worker-[123] .*killed with .* took it over'
    check_nothing_is_left run
}

case_does_small_files_too() {
    local i
    for i in {1..400}; do
        make_file "$scratch/tree/$i" 4096
    done
    run_script run "$script" "$scratch/tree" "$scratch/missing"
    wait_for "$pid" 60
    check_status 0
    check_line_of run 400 $((400 * 4096)) '[0-9]+'
    check_line "$scratch/run.err" 'no hand-off was large enough to be killed in the middle'
    check_nothing_is_left run
}

# From another folder, with a relative path, and two of them at once.
case_runs_twice_at_once() {
    local first second
    make_file "$scratch/tree/file" $((20 << 20))
    cd "$scratch"
    run_script one "$script" tree
    first=$pid
    run_script two "$script" tree/file
    second=$pid
    wait_for "$first" 60
    check_status 0
    wait_for "$second" 60
    check_status 0
    check_line_of one 1 $((20 << 20)) '[0-9]+'
    check_line_of two 1 $((20 << 20)) '[0-9]+'
    check_nothing_is_left one
    check_nothing_is_left two
}

has_begun() {
    has_line "$scratch/run.err" 'to the workers of pool'
}

case_ends_by_ctrl_c() {
    local i signal
    for i in {1..16}; do
        make_file "$scratch/tree/$i" $((32 << 20))
    done
    for signal in INT TERM; do
        rm -f "$scratch/run.err"
        run_script run setsid "$script" "$scratch/tree"
        until_true 20 has_begun || fail "it does not begin"
        # As a terminal does it: to everybody of the foreground at once.
        kill "-$signal" -- "-$pid"
        wait_for "$pid" 15
        ((status == 130 || status == 143)) || fail "exit status $status after SIG$signal"
        check_nothing_is_left run
    done
}

test_main "$@"
