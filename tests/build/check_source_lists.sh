#!/usr/bin/env bash
# Every source below sdk/src, sidechannel/src, samples and tests is named in the CMakeLists.txt of its module: a file
# that nobody compiles, or a test that nobody runs, is found here.
#
#   check_source_lists.sh TREE
set -euo pipefail
shopt -s nullglob globstar

cd "$1"
unlisted=0

# check MODULE FILE...: FILE stands in the list by its path relative to MODULE, or in a list that it includes.
check() {
    local module=$1 file lists
    lists=("$module/CMakeLists.txt" "$module"/*/library.cmake)
    shift
    for file in "$@"; do
        if ! grep -qE "(^|[[:space:]])${file#"$module"/}([[:space:]]|\)|\$)" "${lists[@]}"; then
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
    [[ $file == tests/build/* || $file == tests/bench/* || $file == tests/gpu/* ]] || tests+=("$file")
done
check tests "${tests[@]}"
check tests/bench tests/bench/*.c
check tests/gpu tests/gpu/*.c
((unlisted == 0))
