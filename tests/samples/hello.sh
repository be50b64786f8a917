#!/usr/bin/env bash
# samples/hello: the two programs of the README.
#
#   hello.sh [CASE...]
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/samples/support.sh
source "$here/support.sh"

case_one_offers_and_the_other_takes() {
    start_nats
    export BATON_NATS_URL=$url
    mkfifo "$scratch/stdin"
    start take "$samples/hello_take" <>"$scratch/stdin"
    taker=$pid
    until_true 20 offers || fail "nobody takes it: $(cat "$scratch/offer.err")"
    check_last "$scratch/offer.out" '.+ took 6220800 bytes by am in 1 attempt\(s\): \{"first": ?7\}'
    printf '\n' >"$scratch/stdin"
    wait_for "$taker" 10
    check_status 0
    check_last "$scratch/take.out" '.+ serves pool embed; Enter ends it'
}

offers() {
    timeout 20 "$samples/hello_offer" >"$scratch/offer.out" 2>"$scratch/offer.err"
}

case_says_that_nobody_listens() {
    start_nats
    export BATON_NATS_URL=$url
    status=0
    offers || status=$?
    check_status 1
    check_line "$scratch/offer.err" '^offer: '
}

case_says_that_there_is_no_server() {
    export BATON_NATS_URL=nats://127.0.0.1:9
    status=0
    offers || status=$?
    check_status 1
    check_line "$scratch/offer.err" '^offer: '
}

test_main "$@"
