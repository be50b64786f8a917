#!/usr/bin/env bash
# baton perf with processes of its own, as people run it. No case judges speed.
#
#   perf.sh [CASE...]
set -euo pipefail
# shellcheck source=tests/sidechannel/cli/perf_support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/perf_support.sh"

case_moves_in_both_directions_over_every_link() {
    local op
    for op in read write; do
        perf --json --op "$op" --size 64KiB --count 20 --warmup 2
        check_transfer "$op" 65536 20 1 1 '[a-z0-9_,]+'
        perf --json --op "$op" --size 64KiB --count 20 --link shm
        check_transfer "$op" 65536 20 1 1 '(posix|sysv)'
        perf --json --op "$op" --size 64KiB --count 20 --link tcp
        check_transfer "$op" 65536 20 1 1 tcp
    done
}

case_has_many_in_flight_and_many_segments() {
    local progress
    for progress in thread application; do
        perf --json --op read --size 100001 --count 33 --depth 4 --segments 3 --warmup 5 --progress "$progress"
        check_transfer read 100001 33 4 3 '[a-z0-9_,]+'
        perf --json --op write --size 7 --count 5 --depth 16 --segments 7 --warmup 0 --progress "$progress"
        check_transfer write 7 5 16 7 '[a-z0-9_,]+'
        perf --json --size 100000 --count 5 --segments 100 --stride 4KiB --progress "$progress"
        check_transfer read 100000 5 1 100 '[a-z0-9_,]+' 4096
        perf --json --size 1 --count 1 --path am --progress "$progress" --device host
        check_transfer read 1 1 1 1 '[a-z0-9_,]+'
    done
}

# More than an inbox of shared memory has room for.
case_has_more_in_flight_than_an_inbox_holds() {
    local progress
    for progress in thread application; do
        perf --json --link shm --size 4096 --count 2000 --depth 300 --warmup 0 --timeout 20 --progress "$progress"
        check_transfer read 4096 2000 300 1 '(posix|sysv)'
    done
}

# More than a batch.
case_moves_many_times() {
    perf --json --size 8 --count 2500 --depth 2
    check_transfer read 8 2500 2 1 '[a-z0-9_,]+'
}

case_prints_a_table_for_people() {
    perf --size 1MB --count 10
    check_status 0
    check_line "$scratch/perf.out" '^read of 1000000 B, 10 times, 1 in flight, 1 segment\(s\), progress by a thread$'
    check_line "$scratch/perf.out" '^  memory     cpu here, cpu there$'
    check_line "$scratch/perf.out" '^  path       am over [a-z0-9_,]+$'
    check_line "$scratch/perf.out" '^  latency    p50 [0-9.]+ us, p99 [0-9.]+ us, best [0-9.]+ us$'
    check_line "$scratch/perf.out" '^  rate       [0-9.]+ GB/s$'
    check_line "$scratch/perf.out" '^  CPU        [0-9.]+ s/GB \(active side [0-9.]+, passive side [0-9.]+\)$'
    check_line "$scratch/perf.out" '^  data       of the first and the last transfer is right$'
}

check_usage() {
    perf "$@"
    check_status 2
    check_line "$scratch/perf.err" '^usage: baton perf'
    check [ ! -s "$scratch/perf.out" ]
}

case_refuses_wrong_arguments() {
    check_usage --size 1TB
    check_usage --size
    check_usage --count 0
    check_usage --link ib
    check_usage --path dma
    check_usage --path map --op write
    check_usage --path map --segments 2 --stride 1MiB
    check_usage --size 10 --segments 3 --stride 4
    check_usage --size 12 --segments 3 --stride 3
    check_usage --stride
    check_usage --path map --handoff
    check_usage --path rma --handoff
    check_usage --path staged
    check_usage --path map --device cuda
    check_usage --path view --peer-device cuda:1
    check_usage --device tpu
    check_usage --peer-device cuda:
    check_usage --idle 1 --device cuda
    check_usage --live 10 --device cpu
    check_usage --serve 127.0.0.1:0 --peer-device cuda
    check_usage --op move
    check_usage --live 10 --idle 1
    check_usage --peers 3
    check_usage nonsense
    perf --role nobody
    check_status 2
    perf --help
    check_status 0
    check_line "$scratch/perf.out" '^usage: baton perf'
}

case_says_what_is_not_in_this_version() {
    perf --path rma --size 4KiB --count 2
    check_error ERR_NOT_SUPPORTED 'the path was am and not rma: [a-zA-Z]+'
    perf --path map --size 4KiB --count 2
    check_error ERR_NOT_SUPPORTED 'the path was am and not map: less than 64 KiB'
    perf --size 1023GiB --count 1 --json
    check_error ERR_OUT_OF_MEMORY 'memory of this machine'
    check_last "$scratch/perf.out" '\{"type":"perf_error","status":"ERR_OUT_OF_MEMORY","text":"[^"]+"\}'
}

case_maps() {
    perf --path map --size 1MiB --count 3 --depth 2
    check_status 0
    check_line "$scratch/perf.out" '^  path       map over [a-z0-9_,]+$'
    perf --path map --size 1MiB --count 3 --segments 2000
    check_status 0
    check_line "$scratch/perf.out" '^  path       map over [a-z0-9_,]+$'
}

case_views() {
    perf --path view --size 4KiB --count 3 --depth 2
    check_status 0
    check_line "$scratch/perf.out" '^  path       view over [a-z0-9_,]+$'
    check_line "$scratch/perf.out" 'of the first and the last transfer is right$'
}

case_says_that_the_environment_wants_another_link() {
    export UCX_TLS=tcp
    perf --json --link shm --size 4096 --count 5
    check_transfer read 4096 5 1 1 '(posix|sysv)'
    check_line "$scratch/perf.err" '^baton perf: --link shm means UCX_TLS=posix,sysv,self; UCX_TLS=tcp of the environment'
    perf --json --size 4096 --count 5
    check_transfer read 4096 5 1 1 tcp
    check [ ! -s "$scratch/perf.err" ]
}

case_hands_over_with_a_server_of_its_own() {
    local progress
    for progress in thread application; do
        perf --handoff --json --size 4KiB --count 25 --warmup 3 --progress "$progress"
        check_handoff 4096 25
    done
    perf --handoff --size 3 --count 5 --link tcp
    check_status 0
    check_line "$scratch/perf.out" '^hand-off of 3 B, 5 times, .*; path am over tcp$'
    check_line "$scratch/perf.out" '^  ratio +[0-9.]+ +[0-9.]+ +[0-9.]+$'
}

case_hands_over_with_a_given_server() {
    start_nats
    perf --handoff --json --nats "$url" --size 100000 --count 12
    check_handoff 100000 12
    perf --handoff --nats nats://127.0.0.1:9 --count 1
    check_error ERR_NATS_DISCONNECTED
}

case_says_that_its_server_does_not_start() {
    printf '#!/bin/sh\necho "no port for you" >&2\nexit 1\n' >"$scratch/nats-server"
    chmod +x "$scratch/nats-server"
    PATH=$scratch:$PATH perf --handoff --count 1
    check_error ERR_NATS 'does not start: no port for you'
}

case_rests_with_peers() {
    local progress
    for progress in thread application; do
        perf --idle 1 --peers 3 --json --progress "$progress"
        check_json perf_idle "\"peers\":3,\"peers_live\":3,\"seconds\":$real,\"cpu_percent\":$real,\"wakeups_per_s\":$real,\
\"switches_per_s\":$real,$setting"
    done
    perf --idle 1 --peers 0 --link tcp
    check_status 0
    check_line "$scratch/perf.out" '^idle for 1\.[0-9] s with 0 peers'
}

case_counts_what_live_operations_cost() {
    local progress
    for progress in thread application; do
        perf --live 1500 --json --progress "$progress"
        check_json perf_live "\"operations\":1500,\"heap_bytes\":$real,\"resident_bytes\":$real,\"create_ns\":$real,\
\"metadata_ns\":$real,\"deadline_ns\":$real,\"lookup_ns\":$real,\"cancel_ns\":$real,\"destroy_ns\":$real,$setting"
        check [ "$(grep -o '"operations":[0-9]*' "$scratch/perf.out" | tr '\n' ' ')" = \
            '"operations":100 "operations":1000 "operations":1500 ' ]
        check [ "$(grep -cE '"(create|deadline|lookup|cancel)_ns":0\.000' "$scratch/perf.out")" = 0 ]
    done
}

case_shows_what_live_operations_cost() {
    local columns='( +[0-9]+){8}'
    perf --live 3
    check_status 0
    check_line "$scratch/perf.out" '^live passive operations in one connector, progress by a thread; each of them$'
    check_line "$scratch/perf.out" \
        '^ +operations +heap bytes +resident bytes +create ns +metadata ns +deadline ns +lookup ns +cancel ns +destroy ns$'
    check_last "$scratch/perf.out" " +3$columns"
    check [ "$(wc -l <"$scratch/perf.out")" = 3 ] # nothing to compare the only row with
    perf --live 1 --link tcp --progress application
    check_status 0
    check_last "$scratch/perf.out" " +1$columns"
    perf --live 101 --link shm --progress application
    check_status 0
    check_line "$scratch/perf.out" "^ +100$columns\$"
    check_line "$scratch/perf.out" "^ +101$columns\$"
    check_last "$scratch/perf.out" ' +last:first( +[0-9]+\.[0-9]{2}){6}'
    check [ ! -s "$scratch/perf.err" ]
}

# The process that perf has started, in $peer: of several the last.
find_peer() {
    peer=$(pgrep -P "$1" -f -- '--role' | tail -n 1)
    [[ -n $peer ]]
}

has_descriptors() {
    (($(find "/proc/$1/fd" 2>/dev/null | wc -l) > 12))
}

# start_long NAME [argument...]: a run that does not end by itself, in the middle of its work: $run and $peer.
start_long() {
    start_perf "$@"
    run=$pid
    until_true 20 find_peer "$run" || fail "it starts no peer"
    until_true 20 has_descriptors "$run" || fail "it opens no connector"
    sleep 0.5
}

case_ends_when_its_peer_is_killed() {
    local link
    for link in shm tcp; do
        start_long perf --link "$link" --size 1MiB --count 10000000
        kill -KILL "$peer"
        check_ends_with '(ERR_PEER_LOST|ERR_TRANSPORT|ERR_UNREACHABLE)'
    done
    start_long perf --handoff --count 10000000
    kill -KILL "$peer"
    check_ends_with 'ERR_[A-Z_]+'
    start_long perf --idle 600 --peers 2
    kill -KILL "$peer"
    check_ends_with ERR_PEER_LOST
}

case_ends_by_ctrl_c() {
    local signal
    for signal in INT TERM; do
        start_long perf --size 1MiB --count 10000000
        kill "-$signal" "$run"
        check_ends_with ERR_CANCELLED 'interrupted'
    done
    start_long perf --handoff --count 10000000
    kill -INT "$run"
    check_ends_with ERR_CANCELLED
    start_long perf --idle 600 --peers 2
    kill -INT "$run"
    check_ends_with ERR_CANCELLED
    start_perf perf --live 1000000
    run=$pid
    sleep 0.5
    kill -INT "$run"
    check_ends_with ERR_CANCELLED
}

case_leaves_nobody_when_it_is_killed() {
    start_long perf --size 1MiB --count 10000000
    kill -KILL "$run"
    check_nothing_is_left
    start_long perf --handoff --count 10000000
    kill -KILL "$run"
    check_nothing_is_left
}

test_main "$@"
