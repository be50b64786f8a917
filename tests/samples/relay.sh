#!/usr/bin/env bash
# samples/relay against a real NATS server, in real processes.
#
#   relay.sh [CASE...]
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/samples/support.sh
source "$here/support.sh"

# A tree of real and made files: small ones, and some of 24 MiB to be caught in the middle of.
make_tree() {
    local program
    mkdir -p -- "$1"
    for program in bash ls cat grep sed awk find sort tar gzip; do
        cp -L -- "$(command -v "$program")" "$1/$program"
    done
    for i in 1 2 3 4; do
        make_file "$1/large/$i" $((24 << 20))
        make_file "$1/small/$i" "$i"
    done
}

# Three workers, one of them killed in the middle of a hand-off, another one later.
case_kills_one_in_the_middle() {
    local victims='' name
    make_tree "$scratch/tree"
    start_nats
    for name in a b c; do
        start_worker "$name"
        victims+=${victims:+,}$name=$pid
    done
    run_origin --kill-one "$victims" "$scratch/tree"
    check_result "$(count_files "$scratch/tree")" "$(count_bytes "$scratch/tree")" '[1-9][0-9]*'
    check_line "$scratch/origin.err" '^relay: killed [abc] \(SIGKILL\) when it had '
    check_line "$scratch/origin.out" '^[abc] .*killed with .* of the .*; [abc] took it over, attempt 2'
}

case_kills_between_when_all_is_small() {
    local victims='' name i
    for i in {1..300}; do
        make_file "$scratch/tree/$i" 4096
    done
    start_nats
    for name in a b c; do
        start_worker "$name"
        victims+=${victims:+,}$name=$pid
    done
    run_origin --kill-one "$victims" "$scratch/tree"
    check_result 300 $((300 * 4096))
    check_line "$scratch/origin.err" 'no hand-off was large enough to be killed in the middle'
    check_line "$scratch/origin.out" '^[abc] .*killed after [0-9]+ files'
}

case_hands_over_names_of_every_kind() {
    local tree=$scratch/tree
    make_file "$tree/one byte" 1
    make_file "$tree/deep/er/and \"quoted\" \\ back" 100
    make_file "$tree/$(printf 'new\nline')" 200
    make_file "$tree/$(printf 'not utf-8: \xff\xfe')" 300
    make_file "$tree/ünïcödé" 400
    ln -- "$tree/one byte" "$tree/the same again"
    ln -s -- "one byte" "$tree/a link to it"
    ln -s -- / "$tree/a link to everything"
    ln -s -- "$tree" "$scratch/link to the tree"
    mkfifo -- "$tree/pipe"
    start_nats
    start_worker a
    run_origin "$tree" "$scratch/link to the tree" "$tree/one byte"
    check_result 5 1001 0
}

case_names_what_cannot_be_handed_over() {
    local without=()
    make_file "$scratch/tree/good" 5000
    make_file "$scratch/tree/secret" 10
    mkdir "$scratch/tree/closed"
    : >"$scratch/tree/empty"
    chmod 000 "$scratch/tree/secret" "$scratch/tree/closed"
    mkfifo "$scratch/pipe"
    if ((EUID == 0)); then # root reads everything, unless this is taken away
        without=(setpriv --bounding-set "-dac_override,-dac_read_search")
    fi
    start_nats
    start_worker a
    start origin "${without[@]}" "$relay" origin --nats "$url" "$scratch/missing" "$scratch/tree" "$scratch/pipe"
    wait_for "$pid" 60
    check_result 1 5000 0
    check_line "$scratch/origin.err" "/missing: No such file"
    check_line "$scratch/origin.err" "/tree/empty: empty"
    check_line "$scratch/origin.err" "/tree/secret: Permission denied"
    check_line "$scratch/origin.err" "/tree/closed: Permission denied"
    check_line "$scratch/origin.err" "/pipe: neither a file nor a folder"
    check_line "$scratch/origin.out" '^not handed over: 1 empty, 3 unreadable, 1 not there$'
}

case_says_when_there_is_nothing() {
    : >"$scratch/empty"
    url=nats://127.0.0.1:9 # nobody is asked
    run_origin "$scratch/missing"
    check_status 1
    check_last "$scratch/origin.out" 'relay: 0 hand-offs, 0 bytes, 0 wrong, 0 lost, 0 redelivered'
    run_origin "$scratch/empty"
    check_result 0 0 0
}

case_waits_for_a_worker() {
    make_file "$scratch/file" 100000
    start_nats
    start origin "$relay" origin --nats "$url" "$scratch/file"
    origin=$pid
    until_true 10 has_line "$scratch/origin.err" 'to the workers of pool' || fail "the origin does not begin"
    start_worker late
    wait_for "$origin" 30
    check_result 1 100000
}

case_waits_for_a_server() {
    local port
    make_file "$scratch/file" 100000
    start_nats
    port=${url##*:}
    kill "$nats"
    wait_for "$nats" 10
    start origin "$relay" origin --nats "$url" "$scratch/file"
    origin=$pid
    until_true 10 has_line "$scratch/origin.err" 'no NATS server yet' || fail "the origin does not say that it waits"
    rm -f -- "$scratch"/*.ports
    start_nats_at "$port"
    start_worker a
    wait_for "$origin" 40
    check_result 1 100000
}

case_gives_up_when_nobody_comes() {
    make_file "$scratch/tree/1" 1000
    make_file "$scratch/tree/2" 1000
    start_nats
    run_origin --wait 1 "$scratch/tree"
    check_status 1
    check_last "$scratch/origin.out" 'relay: 0 hand-offs, 0 bytes, 0 wrong, 2 lost, 0 redelivered'
    check_line "$scratch/origin.err" "nobody of pool 'relay' has taken anything"
}

case_gives_up_when_there_is_no_server() {
    make_file "$scratch/file" 1000
    url=nats://127.0.0.1:9
    run_origin --wait 1 "$scratch/file"
    check_status 1
}

case_ends_by_ctrl_c_while_it_waits() {
    make_file "$scratch/file" 1000
    start_nats
    start origin "$relay" origin --nats "$url" "$scratch/file"
    until_true 10 has_line "$scratch/origin.err" 'to the workers of pool' || fail "the origin does not begin"
    kill -INT "$pid"
    wait_for "$pid" 5
    check_status 130
    check_last "$scratch/origin.out" 'relay: 0 hand-offs, 0 bytes, 0 wrong, 0 lost, 0 redelivered'
}

# The worker outlives its origin, and serves the next.
case_ends_by_ctrl_c_in_the_middle() {
    local i
    for i in {1..8}; do
        make_file "$scratch/tree/$i" $((64 << 20))
    done
    start_nats
    start_worker a
    worker=$pid
    start origin "$relay" origin --nats "$url" --offers 2 --memory 128 "$scratch/tree"
    origin=$pid
    # Two copies are in memory, so it is in the middle of something.
    until_true 20 has_grown "$origin" $((100 << 10)) || fail "the origin reads nothing"
    kill -INT "$origin"
    wait_for "$origin" 5
    check_status 130
    check_last "$scratch/origin.out" 'relay: [0-9]+ hand-offs, [0-9]+ bytes, 0 wrong, 0 lost, [0-9]+ redelivered'
    is_running "$worker" || fail "the worker died with the origin"
    run_origin "$scratch/tree/1"
    check_result 1 $((64 << 20))
    kill -TERM "$worker"
    wait_for "$worker" 5
    check_status 0
    check_last "$scratch/a.out" 'relay worker a: [0-9]+ hand-offs, [0-9]+ bytes, [0-9]+ failed'
}

# has_grown PID KIB: resident memory
has_grown() {
    (($(awk '/^VmRSS:/ { kib = $2 } END { print kib + 0 }' "/proc/$1/status") > $2))
}

case_loses_nothing_when_a_worker_ends() {
    local i first
    for i in {1..8}; do
        make_file "$scratch/tree/$i" $((32 << 20))
    done
    start_nats
    start_worker a
    first=$pid
    start origin "$relay" origin --nats "$url" --offers 4 "$scratch/tree"
    origin=$pid
    until_true 20 has_grown "$first" $((60 << 10)) || fail "the worker takes nothing"
    kill -INT "$first"
    wait_for "$first" 5
    check_status 0
    start_worker b
    wait_for "$origin" 60
    check_result 8 $((8 * 32 << 20))
}

# What is handed over is a copy: nothing is wrong, nobody gets a SIGBUS.
case_survives_files_that_change() {
    local i
    for i in {1..6}; do
        make_file "$scratch/tree/$i" $((8 << 20))
    done
    start_nats
    start_worker a
    while true; do
        for i in {1..6}; do
            head -c $((RANDOM * 300)) /dev/zero >"$scratch/tree/$i" || exit 0
        done
    done &
    children+=($!)
    for i in {1..5}; do
        run_origin "$scratch/tree"
        check_last "$scratch/origin.out" 'relay: [0-9]+ hand-offs, [0-9]+ bytes, 0 wrong, 0 lost, 0 redelivered'
    done
}

# A worker that does not know what a relay wants: the one of the README.
case_counts_a_wrong_answer() {
    make_file "$scratch/file" 1000
    start_nats
    mkfifo "$scratch/stdin"
    BATON_NATS_URL=$url "$samples/hello_take" <"$scratch/stdin" >/dev/null &
    children+=($!)
    exec 4>"$scratch/stdin"
    run_origin --pool embed "$scratch/file"
    check_status 1
    check_last "$scratch/origin.out" 'relay: 1 hand-offs, 1000 bytes, 1 wrong, 0 lost, 0 redelivered'
    exec 4>&-
}

case_refuses_a_wrong_command_line() {
    local line
    for line in '' 'orig' 'origin --offers 0' 'origin --memory x' 'origin --nothing' 'origin --kill-one a' 'worker path'; do
        status=0
        # shellcheck disable=SC2086 # words on purpose
        "$relay" $line >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
        check_status 2
        check [ -s "$scratch/err" ]
    done
    check "$relay" --help >/dev/null
    check "$relay" origin --help >/dev/null
    check "$relay" worker --help >/dev/null
}

test_main "$@"
