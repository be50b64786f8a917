#!/usr/bin/env bash
# The calls of CUDA of one staged transfer, on both sides, by thread: counts, of the stand-in for the runtime (tests/fake_cuda), no times.
# Fails if a call between the first chunk and the end of the last one may wait, allocates or frees. The output is Markdown.
#
#   tests/bench/cuda_calls.sh [--op read|write] [--mib N] [--trace FILE]      a read of 1,024 MiB; FILE is kept
#
#   BATON_BUILD_DIR       a build with its tests (build/dev)
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
build=${BATON_BUILD_DIR:-$here/../../build/dev}
op="read"
mib=1024
trace=
scratch=$(mktemp -d)
run=

clean_up() {
    if [[ -n $run ]]; then
        kill -TERM "$run" 2>/dev/null || true
        wait "$run" 2>/dev/null || true
    fi
    rm -rf -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

while (($# > 0)); do
    case $1 in
        --op) op=$2 ;;
        --mib) mib=$2 ;;
        --trace) trace=$2 ;;
        *)
            sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 2
            ;;
    esac
    shift 2
done
trace=${trace:-$scratch/trace}
rm -f -- "$trace"

env BATON_CUDART="$build/tests/bin/libcudart_fake.so" FAKE_CUDA_TRACE="$trace" "$build/bin/baton" perf --device cuda:0 --peer-device cuda:0 \
    --path staged --op "$op" --size "${mib}MiB" --count 1 --warmup 0 >"$scratch/out" &
active=$!
run=$active
wait "$run"
run=

printf '%s of %d MiB between two processes with memory of a device, chunks of 512 KiB; %s, %s, the stand-in for the CUDA runtime\n\n' \
    "$op" "$mib" "$(date -u '+%Y-%m-%d')" "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)"
awk -v active="$active" -v chunks=$((mib * 2)) -f "$here/cuda_calls.awk" "$trace" "$trace"
