# shellcheck shell=bash
# What the tests of the samples have in common: source it with the path of the script's arguments.
#
#   test_main "$@"     runs the cases that are named, or every function case_*; each in a scratch folder of its own
#
# A case fails by `fail TEXT` or by a `check` that does not hold; whatever it started is ended after it.
# Last line: `N passed, N failed`.
set -euo pipefail

samples=${BATON_BUILD_DIR:?the build folder, as ctest sets it}/samples
# shellcheck disable=SC2034 # for the scripts that source this
relay=$samples/relay
PATH=$PATH:/usr/sbin:/sbin # where Debian has nats-server

scratch=
url=
children=()

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# check COMMAND...
check() {
    "$@" || fail "$*"
}

# check_line FILE PATTERN: a line of the file matches the extended regular expression.
check_line() {
    if ! grep -Eq -- "$2" "$1"; then
        cat -- "$1"
        fail "no line in ${1##*/} matches $2"
    fi
}

# check_last FILE PATTERN: its last line does.
check_last() {
    if ! tail -n 1 -- "$1" | grep -Eqx -- "$2"; then
        cat -- "$1"
        fail "the last line of ${1##*/} is not $2"
    fi
}

is_running() {
    kill -0 "$1" 2>/dev/null
}

has_line() {
    grep -Eqs -- "$2" "$1"
}

# until_true SECONDS COMMAND...
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        if ((SECONDS >= deadline)); then
            return 1
        fi
        sleep 0.02
    done
}

# start NAME COMMAND...: in the background; its output is in $scratch/NAME.out and .err, its process id in $pid.
# A shell like this one ignores SIGINT for what it starts there, and a terminal's shell does not.
start() {
    local name=$1
    shift
    # Here and not by the child alone: who looks at once would see what a process before it has written.
    : >"$scratch/$name.out"
    : >"$scratch/$name.err"
    env --default-signal=INT "$@" <&0 >"$scratch/$name.out" 2>"$scratch/$name.err" &
    pid=$!
    children+=("$pid")
}

# wait_for PID SECONDS: waits for its end; its exit status is in $status.
wait_for() {
    until_true "$2" has_ended "$1" || fail "process $1 does not end within $2 s"
    status=0
    wait "$1" || status=$?
}

has_ended() {
    local state
    state=$(sed -nE 's/^State:\s+(\S).*/\1/p' "/proc/$1/status" 2>/dev/null) || return 0
    [[ $state == [ZX] ]]
}

# check_status WANTED
check_status() {
    if ((status != $1)); then
        tail -n 30 -- "$scratch"/*.err
        fail "exit status $status, not $1"
    fi
}

start_nats() {
    start_nats_at -1
}

# start_nats_at PORT
start_nats_at() {
    local ports
    start nats nats-server --addr 127.0.0.1 --port "$1" --ports_file_dir "$scratch"
    nats=$pid
    ports=$scratch/nats-server_$nats.ports
    until_true 10 has_line "$ports" 'nats://' || fail "the NATS server does not start"
    url=$(grep -o 'nats://[0-9.:]*' "$ports")
}

# start_worker NAME [argument...]: returns when it serves.
start_worker() {
    local name=$1
    shift
    start "$name" "$relay" worker --nats "$url" --name "$name" "$@"
    until_true 20 has_line "$scratch/$name.err" 'serves pool' || {
        cat -- "$scratch/$name.err"
        fail "$name does not serve"
    }
}

# run_origin [argument...]: to its end; sets $status.
run_origin() {
    start origin "$relay" origin --nats "$url" --name origin "$@"
    wait_for "$pid" 100
}

# check_result FILES BYTES [REDELIVERED]: everything was handed over.
check_result() {
    check_status 0
    check_last "$scratch/origin.out" "relay: $1 hand-offs, $2 bytes, 0 wrong, 0 lost, ${3:-[0-9]+} redelivered"
}

# make_file PATH BYTES: of random contents.
make_file() {
    mkdir -p -- "${1%/*}"
    head -c "$2" /dev/urandom >"$1"
}

count_files() {
    find "$1" -type f -size +0 | wc -l
}

count_bytes() {
    find "$1" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%d", sum }'
}

clean_up() {
    local status=$? child
    for child in "${children[@]}"; do
        kill -KILL "$child" 2>/dev/null || true
    done
    wait
    if ((status != 0)); then
        cat -- "$scratch/shell.err"
    fi
    rm -rf -- "$scratch"
}

test_main() {
    local name names=("$@") passed=0 failed=0 status
    if ((${#names[@]} == 0)); then
        mapfile -t names < <(declare -F | sed -n 's/^declare -f case_//p')
    fi
    for name in "${names[@]}"; do
        printf '== %s\n' "$name"
        scratch=$(mktemp -d)
        # Not in a condition: there, set -e would mean nothing inside.
        set +e
        (
            set -e
            exec 2>"$scratch/shell.err" # also a line of the shell's for each child that is killed
            trap clean_up EXIT
            trap 'exit 143' TERM
            trap 'exit 130' INT
            "case_${name#case_}"
        )
        status=$?
        set -e
        if ((status == 0)); then
            passed=$((passed + 1))
        else
            printf 'FAILED: %s\n' "$name"
            failed=$((failed + 1))
        fi
    done
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0))
}
