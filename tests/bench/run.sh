#!/usr/bin/env bash
# The benchmark suite: what baton does beside what UCX, NATS and NIXL do on the same machine in the same minutes.
#
#   tests/bench/run.sh            all of it, five rounds
#   tests/bench/run.sh --quick    three rounds, less of each, in two minutes after the build: what CI runs
#   tests/bench/run.sh --only WORD [...]   only the groups whose title has the word, such as "shm read" or "hand-offs"
#   tests/bench/run.sh --rounds N [...]    so many rounds
#
# Writes results.json, table.md and plots into build/bench-results (or BATON_BENCH_OUT). The exit status is 1 if a
# program failed, and 3 if none did but a raw program was too slow to be compared with, by its fault or by that of a busy
# machine; targets of speed are reported, not judged. The last line says how it ended. tests/bench/README.md tells what is measured and how.
#
#   BATON_BUILD_ROOT      where the build folder goes (build/)
#   BATON_BENCH_OUT       where the results go (build/bench-results)
#   BATON_BENCH_NIXL=no   without NIXL; else its wheels are fetched from PyPI into ${XDG_CACHE_HOME:-~/.cache}/baton-bench
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/setup.sh
source tests/setup.sh
# shellcheck source=tests/bench/server.sh
source tests/bench/server.sh
# shellcheck source=tests/bench/nixl.sh
source tests/bench/nixl.sh

arguments=()
while (($# > 0)); do
    case "$1" in
    --quick) arguments+=(--quick) ;;
    --only | --rounds)
        arguments+=("$1" "${2:?$1 needs a value}")
        shift
        ;;
    *)
        printf 'usage: tests/bench/run.sh [--quick] [--only WORD] [--rounds N]\n' >&2
        exit 2
        ;;
    esac
    shift
done

build=${BATON_BUILD_ROOT:-build}/bench
out=${BATON_BENCH_OUT:-build/bench-results}
scratch=$(mktemp -d)
server=
suite=

clean_up() {
    local process
    for process in $suite $server; do
        kill -TERM "$process" 2>/dev/null || true
        wait "$process" 2>/dev/null || true
    done
    rm -rf -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

setup_group bench
setup_build "$build" bench
nixl_prepare
start_server
mkdir -p -- "$out"
python3 -B tests/bench/suite.py --build "$build" --out "$out" --nats "$nats" "${nixl_arguments[@]}" "${arguments[@]}" &
suite=$!
status=0
wait "$suite" || status=$?
suite=
exit "$status"
