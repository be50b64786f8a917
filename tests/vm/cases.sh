#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What runs in the VM, in the folder with the programs: each line of `cases` is a program, the cases of it, and UCX_TLS. Leaves a TAP file
# and a log for each, and the exit status.
set -u

# 50 MB/s is what the device does here: smaller transfers are long enough to be interrupted.
export BATON_TEST_LARGE_MIB=32

run() { # PROGRAM FILTER TLS
    name=$1.$3
    name=$(echo "$name" | tr -c 'A-Za-z0-9_.\n' '_')
    status=0
    if [ "$3" != - ]; then
        export "BATON_TEST_TLS=$3"
    else
        unset BATON_TEST_TLS
    fi
    timeout -k 10 300 "./$1" --jobs 1 --filter "$2" "--output=tap:$name.tap" >"$name.log" 2>&1 || status=$?
    echo "$status" >"$name.status"
}

while read -r program filter tls; do
    case $program in
    '' | '#'*) ;;
    *) run "$program" "$filter" "$tls" </dev/null ;;
    esac
done <"$1"
