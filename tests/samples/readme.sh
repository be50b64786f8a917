#!/usr/bin/env bash
# The programs that README.md shows are those of samples/hello, letter by letter.
#
#   readme.sh SOURCE_FOLDER
set -euo pipefail
cd -- "$1"

# shown FILE: what README.md has between its marker for the file and the end of that code block.
shown() {
    awk -v marker="<!-- $1 -->" '
        $0 == marker { found = 1; next }
        found == 1 && /^```c$/ { found = 2; next }
        found == 2 && /^```$/ { exit }
        found == 2 { print }
    ' README.md
}

passed=0
failed=0
for file in samples/hello/*.c; do
    if diff -u --label "README.md: $file" --label "$file" <(shown "$file") "$file"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done

# Files and folders that it links to.
while read -r target; do
    if [[ -e $target ]]; then
        passed=$((passed + 1))
    else
        printf 'README.md links to %s, which is not there\n' "$target"
        failed=$((failed + 1))
    fi
done < <(grep -oE '\]\([^)#]+' README.md | sed 's/^](//' | grep -v '^https\?:' | sort -u)

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
