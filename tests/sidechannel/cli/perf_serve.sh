#!/usr/bin/env bash
# baton perf --serve and --connect.
#
#   perf_serve.sh [CASE...]
set -euo pipefail
# shellcheck source=tests/sidechannel/cli/perf_support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/perf_support.sh"

# start_server: serves at $address, port $port.
start_server() {
    start_perf server --serve 127.0.0.1:0 "$@"
    server=$pid
    until_true 20 has_line "$scratch/server.out" '127\.0\.0\.1:[0-9]+' || fail "it does not serve"
    address=$(grep -o '127\.0\.0\.1:[0-9]*' "$scratch/server.out" | head -n 1)
    port=${address##*:}
}

# client [argument...]: as perf, but the server goes on.
client() {
    start_perf perf --connect "$address" "$@"
    wait_for "$pid" 60
}

stop_server() {
    check is_running "$server"
    kill -INT "$server"
    wait_for "$server" 10
    check_status 0
    check_nothing_is_left
}

case_serves_one_after_another() {
    start_server
    client --json --size 64KiB --count 20 --op write --link tcp
    check_transfer write 65536 20 1 1 tcp
    client --json --size 64KiB --count 20 --depth 2 --progress application
    check_transfer read 65536 20 2 1 '[a-z0-9_,]+'
    stop_server
    check_line "$scratch/server.out" '^baton perf serves at 127\.0\.0\.1:[0-9]+; Ctrl-C ends it$'
    start_server --json
    check_last "$scratch/server.out" '\{"type":"perf_serve","address":"127\.0\.0\.1:[0-9]+"\}'
    stop_server
}

# say_to_server: standard input goes there as it is; what comes back is thrown away. Ends when the server hangs up.
say_to_server() {
    # shellcheck disable=SC2016 # for the other shell
    timeout 30 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"; cat >&3; cat <&3 >/dev/null' bash "$port" || true
}

has_turned_down() {
    (($(grep -c 'the session is over, by an error' "$scratch/server.err") >= $1))
}

case_ends_the_session_of_whoever_talks_nonsense() {
    start_server
    printf 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' | say_to_server
    until_true 20 has_turned_down 1 || fail "still there"
    check_line "$scratch/server.err" '^baton perf: ERR_MALFORMED: '
    head -c 100000 /dev/urandom >"$scratch/noise"
    say_to_server <"$scratch/noise" # not by a pipe: the server hangs up before it has all, and a pipe would tell head
    until_true 20 has_turned_down 2 || fail "still there"
    printf '\x01\0\0\0\x0c\0\0\0baton perf 9' | say_to_server
    until_true 20 has_turned_down 3 || fail "still there"
    check_line "$scratch/server.err" '^baton perf: ERR_VERSION: '
    printf '\x01\0\0\0\x0c\0\0\0baton perf 2\x02\0\0\0\x06\0\0\0--help' | say_to_server
    until_true 20 has_turned_down 4 || fail "still there"
    printf '\x01\0\0\0\x0c\0\0\0baton perf 2\x02\0\0\0\x19\0\0\0--handoff --nats nats://x' | say_to_server
    until_true 20 has_turned_down 5 || fail "still there"
    check_line "$scratch/server.err" '^baton perf: ERR_NOT_SUPPORTED: '
    printf '\x01\0\0\0\xff\xff\xff\xff' | say_to_server
    until_true 20 has_turned_down 6 || fail "still there"
    printf '\x01\0\0\0\x0c\0\0\0baton perf 2\x02\0\0\0\x14\0\0\0--count 1 --warmup 0\x04\0\0\0\x05\0\0\0001 1 1' | say_to_server
    until_true 20 has_turned_down 7 || fail "still there"
    check_line "$scratch/server.err" '^baton perf: ERR_MALFORMED: a batch that makes no sense'
    : | say_to_server
    client --json --size 4096 --count 5
    check_transfer read 4096 5 1 1 '[a-z0-9_,]+'
    stop_server
}

# Whoever says nothing at all has his place for ten seconds, and others are told.
case_turns_away_who_comes_second() {
    start_server
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    until_true 10 has_line "$scratch/server.err" 'a session for' || fail "nobody is served"
    client --size 4096 --count 5
    check_error ERR_BUSY
    exec 3>&-
    until_true 20 has_turned_down 1 || fail "still there"
    client --json --size 4096 --count 5
    check_transfer read 4096 5 1 1 '[a-z0-9_,]+'
    stop_server
}

case_serves_on_when_a_client_is_killed() {
    start_server
    start_perf perf --connect "$address" --size 1MiB --count 10000000
    until_true 20 has_line "$scratch/server.err" 'a session for' || fail "nobody is served"
    sleep 1
    kill -KILL "$pid"
    until_true 20 has_turned_down 1 || fail "still there"
    client --json --size 4096 --count 5
    check_transfer read 4096 5 1 1 '[a-z0-9_,]+'
    stop_server
}

case_ends_when_the_server_is_killed() {
    start_server
    start_perf perf --connect "$address" --size 1MiB --count 10000000
    run=$pid
    until_true 20 has_line "$scratch/server.err" 'a session for' || fail "nobody is served"
    sleep 1
    kill -KILL "$server"
    check_ends_with '(ERR_PEER_LOST|ERR_TRANSPORT|ERR_UNREACHABLE)'
}

case_says_that_nobody_serves() {
    start_server
    stop_server
    perf --connect "$address"
    check_error ERR_UNREACHABLE 'does baton perf --serve run there'
    perf --connect nonsense
    check_error ERR_INVALID_ARGUMENT
    perf --connect 'no.such.host.invalid:1'
    check_error ERR_UNREACHABLE
    perf --serve 192.0.2.1:1
    check_error ERR_SYSTEM
}

# Somebody listens and never answers.
case_does_not_wait_for_ever_for_a_server() {
    start_server
    kill -STOP "$server"
    client --count 5
    check_error ERR_TIMED_OUT
    kill -CONT "$server"
    stop_server
}

test_main "$@"
