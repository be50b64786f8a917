#!/usr/bin/env bash
# Benchmarks on a machine with a GPU: baton beside UCX by hand, cudaMemcpyAsync by hand and NIXL, between two processes. run.sh runs it.
#
#   tests/gpu/bench.sh [--build FOLDER] [--kit FOLDER] [--out FOLDER] [--seconds N] [--rounds N] [--stand-in]
#
# Wants what run.sh has built (build/gpu) and the folder of kit.sh (gpu-kit; none: without NIXL). Writes results.json, table.md, bench.log and, where gnuplot is,
# bench.svg into --out (build/gpu-results/bench). In each round every case runs once; figures are medians of the rounds, and a round that would
# not end within --seconds (300) is not begun. Speed is reported, not judged: 0 says that all was measured, 3 that a row was not
# (the table says why), 1 that none was.
#
# --stand-in: over the stand-in for the CUDA runtime, small and one round: that the programs and this script work. Its figures mean nothing.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)
# shellcheck source=tests/gpu/table.sh
source "$here/table.sh"

build=
kit=$root/gpu-kit
out=$root/build/gpu-results/bench
seconds=300
rounds=3
stand_in=no
while (($# > 0)); do
    case "$1" in
    --build | --kit | --out | --seconds | --rounds)
        declare "${1#--}=${2:?$1 needs a value}"
        shift
        ;;
    --stand-in) stand_in=yes ;;
    *)
        printf 'usage: tests/gpu/bench.sh [--build FOLDER] [--kit FOLDER] [--out FOLDER] [--seconds N] [--rounds N] [--stand-in]\n' >&2
        exit 2
        ;;
    esac
    shift
done

device=cuda:0
sizes=(67108864 1073741824)
large=1073741824
counts=(50 10)
small_count=2000
if [[ $stand_in == yes ]]; then
    sizes=(1048576 4194304)
    large=4194304
    counts=(5 5)
    small_count=50
    rounds=1
fi
build=${build:-$root/build/gpu$([[ $stand_in == no ]] || printf -- '-stand-in')}
if [[ ! -x $build/bin/baton ]]; then
    printf 'bench: %s is not built: tests/gpu/run.sh does it\n' "$build" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p -- "$out"
log=$out/bench.log
: >"$log"
PATH=$kit/bin:$PATH
baton=$build/bin/baton
programs=$build/tests/gpu/bin

say() {
    printf '[%4d s] %s\n' "$SECONDS" "$*" | tee -a "$log"
}

# take NAME COMMAND...: its last line is an object; a case that failed once is not tried again.
take() {
    local name=$1 status=0
    shift
    if [[ -e $work/$name.why ]]; then
        return 0
    fi
    printf '%s: %s\n' "$name" "$*" >>"$log"
    timeout --kill-after=5 60 "$@" >"$work/output" 2>"$work/errors" || status=$?
    cat -- "$work/output" "$work/errors" >>"$log"
    if ((status == 0)) && grep -q '"p50_us"' "$work/output"; then
        grep '"p50_us"' "$work/output" | tail -n 1 >>"$work/$name.lines"
    elif ((status == 124 || status == 137)); then
        printf 'not within 60 s\n' >"$work/$name.why"
    else
        # What the program itself says, before what others say and its usage.
        grep -m 1 -E '^(baton perf|raw_|nixl_)' "$work/errors" >"$work/$name.why" ||
            tail -n 1 "$work/errors" | grep . >"$work/$name.why" || printf 'exit status %d\n' "$status" >"$work/$name.why"
    fi
}

# Raw programs: the device of this side, the other side's, then the command.
raw() {
    local name=$1 mine=$2 theirs=$3
    shift 3
    take "$name" env "BATON_BENCH_DEVICE=$mine" "BATON_BENCH_PEER_DEVICE=$theirs" "$@"
}

perf() {
    local name=$1 mine=$2 theirs=$3 reach=()
    shift 3
    [[ $stand_in == no ]] || reach=("LD_PRELOAD=$build/tests/bin/libucx_cuda.so") # a UCX that reaches what it stands for
    take "$name" env "${reach[@]}" "$baton" perf --json --device "$mine" --peer-device "$theirs" "$@"
}

unpack_nixl() {
    local library=$work/nixl/.nixl_cu13.mesonpy.libs/libnixl_capi.so
    nixl_why=
    if [[ ! -e $kit/nixl.tar.gz ]]; then
        nixl_why="$kit has no nixl.tar.gz"
    elif mkdir -p "$work/nixl" && tar -C "$work/nixl" -xzf "$kit/nixl.tar.gz"; then
        export BATON_BENCH_NIXL=$library BATON_BENCH_NIXL_VERSION
        BATON_BENCH_NIXL_VERSION=$(sed -nE 's/^wheel nixl[^ ]* //p' "$kit/MANIFEST")
    else
        nixl_why="nixl.tar.gz cannot be unpacked"
    fi
}

nixl() {
    if [[ -n $nixl_why ]]; then
        printf '%s\n' "$nixl_why" >"$work/$1.why"
        return 0
    fi
    raw "$@"
}

# By memory of the device that UCX can reach, without a copy through the host.
round_direct() {
    local i size op count raw_device=$device
    # UCX would follow the stand-in's pointers.
    [[ $stand_in == no ]] || raw_device=cpu
    for i in 0 1; do
        size=${sizes[i]}
        count=${counts[i]}
        for op in read write; do
            raw "raw_${op}_$size" "$raw_device" "$raw_device" "$programs/raw_am_cuda" --op "$op" --size "$size" --count "$count" --warmup 4
            for progress in thread application; do
                perf "am_${op}_${size}_$progress" "$device" "$device" --path am --op "$op" --size "$size" --count "$count" --warmup 4 \
                    --progress "$progress"
            done
        done
        raw "raw_none_$size" "$raw_device" "$raw_device" env RAW_UCX_ERROR_MODE=none \
            "$programs/raw_am_cuda" --op read --size "$size" --count "$count" --warmup 4
        raw "ipc_$size" "$device" "$device" "$programs/raw_copy" --op ipc --size "$size" --count "$count" --warmup 4
        nixl "nixl_$size" "$raw_device" "$raw_device" "$programs/nixl_transfer_cuda" --op read --size "$size" --count "$count" --warmup 2
    done
}

# Through pinned buffers.
round_staged() {
    local count=${counts[1]} progress
    raw d2h "$device" "$device" "$programs/raw_copy" --op d2h --size "$large" --count "$count" --warmup 2
    raw h2d "$device" "$device" "$programs/raw_copy" --op h2d --size "$large" --count "$count" --warmup 2
    for progress in thread application; do
        perf "staged_out_$progress" cpu "$device" --path staged --op read --size "$large" --count "$count" --warmup 4 --progress "$progress"
        perf "staged_in_$progress" "$device" cpu --path staged --op read --size "$large" --count "$count" --warmup 4 --progress "$progress"
        perf "staged_both_$progress" "$device" "$device" --path staged --op read --size "$large" --count "$count" --warmup 4 --progress "$progress"
    done
}

# 4 KiB, and what it is made of.
round_small() {
    local progress
    for progress in thread application; do
        perf "handoff_gpu_$progress" "$device" "$device" --handoff --size 4KiB --count "$small_count" --progress "$progress"
        take "handoff_cpu_$progress" "$baton" perf --json --handoff --size 4KiB --count "$small_count" --progress "$progress"
        perf "small_gpu_$progress" "$device" "$device" --op read --size 4KiB --count "$small_count" --progress "$progress"
        take "small_cpu_$progress" "$baton" perf --json --op read --size 4KiB --count "$small_count" --progress "$progress"
    done
    raw d2h_small "$device" "$device" "$programs/raw_copy" --op d2h --size 4096 --count "$small_count"
    raw h2d_small "$device" "$device" "$programs/raw_copy" --op h2d --size 4096 --count "$small_count"
}

export RAW_UCX_ERROR_MODE=
if [[ $stand_in == yes ]]; then
    export BATON_CUDART=$build/tests/bin/libcudart_fake.so
fi
unpack_nixl
longest=0
done_rounds=0
while ((done_rounds < rounds)); do
    if ((done_rounds > 0 && SECONDS + longest > seconds)); then
        say "no time for another round"
        break
    fi
    began=$SECONDS
    say "round $((done_rounds + 1)) of $rounds: between GPUs' memory"
    round_direct
    say "round $((done_rounds + 1)) of $rounds: through pinned buffers"
    round_staged
    say "round $((done_rounds + 1)) of $rounds: 4 KiB"
    round_small
    done_rounds=$((done_rounds + 1))
    longest=$((SECONDS - began > longest ? SECONDS - began : longest))
done

make_rows
write_table >"$out/table.md"
write_json >"$out/results.json"
write_plot
cat -- "$out/table.md"
say "$measured rows measured, $unmeasured not, in $done_rounds rounds; results in $out"
if ((measured == 0)); then
    exit 1
fi
((unmeasured == 0)) || exit 3
