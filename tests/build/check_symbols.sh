#!/usr/bin/env bash
# What the shared library exports is what the checked-in list says, and nothing internal is in it.
#
#   check_symbols.sh LIBRARY LIST            compares
#   check_symbols.sh --write LIBRARY LIST    writes the list anew, after a wanted change
set -euo pipefail

exported() {
    # The version node of the linker map shows as an absolute symbol.
    nm --dynamic --defined-only --format=posix "$1" | awk '$2 != "A" { sub(/@.*/, "", $1); print $1 }' | LC_ALL=C sort
}

if [[ $1 == --write ]]; then
    exported "$2" >"$3"
    exit
fi

if exported "$1" | grep -vE '^baton_[a-z]'; then
    printf 'exported, but not public names\n'
    exit 1
fi
if ! diff -u --label listed --label exported "$2" <(exported "$1"); then
    printf 'The list differs. If this is wanted: tests/build/check_symbols.sh --write LIBRARY %s\n' "$(basename "$2")"
    exit 1
fi
