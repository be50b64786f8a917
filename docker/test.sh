#!/usr/bin/env bash
# Proves docker/: builds the image, runs the relay over real files in containers, kills a worker in the middle, and looks
# at what came out. Last line `N passed, N failed`; 77 with a reason when no container engine can be started here.
#
# Nothing of the machine's own Docker is used or touched: it starts a dockerd with its own socket and folders, and
# removes all of it. `docker` is the one in the PATH; docker.io and docker-compose are installed where missing.
#
#   BATON_DOCKER_FILES_MB   how much to hand over (200)
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/setup.sh
source tests/setup.sh

base=debian:trixie-slim
files_mb=${BATON_DOCKER_FILES_MB:-200}
passed=0
failed=0
daemon=
project=baton-test-$$
compose=(docker-compose)

# On a disk: /tmp may be memory.
scratch=$(mktemp -d /var/tmp/baton-docker.XXXXXX)
export DOCKER_HOST=unix://$scratch/docker.sock
export DOCKER_CONFIG=$scratch/config
export COMPOSE_PROJECT_NAME=$project
unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH COMPOSE_FILE
mkdir -p "$DOCKER_CONFIG"

pass() {
    printf 'ok      %s\n' "$1"
    passed=$((passed + 1))
}

fail() {
    printf 'FAILED  %s\n' "$1"
    failed=$((failed + 1))
}

# check TEXT COMMAND...
check() {
    local text=$1
    shift
    if "$@"; then
        pass "$text"
    else
        fail "$text"
    fi
}

# until_true SECONDS COMMAND...: polls until the command succeeds or the time is over.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= deadline)); then
            return 1
        fi
        sleep 0.05
    done
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

# quietly NAME COMMAND...: shows what it said only when it fails.
quietly() {
    local log=$scratch/$1.log status=0
    shift
    "$@" >"$log" 2>&1 || status=$?
    if ((status != 0)); then
        tail -n 100 -- "$log"
    fi
    return "$status"
}

run_compose() {
    "${compose[@]}" -f docker/compose.yml --project-directory docker "$@"
}

stop_engine() {
    local mount
    if [[ -z $daemon ]]; then
        return 0
    fi
    run_compose down --volumes --timeout 5 >"$scratch/down.log" 2>&1 || true
    kill -TERM "$daemon" 2>/dev/null || true
    until_true 30 gone "$daemon" || kill -KILL "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
    daemon=
    # What a daemon that had to be killed leaves mounted.
    findmnt -rno TARGET | grep -F -- "$scratch/" | sort -r | while read -r mount; do
        umount -l -- "$mount" || true
    done
}

clean_up() {
    stop_engine
    rm -rf --one-file-system -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

skip() {
    printf '%s\n' "$*"
    exit 77
}

start_engine() {
    # No docker0 and no rules in the machine's firewall: the containers speak only to each other, over the bridge that
    # compose makes and removes, and a build uses the machine's network.
    dockerd --host "$DOCKER_HOST" \
        --data-root "$scratch/data" --exec-root "$scratch/exec" --pidfile "$scratch/dockerd.pid" \
        --bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
        >"$scratch/dockerd.log" 2>&1 &
    daemon=$!
    until_true 60 engine_answers_or_died
    docker version >/dev/null 2>&1
}

engine_answers_or_died() {
    docker version || gone "$daemon"
}

# The value of one setting of apt on this machine.
apt_setting() {
    local value=
    eval "$(apt-config shell value "$1")"
    printf '%s' "$value"
}

# The Debian mirror that this machine uses, as its own sources name it.
debian_mirror() {
    local uri
    # shellcheck disable=SC2016
    uri=$(apt-get indextargets --format '$(SITE) $(REPO_URI)' 2>/dev/null |
        awk '$2 ~ /\/debian\/?$/ { print $2; exit }')
    printf '%s' "${uri:-http://deb.debian.org/debian}"
}

# A Debian 13 made by debootstrap. It keeps the way that this machine's apt goes, so that apt works in the build as it
# works here.
make_base() {
    local root=$scratch/root mirror proxy
    mirror=$(debian_mirror)
    proxy=$(apt_setting Acquire::http::Proxy)
    env ${proxy:+http_proxy="$proxy"} debootstrap --variant=minbase trixie "$root" "$mirror"
    apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-|Retries)' >"$root/etc/apt/apt.conf.d/90machine" || true
    tar -C "$root" --one-file-system -c . | docker import - "$base"
    rm -rf --one-file-system -- "$root"
}

get_base() {
    timeout 60 docker pull -q "$base" >"$scratch/pull.log" 2>&1 || make_base
}

# can_build CLIENT BUILDKIT: some clients have only one of the two builders.
can_build() {
    printf 'FROM scratch\nLABEL probe=1\n' | DOCKER_BUILDKIT=$2 "$1" build -q -t baton-probe - >/dev/null 2>&1
}

# build_image BUILDKIT TAG: with the docker of the PATH, or with the packaged one where that lacks the builder.
build_image() {
    local client=docker arguments=() proxy
    if ! can_build "$client" "$1"; then
        client=/usr/bin/docker
    fi
    proxy=$(apt_setting Acquire::http::Proxy)
    if [[ -n $proxy ]]; then
        # One of the arguments that Docker knows by itself: it does not stay in the image.
        arguments+=(--build-arg "http_proxy=$proxy")
    fi
    DOCKER_BUILDKIT=$1 "$client" build --network host "${arguments[@]}" -f docker/Dockerfile -t "$2" .
}

# Real files: the machine's shared libraries, up to the size asked for, one copy of each.
collect_files() {
    local files=$scratch/files total=0 size file
    mkdir -p "$files"
    while read -r size file; do
        if ((total + size > files_mb * 1000000)); then
            continue
        fi
        # The number keeps names apart.
        cp -- "$file" "$files/$total-$(basename -- "$file")"
        total=$((total + size))
    done < <(find /usr/lib -xdev -type f -name '*.so*' -size +0 -size -32M -readable -printf '%s %p\n' | sort -k2)
    chmod -R a+rX "$files"
    expected_files=$(find "$files" -type f | wc -l)
    expected_bytes=$total
}

container() {
    run_compose ps -q "$1"
}

inspect() {
    docker inspect -f "$1" "$2"
}

all_healthy() {
    local service
    for service in nats worker-1 worker-2 worker-3; do
        [[ $(inspect '{{.State.Health.Status}}' "$(container "$service")") == healthy ]] || return 1
    done
}

# True once the container has received that many bytes over its network.
has_received() {
    local pid=$1 bytes=$2
    awk -v least="$bytes" '/eth0:/ { sub(/.*eth0:/, ""); got = $1 } END { exit !(got >= least) }' "/proc/$pid/net/dev"
}

# The time as the engine writes it, so that two of them compare as text.
now() {
    date -u +%Y-%m-%dT%H:%M:%S.%NZ
}

earlier() {
    [[ -n $1 && $1 < $2 ]]
}

# Kills that process once it has received so much, in a minute at most, and says when. The process, not `docker kill`:
# the engine must see a worker that died, not one that was stopped on purpose.
kill_after() {
    local pid=$1 bytes=$2
    until_true 60 has_received "$pid" "$bytes" && kill -KILL "$pid" && now
}

restarted() {
    [[ $(inspect '{{.RestartCount}} {{.State.Running}}' "$1") == "1 true" ]]
}

ended() {
    [[ $(inspect '{{.State.Status}}' "$1") == exited ]]
}

run_relay() {
    local worker pid killer origin last
    export BATON_FILES=$scratch/files
    quietly up run_compose up -d --no-build nats worker-1 worker-2 worker-3 || {
        fail "the services start"
        return
    }
    if until_true 60 all_healthy; then
        pass "the server and three workers are healthy"
    else
        fail "the server and three workers are healthy"
        run_compose ps
        run_compose logs
        return
    fi

    worker=$(container worker-2)
    pid=$(inspect '{{.State.Pid}}' "$worker")
    # It watches before the origin starts: compose may return when the origin is over already.
    kill_after "$pid" 2000000 >"$scratch/killed" &
    killer=$!
    quietly origin run_compose up -d --no-build origin
    origin=$(run_compose ps -a -q origin 2>/dev/null || container origin)
    check "a worker is killed after 2 MB" wait "$killer"
    check "the origin ends" until_true 120 ended "$origin"
    check "and ended after the kill" earlier "$(cat -- "$scratch/killed")" "$(inspect '{{.State.FinishedAt}}' "$origin")"
    docker logs "$origin" >"$scratch/relay.out" 2>"$scratch/relay.err"
    tail -n 15 -- "$scratch/relay.out"
    last=$(tail -n 1 -- "$scratch/relay.out")
    if [[ $last =~ ^relay:\ $expected_files\ hand-offs,\ $expected_bytes\ bytes,\ 0\ wrong,\ 0\ lost,\ [0-9]+\ redelivered$ ]]; then
        pass "every file handed over once, none wrong, none lost"
    else
        fail "every file handed over once, none wrong, none lost ($expected_files files, $expected_bytes bytes)"
        tail -n 30 -- "$scratch/relay.err"
        run_compose logs --tail 30
    fi
    check "the origin's exit status is 0" [ "$(inspect '{{.State.ExitCode}}' "$origin")" = 0 ]
    check "the killed worker is started again" until_true 30 restarted "$worker"
    check "and is healthy again" until_true 60 all_healthy
}

# What the runtime image must not have, and who it runs as.
no_compiler() {
    docker run --rm --network none baton-relay bash -c \
        '! command -v gcc cc clang cmake make ld && [[ ! -e /usr/include/stdio.h ]]'
}

not_root() {
    [[ $(docker run --rm --network none baton-relay id -u) != 0 ]]
}

# --- what there must be -----------------------------------------------------------------------------------------------

if ((EUID != 0)); then
    skip "a dockerd of its own needs root"
fi
quietly setup setup_packages docker.io docker-compose debootstrap debian-archive-keyring util-linux ||
    skip "docker.io, docker-compose or debootstrap cannot be installed here"
if ! docker-compose version >/dev/null 2>&1; then
    compose=(docker compose)
fi
start_engine || skip "no container engine can be started here: $(tail -n 1 -- "$scratch/dockerd.log")"
printf 'docker %s, engine %s, %s\n' "$(docker version -f '{{.Client.Version}}')" \
    "$(docker version -f '{{.Server.Version}}')" "$("${compose[@]}" version --short)"

# --- the test ---------------------------------------------------------------------------------------------------------

check "a base image is pulled or made" quietly base get_base
if can_build docker 1 || can_build /usr/bin/docker 1; then
    check "the image builds with BuildKit" quietly buildkit build_image 1 baton-relay-buildkit
else
    printf 'not checked: no client here has BuildKit\n'
fi
if quietly build build_image 0 baton-relay; then
    pass "the image builds"
    check "the image has no compiler" no_compiler
    check "the image does not run as root" not_root
    collect_files
    run_relay
else
    fail "the image builds"
fi
check "compose removes what it made" quietly down run_compose down --volumes --timeout 5
stop_engine
check "nothing is left mounted or running" [ -z "$(findmnt -rno TARGET | grep -F -- "$scratch/" || true)" ]

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
