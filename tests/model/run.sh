#!/bin/sh
# Checks the model of the hand-off protocol with spin, and that the model can fail: see README.md.
#
#   run.sh [--quick]
#
# Needs spin and a C compiler (CC, default cc). One line a configuration, and `N passed, N failed` as the last line.

set -u

here=$(cd "$(dirname "$0")" && pwd) || exit 2
cc=${CC:-cc}
quick=no
case ${1-} in
'') ;;
--quick) quick=yes ;;
*)
    echo "usage: $0 [--quick]" >&2
    exit 2
    ;;
esac

memory_mib=2000
time_s=120
passed=0
failed=0

for tool in spin "$cc" timeout; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "$0: $tool is missing" >&2
        exit 2
    fi
done

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# search KIND MODEL FLAGS: leaves pan's words in $work/pan.out, and returns 1 if there was no search at all.
# KIND is `safety` (assertions, and ends in which somebody waits) or `cycles` (no run goes on for ever: no state of the
# model is marked as progress, so every cycle is one without progress).
search()
{
    rm -f "$work"/*
    case $1 in
    safety) options=-DSAFETY run='' ;;
    cycles) options=-DNP run=-l ;;
    esac
    # The model and the flags must be named before pan.c is made; spin writes where it stands.
    (
        cd "$work" || exit 1
        # shellcheck disable=SC2086 # lists of flags
        spin -a $3 "$here/$2" >spin.out 2>&1 || exit 1
        # shellcheck disable=SC2086
        "$cc" -O1 -w $options -DCOLLAPSE -DMEMLIM=$memory_mib -o pan pan.c >cc.out 2>&1 || exit 1
        timeout "$time_s" ./pan $run -m20000 >pan.out 2>&1
        # A search that was cut short prints its result only in part, or says so: see complete().
        [ -s pan.out ]
    )
}

# A whole search: pan has come to its end, and says of no limit that it was reached.
complete()
{
    grep -q 'errors: [0-9]' "$work/pan.out" &&
        ! grep -qiE 'search not completed|max search depth|MEMLIM|out of memory|hash-?array|truncated' "$work/pan.out"
}

report()
{
    if [ "$1" = pass ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    printf '%-4s  %-44s %s\n' "$1" "$2" "$3"
}

states()
{
    sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' "$work/pan.out" | head -n 1
}

# holds NAME KIND MODEL FLAGS: no violation in a whole search.
holds()
{
    if ! search "$2" "$3" "$4"; then
        report FAIL "$1" "no search: $(cat "$work"/*.out 2>/dev/null | head -n 3 | tr '\n' ' ')"
    elif ! complete; then
        report FAIL "$1" "the search was cut short: $(grep '^pan' "$work/pan.out" | head -n 1)"
    elif ! grep -q 'errors: 0$' "$work/pan.out"; then
        report FAIL "$1" "$(grep -m 1 '^pan:1' "$work/pan.out")"
    else
        report pass "$1" "$(states)"
    fi
}

# breaks NAME MODEL FLAGS: a violated assertion is found; says which line of the model.
breaks()
{
    if ! search safety "$2" "$3"; then
        report FAIL "$1" "no search: $(cat "$work"/*.out 2>/dev/null | head -n 3 | tr '\n' ' ')"
    elif ! grep -q '^pan:1: assertion violated' "$work/pan.out"; then
        report FAIL "$1" 'nothing is found, so the model is blind to this'
    elif grep -q 'invalid array index' "$work/pan.out"; then
        report FAIL "$1" 'the model itself is broken: invalid array index'
    else
        # shellcheck disable=SC2086
        line=$(cd "$work" && spin -t -k "$2.trail" $3 "$here/$2" 2>/dev/null |
            sed -n 's/^spin: .*:\([0-9]*\), Error: assertion violated.*/\1/p' | head -n 1)
        report pass "$1" "found by $2:$line"
    fi
}

# Which of the counted events may happen: one kind at a time keeps the searches small, the last ones mix them.
calm='-DREPEATS=0 -DDEATHS=0 -DCANCELS=0'
repeat='-DREPEATS=1 -DDEATHS=0 -DCANCELS=0'
death='-DREPEATS=0 -DDEATHS=1 -DCANCELS=0'
cancel='-DREPEATS=0 -DDEATHS=0 -DCANCELS=1'

echo '# the rules hold'
for mode in '' '-DACK_MODE'; do
    for path in '' '-DEAGER' '-DWRITABLE' '-DDIRECT' '-DDIRECT -DWRITABLE'; do
        name="handoff$(echo " $mode $path" | tr -d D | tr 'A-Z' 'a-z' | tr -s ' ')"
        holds "$name, calm" safety handoff.pml "$mode $path $calm"
    done
done
