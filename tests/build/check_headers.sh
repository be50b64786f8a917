#!/usr/bin/env bash
# Each public header stands alone, as C11 and as C++17, with warnings as errors.
#
#   check_headers.sh TREE C_COMPILER
#
# The C++ compiler is g++ or clang++, whichever there is; without one that half is a skip (77).
set -euo pipefail
shopt -s nullglob

tree=$1
cc=$2
includes=("-I$tree/sdk/include" "-I$tree/sidechannel/include")
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only)
failed=0
checked=0

# check COMPILER... HEADER: twice the same header, so that its guard is checked as well.
check() {
    local header=${*: -1}
    if ! printf '#include <%s>\n#include <%s>\ntypedef int not_empty;\n' "$header" "$header" |
        "${@:1:$#-1}" "${warnings[@]}" "${includes[@]}" -; then
        printf '%s does not stand alone: %s\n' "$header" "${*:1:$#-1}"
        failed=$((failed + 1))
    fi
    checked=$((checked + 1))
}

cxx=$(command -v g++ || command -v clang++ || true)
for file in "$tree"/sdk/include/baton/*.h "$tree"/sidechannel/include/baton/*.h; do
    header=baton/$(basename "$file")
    check "$cc" -std=c11 -Wstrict-prototypes -Wmissing-prototypes -x c "$header"
    if [[ -n $cxx ]]; then
        check "$cxx" -std=c++17 -x c++ "$header"
    fi
done

printf '%d checks, %d failed\n' "$checked" "$failed"
((checked > 0 && failed == 0)) || exit 1
if [[ -z $cxx ]]; then
    printf 'no C++ compiler: the headers were checked as C11 only\n'
    exit 77
fi
