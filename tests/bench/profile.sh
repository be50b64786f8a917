#!/usr/bin/env bash
# What one operation costs and where its time goes: a timeline of a 4 KiB hand-off, system calls and instructions of each operation.
#
#   tests/bench/profile.sh [timeline] [strace] [callgrind]     all three without an argument
#
# System calls and instructions are those of a long run less those of a short one, through the difference of their counts, both processes
# together: what starting and ending costs is not in it. The output is Markdown.
#
#   BATON_BUILD_ROOT      where the build folder goes (build/)
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/setup.sh
source tests/setup.sh
# shellcheck source=tests/bench/server.sh
source tests/bench/server.sh

build=${BATON_BUILD_ROOT:-build}/bench
scratch=$(mktemp -d)
server=

clean_up() {
    if [[ -n $server ]]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# handoff PROGRESS LINK COUNT [argument...]: the command, in the array `command`
handoff() {
    command=("$build/tests/bench/bin/bench_handoff" --nats "$nats" --op handoff --progress "$1" --link "$2" --count "$3"
        --warmup 100 "${@:4}")
}

transfer() {
    command=("$build/bin/baton" perf --json --path am --size 4096 --progress "$1" --link "$2" --count "$3" --warmup 100)
}

raw() {
    command=("$build/tests/bench/bin/raw_am" --size 4096 --link "$2" --count "$3" --warmup 100)
}

profile_timeline() {
    local progress link
    for link in shm tcp; do
        for progress in application thread; do
            printf '\n### A hand-off of 4 KiB, %s, progress by %s\n\n' "$link" "$progress"
            handoff "$progress" "$link" 2000
            rm -f -- "$scratch"/timeline.*
            BENCH_TIMELINE=$scratch/timeline LD_PRELOAD=$build/tests/bench/bin/libbench_timeline.so "${command[@]}" >"$scratch/line"
            python3 -B tests/bench/timeline.py "$scratch/timeline"
        done
    done
}

# count_calls FILE: "name calls" a line
count_calls() {
    strace -f -qq -c -U name,calls -o "$1" "${command[@]}" >/dev/null
    awk 'NF == 2 && $2 ~ /^[0-9]+$/ && $1 != "total" { print }' "$1"
}

# difference SHORT LONG COUNT: calls of one operation
difference() {
    awk -v count="$3" '
        NR == FNR { short[$1] = $2; next }
        { each = ($2 - short[$1]) / count; if (each >= 0.01) printf "%s %.2f\n", $1, each }
    ' "$1" "$2" | sort -k 2 -rn
}

profile_strace() {
    local what progress link count=1000
    printf '\n### System calls of one operation, both processes\n\n'
    printf '| what | progress | link | calls |\n|---|---|---|---|\n'
    for what in handoff transfer; do
        for link in shm tcp; do
            for progress in application thread; do
                "$what" "$progress" "$link" "$count"
                count_calls "$scratch/strace" >"$scratch/short"
                "$what" "$progress" "$link" $((2 * count))
                count_calls "$scratch/strace" >"$scratch/long"
                printf '| %s of 4 KiB | %s | %s | %s |\n' "$what" "$progress" "$link" \
                    "$(difference "$scratch/short" "$scratch/long" "$count" | paste -s -d, | sed 's/,/, /g')"
            done
        done
    done
}

# count_instructions: of both processes
count_instructions() {
    rm -f -- "$scratch"/callgrind.*
    valgrind -q --tool=callgrind --trace-children=yes --callgrind-out-file="$scratch/callgrind.%p" "${command[@]}" >/dev/null 2>"$scratch/valgrind" ||
        {
            cat -- "$scratch/valgrind" >&2
            return 1
        }
    sed -nE 's/^totals: ([0-9]+).*/\1/p' "$scratch"/callgrind.* | awk '{ sum += $1 } END { print sum }'
}

profile_callgrind() {
    local short long count=200
    printf '\n### Instructions of one operation, both processes\n\n'
    printf 'Hand-offs with spin_us = 0, so that looking for more is not counted.\n\n'
    printf '| what | link | instructions |\n|---|---|---|\n'
    for link in shm tcp; do
        handoff application "$link" "$count" --spin-us 0
        short=$(count_instructions)
        handoff application "$link" $((3 * count)) --spin-us 0
        long=$(count_instructions)
        printf '| hand-off of 4 KiB | %s | %d |\n' "$link" $(((long - short) / (2 * count)))
    done
}

setup_group bench
setup_packages strace valgrind
setup_build "$build" bench
start_server
if (($# == 0)); then
    set -- timeline strace callgrind
fi
printf '%s, %s cores, load %s\n' "$(sed -nE 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(cut -d ' ' -f 1 /proc/loadavg)"
for part in "$@"; do
    "profile_$part"
done
