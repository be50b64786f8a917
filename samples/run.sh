#!/usr/bin/env bash
# Shows a hand-off on real files: a NATS server, one origin and three workers, one of which is killed in the middle.
#
#   samples/run.sh [PATH...]     files and folders to hand over; without one, this machine's programs and libraries
#
# Installs what is missing, builds, and ends with a table and the line
#
#   relay: N hand-offs, N bytes, N wrong, N lost, N redelivered
#
# Exit status 0 only if nothing is wrong. Everything that it starts listens on this machine alone, lives in a temporary
# folder and ends with it.
#
#   BATON_BUILD_ROOT    where the build folders go (build/)
#   BATON_SKIP_SETUP=1  installs nothing
#   BATON_RELAY         a relay that is built already: installs nothing, builds nothing
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/setup.sh
source "$root/tests/setup.sh"
builds=${BATON_BUILD_ROOT:-$root/build}
relay=${BATON_RELAY:-$builds/release/samples/relay}

nats=
origin=
declare -A workers=() # process id -> name
work=
url=
never=
started=3

say() {
    printf 'run: %s\n' "$*" >&2
}

is_running() {
    kill -0 "$1" 2>/dev/null
}

# pause SECONDS: without a process, for which bash 5.2 has no record after `wait -n`.
pause() {
    read -rt "$1" -u "$never" || true
}

# end PID...: asks them to end, waits up to ten seconds, then makes them.
end() {
    local pid deadline=$((SECONDS + 10))
    for pid in "$@"; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    for pid in "$@"; do
        while is_running "$pid" && ((SECONDS < deadline)); do
            pause 0.02
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
}

clean_up() {
    trap '' INT TERM HUP
    set +e # go on to the end of this, come what may
    end ${origin:+"$origin"}
    end "${!workers[@]}"
    end ${nats:+"$nats"}
    if [[ -n $work ]]; then
        if [[ -s $work/result ]]; then
            cat -- "$work/result"
        fi
        rm -rf -- "$work"
    fi
}

# child COMMAND...: becomes the command, which ends with this script, however that ends.
child() {
    if command -v setpriv >/dev/null && setpriv --pdeathsig TERM true 2>/dev/null; then
        exec setpriv --pdeathsig TERM "$@"
    fi
    exec "$@"
}

build() {
    local lock
    if [[ -n ${BATON_RELAY:-} ]]; then
        return
    fi
    mkdir -p -- "$builds"
    exec {lock}>"$builds/.samples.lock"
    flock "$lock" # two of these at once build one after the other
    setup_group build >&2
    setup_build "$builds/release" release
    exec {lock}>&-
}

# In a session of its own, so that Ctrl-C ends it last.
start_nats() {
    local deadline=$((SECONDS + 10)) ports
    child setsid nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$work" >"$work/nats.log" 2>&1 &
    nats=$!
    ports=$work/nats-server_$nats.ports
    while ! url=$(grep -o 'nats://[0-9.:]*' "$ports" 2>/dev/null); do
        if ! is_running "$nats" || ((SECONDS >= deadline)); then
            cat -- "$work/nats.log" >&2
            say "the NATS server does not start"
            exit 1
        fi
        pause 0.05
    done
}

start_worker() {
    child "$relay" worker --nats "$url" --name "$1" >"$work/$1.log" 2>&1 &
    workers[$!]=$1
}

start_origin() {
    local pid victims=()
    for pid in "${!workers[@]}"; do
        victims+=("${workers[$pid]}=$pid")
    done
    child "$relay" origin --nats "$url" --name origin --kill-one "$(IFS=, && printf '%s' "${victims[*]}")" \
        -- "$@" >"$work/result" &
    origin=$!
}

# A worker is gone: the one that was to be killed, or one that has a reason to tell.
replace() {
    local pid=$1 status=$2
    if ((status != 137)); then
        say "${workers[$pid]} ended with status $status:"
        cat -- "$work/${workers[$pid]}.log" >&2
    fi
    unset "workers[$pid]"
    if ((started == 3)); then
        pause 0.5
        started=$((started + 1))
        start_worker "worker-$started"
        say "started worker-$started"
    fi
}

# Waits for the origin, and starts another worker some time after one was killed. Returns the origin's exit status.
watch() {
    local ended status
    while true; do
        status=0
        wait -n -p ended "$origin" "${!workers[@]}" 2>/dev/null || status=$?
        if [[ ${ended:-$origin} == "$origin" ]]; then
            origin=
            return "$status"
        fi
        replace "$ended" "$status"
    done
}

# What the workers said, where something went wrong.
show_logs() {
    local log
    for log in "$work"/worker-*.log; do
        tail -n 20 -- "$log" | sed "s|^|${log##*/}: |" >&2
    done
}

main() {
    local name status=0
    case "${1:-}" in
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' -- "${BASH_SOURCE[0]}"
        return
        ;;
    -*)
        printf 'usage: samples/run.sh [PATH...]\n' >&2
        return 2
        ;;
    esac
    build
    PATH=$PATH:/usr/sbin:/sbin # where Debian has nats-server
    work=$(mktemp -d)
    mkfifo -- "$work/never"
    exec {never}<>"$work/never" # nobody writes into it
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    start_nats
    for name in worker-1 worker-2 worker-3; do
        start_worker "$name"
    done
    start_origin "$@"
    watch || status=$?
    if ((status != 0)) && ! grep -q ' 0 wrong, 0 lost, ' "$work/result"; then
        show_logs
    fi
    return "$status"
}

main "$@"
