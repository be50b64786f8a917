#!/usr/bin/env bash
# Runs a program that was built for ThreadSanitizer.
#
# Its runtime of GCC 12 ends a process now and then with "dup thread with used id": a thread has ended, and the C library gives its id to a
# new one before the runtime has heard of the end. That is no finding and says nothing of the program, so it is run again, three times
# in all. Whatever else is said counts the first time.
#
#   tsan.sh PROGRAM [argument...]
set -euo pipefail

said=$(mktemp)
trap 'rm -f -- "$said"' EXIT
for ((try = 1; ; try++)); do
    status=0
    "$@" >"$said" 2>&1 || status=$?
    if ((status == 0 || try == 3)) || grep -q 'WARNING: ThreadSanitizer' "$said" ||
        ! grep -q 'ThreadSanitizer: dup thread with used id' "$said"; then
        break
    fi
done
cat -- "$said"
exit "$status"
