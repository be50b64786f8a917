#!/usr/bin/env bash
# Every source below sdk/src, sidechannel/src, samples and tests is named in the CMakeLists.txt of its module: a file
# that nobody compiles, or a test that nobody runs, is found here.
#
#   check_source_lists.sh TREE
set -euo pipefail
shopt -s nullglob globstar

cd "$1"
unlisted=0

# check MODULE FILE...: FILE stands in the list by its path relative to MODULE.
check() {
    local module=$1 file
    shift
    for file in "$@"; do
        if ! grep -qE "(^|[[:space:]])${file#"$module"/}([[:space:]]|\)|\$)" "$module/CMakeLists.txt"; then
            printf '%s is not in %s/CMakeLists.txt\n' "$file" "$module"
            unlisted=$((unlisted + 1))
        fi
    done
}

check sdk sdk/src/**/*.c
check sidechannel sidechannel/**/*.c
check samples samples/**/*.c
tests=()
for file in tests/**/*.c; do
    # The first are compiled by tests of their own, the others have a list of their own.
    [[ $file == tests/build/* || $file == tests/bench/* ]] || tests+=("$file")
done
check tests "${tests[@]}"
check tests/bench tests/bench/*.c
((unlisted == 0))
