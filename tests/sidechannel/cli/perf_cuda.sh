#!/usr/bin/env bash
# baton perf with memory of a device, over the stand-in for the CUDA runtime.
#
#   perf_cuda.sh [CASE...]
set -euo pipefail
# shellcheck source=tests/sidechannel/cli/perf_support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/perf_support.sh"
export BATON_CUDART=$BATON_BUILD_DIR/tests/bin/libcudart_fake.so

# for_each_place COMMAND...: with memory of a device here, there, and on both sides.
for_each_place() {
    device=cuda:0 peer_device=cuda:0 "$@"
    device=cuda:0 peer_device=cpu "$@"
    device=cpu peer_device=cuda:0 "$@"
}

# move OP [argument...]: 20 of 1 MiB and one byte.
move() {
    local op=$1
    shift
    perf --json --op "$op" --device "$device" --peer-device "$peer_device" --path staged --size 1048577 --count 20 "$@"
    check_transfer "$op" 1048577 20 1 1 '[a-z0-9_,]+'
}

case_moves_in_both_directions() {
    local op progress
    for op in read write; do
        for progress in thread application; do
            for_each_place move "$op" --progress "$progress"
        done
    done
}

case_moves_over_every_link() {
    local link
    for link in shm tcp; do
        for_each_place move read --link "$link"
        for_each_place move write --link "$link" --warmup 0
    done
}

case_has_many_in_flight_and_many_segments() {
    device=cuda:0
    peer_device=cuda:0
    perf --json --size 100001 --count 33 --depth 4 --segments 3 --device cuda
    check_transfer read 100001 33 4 3 '[a-z0-9_,]+'
    perf --json --op write --size 100000 --count 5 --depth 2 --segments 100 --stride 4KiB --device cuda:0
    check_transfer write 100000 5 2 100 '[a-z0-9_,]+' 4096
    peer_device=cpu
    perf --json --size 1000000 --count 5 --segments 2000 --device cuda --peer-device cpu
    check_transfer read 1000000 5 1 2000 '[a-z0-9_,]+'
    perf --json --op write --size 1 --count 1 --device cuda --peer-device cpu --warmup 0
    check_transfer write 1 1 1 1 '[a-z0-9_,]+'
}

case_prints_a_table_for_people() {
    perf --size 1MB --count 3 --device cuda --peer-device cpu
    check_status 0
    check_line "$scratch/perf.out" '^  memory     cuda:0 here, cpu there$'
    check_line "$scratch/perf.out" '^  path       staged over [a-z0-9_,]+, there am$'
    perf --size 1MB --count 3 --device cuda
    check_status 0
    check_line "$scratch/perf.out" '^  path       staged over [a-z0-9_,]+$'
    check_line "$scratch/perf.out" '^  data       of the first and the last transfer is right$'
    perf --handoff --count 3 --device cpu --peer-device cuda
    check_status 0
    check_line "$scratch/perf.out" '^  memory          cpu at the origin, cuda:0 at the consumer$'
}

hand_over() {
    perf --handoff --json --device "$device" --peer-device "$peer_device" --path staged --size 100001 --count 12 --warmup 2 "$@"
    check_handoff 100001 12
}

case_hands_over() {
    local progress
    for progress in thread application; do
        for_each_place hand_over --progress "$progress"
    done
}

case_uses_the_device_that_it_is_told() {
    export FAKE_CUDA_DEVICES=3
    device=cuda:1
    peer_device=cuda:2
    perf --json --size 1MiB --count 3 --device cuda:1 --peer-device cuda:2
    check_transfer read 1048576 3 1 1 '[a-z0-9_,]+'
    perf --handoff --json --count 3 --device cuda:1 --peer-device cuda:2
    check_handoff 4096 3
}

case_says_why_there_is_no_such_memory() {
    local mode
    for mode in '' --handoff; do
        perf ${mode:+"$mode"} --json --count 1 --device cuda:1
        check_error ERR_INVALID_ARGUMENT 'memory of cuda:1: there is no cuda:1: CUDA has 1 device here'
        check_last "$scratch/perf.out" '\{"type":"perf_error","status":"ERR_INVALID_ARGUMENT","text":"[^"]+"\}'
        perf ${mode:+"$mode"} --count 1 --peer-device cuda:1
        check_error ERR_INVALID_ARGUMENT 'the other side: memory of cuda:1: there is no cuda:1'
        BATON_CUDART=/nowhere/libcudart.so perf ${mode:+"$mode"} --count 1 --device cuda
        check_error ERR_NOT_SUPPORTED 'memory of cuda:0: .*/nowhere/libcudart.so'
        BATON_CUDART=/nowhere/libcudart.so perf ${mode:+"$mode"} --count 1 --peer-device cuda
        check_error ERR_NOT_SUPPORTED 'the other side: memory of cuda:0: .*/nowhere/libcudart.so'
        FAKE_CUDA_DEVICES=-1 perf ${mode:+"$mode"} --count 1 --device cuda
        check_error ERR_NOT_SUPPORTED 'driver'
        FAKE_CUDA_MEMORY_BYTES=1000 perf ${mode:+"$mode"} --count 1 --device cuda
        check_error ERR_OUT_OF_MEMORY 'memory of cuda:0'
    done
}

case_says_that_the_path_was_another_one() {
    perf --path am --count 1 --device cuda
    check_error ERR_NOT_SUPPORTED 'the path was staged and not am: .+'
    perf --path am --count 1 --peer-device cuda
    check_error ERR_NOT_SUPPORTED 'the path was staged and not am: .+'
    perf --path rma --count 1 --device cuda
    check_error ERR_NOT_SUPPORTED 'the path was staged and not rma: [a-zA-Z]+'
    perf --handoff --path am --count 1 --device cuda --peer-device cpu
    check_error ERR_NOT_SUPPORTED 'the path was staged and not am'
    perf --handoff --path am --count 1 --peer-device cuda
    check_error ERR_NOT_SUPPORTED 'the other side: the path was staged and not am'
}

# With a UCX that reaches memory of devices: straight where it can be, and staged where it is asked for.
case_goes_straight_where_ucx_reaches_it() {
    local op
    export LD_PRELOAD=$BATON_BUILD_DIR/tests/bin/libucx_cuda.so ASAN_OPTIONS=verify_asan_link_order=0
    for op in read write; do
        perf --json --link shm --op "$op" --path am --size 20MB --count 3 --device cuda
        check_status 0
        check_line "$scratch/perf.out" '"path":"am","peer_path":"am","transport":"[a-z0-9_,]*cuda_ipc"'
        perf --json --link shm --op "$op" --path staged --size 20MB --count 3 --device cuda
        check_status 0
        check_line "$scratch/perf.out" '"path":"staged","peer_path":"staged"'
    done
    perf --link shm --path am --count 1 --device cuda --peer-device cpu
    unset LD_PRELOAD
    check_error ERR_NOT_SUPPORTED 'the path was staged and not am: the peer sends from memory of the host'
}

# In the middle of the run, and while memory is filled.
case_ends_when_a_copy_fails() {
    local count
    for count in 2 40; do
        FAKE_CUDA_FAIL=copy:$count:719 perf --size 1MiB --count 100 --device cuda --peer-device cpu
        check_error ERR_DEVICE
        FAKE_CUDA_FAIL=copy:$count:719 perf --size 1MiB --count 100 --peer-device cuda
        check_error '(ERR_DEVICE|ERR_PEER_FAILED)'
    done
    FAKE_CUDA_FAIL=copy:2:719 perf --handoff --size 1MiB --count 3 --peer-device cuda
    check_error '(ERR_DEVICE|ERR_PEER_FAILED)'
}

case_serves_memory_of_a_device() {
    local server address
    start_perf server --serve 127.0.0.1:0
    server=$pid
    until_true 20 has_line "$scratch/server.out" '127\.0\.0\.1:[0-9]+' || fail "it does not serve"
    address=$(grep -o '127\.0\.0\.1:[0-9]*' "$scratch/server.out" | head -n 1)
    peer_device=cuda:0
    start_perf perf --connect "$address" --json --size 1MiB --count 5 --peer-device cuda
    wait_for "$pid" 60
    check_transfer read 1048576 5 1 1 '[a-z0-9_,]+'
    start_perf perf --connect "$address" --count 5 --peer-device cuda:9
    wait_for "$pid" 60
    check_error ERR_INVALID_ARGUMENT 'the other side: memory of cuda:9'
    kill -INT "$server"
    wait_for "$server" 10
    check_status 0
    check_nothing_is_left
}

count_calls() {
    "$here/../../bench/cuda_calls.sh" --mib 64 --trace "$scratch/trace" "$@" >"$scratch/calls"
}

# recount: of $scratch/trace as it is by now.
recount() {
    awk -v active=1 -v chunks=128 -f "$here/../../bench/cuda_calls.awk" "$scratch/trace" "$scratch/trace" >"$scratch/calls"
}

# An order to the device and an event for each chunk; nothing between the chunks waits, allocates or frees.
case_waits_for_no_device_and_allocates_nothing_between_chunks() {
    local op side call
    for op in read write; do
        count_calls --op "$op" || fail "$(tail -n 20 "$scratch/calls")"
        for side in active passive; do
            for call in cudaMemcpyAsync cudaEventRecord; do
                check_line "$scratch/calls" "^\\| $side \\| connector \\| $call \\| 128 \\| 1\\.00 \\|\$"
            done
        done
    done
}

# What is in the middle is seen.
case_would_see_a_call_that_waits_or_allocates() {
    local call
    count_calls || fail "$(tail -n 20 "$scratch/calls")"
    cp -- "$scratch/trace" "$scratch/whole"
    for call in 'cudaStreamSynchronize(0x1) = 0, may wait' 'cudaMemcpyAsync(0x1, 0x2, 3) = 0, may wait' 'cudaHostAlloc(0x1, 4) = 0' \
        'cudaFreeAsync(0x1, 0x2) = 0'; do
        awk -v call="$call" '{ print } / baton cudaEventRecord/ && ++n == 300 { print $1, "x", call }' "$scratch/whole" >"$scratch/trace"
        check [ "$(wc -l <"$scratch/trace")" -gt "$(wc -l <"$scratch/whole")" ]
        if recount; then
            fail "$call goes unseen"
        fi
        check_line "$scratch/calls" "^between the chunks: .*${call%%(*}"
    done
    awk '!(/ baton cudaMemcpyAsync/ && ++n == 300)' "$scratch/whole" >"$scratch/trace"
    if recount; then
        fail "a copy less goes unseen"
    fi
    check_line "$scratch/calls" '^the (active|passive) side has 127 copies, not 128$'
}

test_main "$@"
