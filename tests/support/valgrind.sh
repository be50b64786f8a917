#!/usr/bin/env bash
# Runs a program under valgrind, with the processes that it starts; fails on any error or definite leak in one of them.
# A test runner does not pass on the exit status of what it forks, so it is valgrind's own reports that decide.
#
#   valgrind.sh PROGRAM [argument...]
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
reports=$(mktemp -d)
trap 'rm -rf -- "$reports"' EXIT

status=0
valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --trace-children=yes '--trace-children-skip=*nats-server*' \
    --suppressions="$here/valgrind.supp" --log-file="$reports/%p" "$@" || status=$?
if find "$reports" -type f -size +0 | grep -q .; then
    cat -- "$reports"/*
    status=1
fi
exit "$status"
