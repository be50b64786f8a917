#!/usr/bin/env bash
# What can be said of the scripts of this folder without a GPU, a network and a toolkit, in seconds: for the suite.
#
#   tests/gpu/check.sh
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# expect STATUS WORDS COMMAND...: it ends with that, and its last line has the words.
expect() {
    local wanted=$1 words=$2 status=0
    shift 2
    "$@" >"$scratch/said" 2>&1 || status=$?
    [[ $status == "$wanted" ]] || fail "$*: exit status $status, not $wanted: $(tail -n 1 -- "$scratch/said")"
    tail -n 1 -- "$scratch/said" | grep -qE -- "$words" || fail "$* says: $(tail -n 1 -- "$scratch/said")"
}

for script in "$here"/*.sh; do
    bash -n "$script"
    if command -v shellcheck >/dev/null; then
        (cd -- "$here/../.." && shellcheck -x "tests/gpu/${script##*/}")
    fi
done

# A machine without a device says so, one that has some how many.
status=0
"$here/run.sh" --look >"$scratch/said" 2>&1 || status=$?
case "$status:$(tail -n 1 -- "$scratch/said")" in
0:[1-9]*" device"*) ;;
77:"no device: "*) ;;
*) fail "run.sh --look: exit status $status, $(tail -n 1 -- "$scratch/said")" ;;
esac
expect 2 "device" "$here/run.sh" --nonsense
expect 2 "seconds" "$here/run.sh" --seconds soon
expect 2 "only" "$here/run.sh" --only everything
expect 3 "kit.sh" "$here/run.sh" --kit "$scratch/nothing" --out "$scratch/out"
expect 2 "run.sh" "$here/bench.sh" --build "$scratch/nothing"
# A folder that is something else is not thrown away.
mkdir -- "$scratch/precious"
touch "$scratch/precious/file"
expect 1 "no kit|Debian 12|no pip|x86_64|no [a-z0-9-]+ here" "$here/kit.sh" "$scratch/precious"
[[ -e $scratch/precious/file ]] || fail "kit.sh threw away a folder that is no kit"
printf 'the scripts of tests/gpu are sound\n'
