#!/usr/bin/env bash
# Workers killed with SIGKILL again and again while the relay runs: nothing may be wrong and nothing lost.
#
#   [KILLS=200] kills.sh     how many kills (default: 20)
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/samples/support.sh
source "$here/support.sh"

kills_wanted=${KILLS:-20}
declare -a worker_pids=()
started=0

new_worker() {
    started=$((started + 1))
    start_worker "k$started" --pool p
    worker_pids[$1]=$pid
}

# Kills one of the three and starts its successor; the time in between is the new one's start-up.
kill_one() {
    local slot=$((RANDOM % 3))
    kill -KILL "${worker_pids[$slot]}"
    wait "${worker_pids[$slot]}" 2>/dev/null || true
    new_worker "$slot"
}

case_loses_nothing() {
    local slot i origin kills=0 rounds=0 hand_offs=0 redelivered=0 last
    for i in {1..24}; do
        make_file "$scratch/tree/$i" $((i % 4 == 0 ? 48 << 20 : i * 99991))
    done
    start_nats
    for slot in 0 1 2; do
        new_worker "$slot"
    done
    while ((kills < kills_wanted)); do
        rounds=$((rounds + 1))
        start "origin$rounds" "$relay" origin --nats "$url" --pool p "$scratch/tree"
        origin=$pid
        # Then it may finish: where the machine is slow, no hand-off would live from one kill to the next.
        for ((i = 0; i < 12; i++)); do
            if has_ended "$origin"; then
                break
            fi
            kill_one
            kills=$((kills + 1))
        done
        wait_for "$origin" 120
        check_status 0
        check_last "$scratch/origin$rounds.out" 'relay: 24 hand-offs, [0-9]+ bytes, 0 wrong, 0 lost, [0-9]+ redelivered'
        last=$(tail -n 1 "$scratch/origin$rounds.out")
        hand_offs=$((hand_offs + 24))
        redelivered=$((redelivered + $(sed -E 's/.* ([0-9]+) redelivered/\1/' <<<"$last")))
    done
    printf '%d kills, %d rounds, %d hand-offs, 0 wrong, 0 lost, %d redelivered\n' \
        "$kills" "$rounds" "$hand_offs" "$redelivered"
    ((redelivered > 0)) || fail "no kill hit a hand-off"
}

test_main "$@"
