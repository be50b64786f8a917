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
# model is marked as progress, so every cycle is one without progress), or `broken` (safety, where a violation is near).
search()
{
    rm -f "$work"/*
    case $1 in
    safety) options='-Og -DSAFETY' run='' ;;
    broken) options='-O0 -DSAFETY' run=-w20 ;; # short searches: compiling is what takes the time
    cycles) options='-Og -DNP' run=-l ;;
    esac
    (
        cd "$work" || exit 1
        # shellcheck disable=SC2086 # lists of flags
        spin -a $3 "$here/$2" >spin.out 2>&1 || exit 1
        # shellcheck disable=SC2086
        "$cc" -w $options -DMEMLIM=$memory_mib -o pan pan.c >cc.out 2>&1 || exit 1
        # shellcheck disable=SC2086 # may be empty
        timeout "$time_s" ./pan $run -m20000 >pan.out 2>&1
        if [ $? -eq 124 ]; then
            echo "pan: not done after $time_s s" >pan.out
        fi
    )
}

# A whole search: pan has come to its end, and says of no limit that it was reached.
whole_search()
{
    grep -q 'errors: 0$' "$work/pan.out" &&
        ! grep -qiE 'search not completed|max search depth|MEMLIM|out of memory|hash-?array|truncated' "$work/pan.out"
}

report()
{
    if [ "$1" = pass ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    printf '%-4s  %-46s %s\n' "$1" "$2" "$3"
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
    elif grep -q '^pan:1:' "$work/pan.out"; then
        report FAIL "$1" "$(grep '^pan:1:' "$work/pan.out" | head -n 1)"
    elif ! whole_search; then
        report FAIL "$1" "the search was cut short: $(grep -i -E '^pan|error|max' "$work/pan.out" | head -n 1)"
    else
        report pass "$1" "$(states)"
    fi
}

# breaks NAME MODEL FLAGS: a violated assertion is found; says which line of the model.
breaks()
{
    if ! search broken "$2" "$3"; then
        report FAIL "$1" "no search: $(cat "$work"/*.out 2>/dev/null | head -n 3 | tr '\n' ' ')"
    elif ! grep -q '^pan:1: assertion violated' "$work/pan.out"; then
        report FAIL "$1" 'nothing is found, so the model is blind to this'
    elif grep -q 'invalid array index' "$work/pan.out"; then
        report FAIL "$1" 'the model itself is broken: invalid array index'
    else
        report pass "$1" "$(sed -n 's/^pan:1: assertion violated *\(.*\) (at depth.*/\1/p' "$work/pan.out")"
    fi
}

# Which of the counted events may happen. One kind at a time keeps the searches small; `mixed` has one of each.
# handoff() reads them by name, which shellcheck does not see.
none='-DREPEATS=0 -DDEATHS=0 -DCANCELS=0'
# shellcheck disable=SC2034
nats="$none -DON_NATS"
reopen="$none -DREOPEN"
repeat='-DREPEATS=1 -DDEATHS=0 -DCANCELS=0'
death='-DREPEATS=0 -DDEATHS=1 -DCANCELS=0'
cancel='-DREPEATS=0 -DDEATHS=0 -DCANCELS=1'
# shellcheck disable=SC2034
mixed='-DREPEATS=1 -DDEATHS=1 -DCANCELS=1'

# handoff NAME FLAGS EVENTS...: one configuration for each kind of event.
handoff()
{
    name=$1 flags=$2
    shift 2
    for event in "$@"; do
        eval "counts=\$$event"
        # shellcheck disable=SC2154 # set by eval
        holds "handoff, $name, $event" safety handoff.pml "$flags $counts"
    done
}

echo '# the rules hold'
handoff 'read' '' nats repeat death cancel reopen
handoff 'write' '-DWRITABLE' repeat death
handoff 'direct write' '-DDIRECT -DWRITABLE' death
handoff 'ack, read' '-DACK_MODE' cancel
holds 'resume, 2 sessions' safety resume.pml '-DSESSIONS=2 -DREPEATS=2'
if [ $quick = no ]; then
    handoff 'read' '' mixed
    handoff 'read with GRANT' '-DEAGER' nats repeat death cancel reopen
    handoff 'write' '-DWRITABLE' nats cancel reopen
    handoff 'write with OPEN' '-DEAGER -DWRITABLE' nats repeat death cancel reopen
    handoff 'direct read' '-DDIRECT' nats repeat death cancel reopen
    handoff 'direct write' '-DDIRECT -DWRITABLE' nats repeat cancel reopen
    handoff 'ack, read' '-DACK_MODE' nats repeat death reopen
    handoff 'ack, read with GRANT' '-DACK_MODE -DEAGER' nats
    handoff 'ack, write' '-DACK_MODE -DWRITABLE' cancel
    handoff 'ack, direct read' '-DACK_MODE -DDIRECT' cancel
    handoff 'ack, direct write' '-DACK_MODE -DDIRECT -DWRITABLE' nats repeat death
    holds 'resume, 3 sessions' safety resume.pml '-DSESSIONS=3 -DREPEATS=1'
fi

echo '# every run comes to an end: there is no cycle'
holds 'handoff, read, repeat, no cycle' cycles handoff.pml "$repeat"
holds 'resume, 2 sessions, no cycle' cycles resume.pml '-DSESSIONS=2'
if [ $quick = no ]; then
    holds 'handoff, ack, read, cancel, no cycle' cycles handoff.pml "-DACK_MODE $cancel"
    holds 'handoff, read, reopen, no cycle' cycles handoff.pml "$reopen"
    holds 'handoff, write, death, no cycle' cycles handoff.pml "-DWRITABLE $death"
    holds 'handoff, direct write, death, no cycle' cycles handoff.pml "-DDIRECT -DWRITABLE $death"
fi

echo '# every answer can be reached'
for answer in COMPLETE UNCONFIRMED; do
    breaks "answer $answer" handoff.pml "-DREACH=$answer $none"
done
if [ $quick = no ]; then
    for answer in CANCELLED REFUSED EXPIRED; do
        breaks "answer $answer" handoff.pml "-DREACH=$answer $cancel"
    done
fi
breaks 'answer NOT_ACKED' handoff.pml "-DACK_MODE -DREACH=NOT_ACKED $none"
breaks 'origin says QUARANTINED' handoff.pml "-DDIRECT -DREACH_QUARANTINED $none"

echo '# without a rule, a promise is broken'
breaks 'no COMMIT' handoff.pml "-DNO_COMMIT $none"
breaks 'no fresh token per attempt' handoff.pml "-DNO_FRESH_TOKEN $none"
breaks 'no check of state per chunk' handoff.pml "-DNO_CHUNK_CHECK $none"
breaks 'no drain before release' handoff.pml "-DNO_DRAIN $none"
breaks 'ack mode ended by MOVED' handoff.pml "-DACK_MODE -DACK_BY_MOVED $none"
breaks 'a writable offered again before quiet' handoff.pml "-DWRITABLE -DOFFER_BEFORE_QUIET $none"
breaks 'a GRANT without nonce check' handoff.pml "-DNO_NONCE_CHECK $reopen"
breaks 'data before GRANT' handoff.pml "-DDATA_BEFORE_GRANT $none"
breaks 'MOVED believed, bytes not counted' handoff.pml "-DWRITABLE -DNO_COUNT $none"
breaks 'no flush before MOVED' handoff.pml "-DDIRECT -DWRITABLE -DNO_FLUSH $none"
breaks 'quarantine of the last attempt only' handoff.pml "-DDIRECT -DNO_QUARANTINE $none"
breaks 'cancel after MOVED' handoff.pml "-DCANCEL_AFTER_MOVED $cancel"
breaks 'a late message of the winner refused' handoff.pml "-DREFUSE_THE_WINNER $repeat"
breaks 'new session served before the old is drained' resume.pml '-DNO_ORIGIN_DRAIN'
breaks 'new session opened before the old is drained' resume.pml '-DNO_CONSUMER_DRAIN'
breaks 'COMPLETE before the chunks of all sessions' resume.pml '-DCOMPLETE_EARLY'
breaks 'own nonce refused as taken' resume.pml '-DREFUSE_OWN_NONCE'
breaks 'buffer released before it is drained' resume.pml '-DRELEASE_EARLY'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
