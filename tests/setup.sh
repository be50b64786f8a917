#!/usr/bin/env bash
# What the project needs from the machine. Debian 12, Debian 13 and Ubuntu 24.04.
#
#   tests/setup.sh [build|tests|bench|all]   installs what is missing of that group; prints nothing when nothing is
#   source tests/setup.sh                gives the functions: setup_group, setup_packages, setup_build
#
# build is what a user needs, tests adds what tests/run.sh needs, bench what tests/bench/run.sh needs, all adds what
# tests/run.sh --all needs.
# BATON_SKIP_SETUP=1 leaves the machine alone: for other distributions, where the packages were installed by hand.

setup_packages_build=(
    gcc libc6-dev cmake make pkg-config
    libucx-dev libnats-dev libcjson-dev libdlpack-dev uthash-dev libssl-dev
    nats-server
)
setup_packages_tests=(libcriterion-dev ninja-build g++ procps openssl)
setup_packages_bench=(ninja-build ucx-utils gnuplot-nox python3 python3-venv)
setup_packages_all=(clang libclang-rt-dev valgrind spin strace)

# Packages that put a service up when systemd runs, and its units.
declare -A setup_units=(
    [nats-server]="nats-server.service"
    [docker.io]="docker.service docker.socket"
    [containerd]="containerd.service"
)

setup_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

setup_die() {
    printf 'setup: %s\n' "$1" >&2
    shift
    if (($# > 0)); then
        printf '       the missing packages: %s\n' "$*" >&2
    fi
    return 1
}

# Prints those of the packages that are not installed.
setup_missing() {
    local package state
    for package in "$@"; do
        # The state of a package that dpkg never heard of is an error without a word.
        state=$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null || true)
        if ! grep -qx installed <<<"$state"; then
            printf '%s\n' "$package"
        fi
    done
}

setup_supported() {
    local id version
    # shellcheck disable=SC1091
    id=$(. /etc/os-release && printf '%s' "${ID:-}")
    # shellcheck disable=SC1091
    version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
    case "$id $version" in
    "debian 12" | "debian 13" | "ubuntu 24.04") return 0 ;;
    esac
    return 1
}

# Runs apt-get and shows what it said only when it fails.
setup_apt() {
    local as_root=() log status=0
    if ((EUID != 0)); then
        as_root=(sudo)
    fi
    log=$(mktemp)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" \
        </dev/null >"$log" 2>&1 || status=$?
    if ((status != 0)); then
        cat -- "$log" >&2
    fi
    rm -f -- "$log"
    return "$status"
}

# Under systemd some of the packages start a service as they are installed, and the tests start servers of their own.
# A unit that was not on the machine is therefore masked while its package is installed, and left disabled: it can be
# started and enabled by its owner, but nobody finds a server running that they did not ask for. A unit that was there
# is not touched, nor is a machine without systemd.
setup_hold_units() {
    local package unit
    setup_held=()
    if [[ ! -d /run/systemd/system ]]; then
        return 0
    fi
    for package in "$@"; do
        for unit in ${setup_units[$package]:-}; do
            if ! systemctl cat "$unit" >/dev/null 2>&1; then
                setup_systemctl mask --runtime "$unit"
                setup_held+=("$unit")
            fi
        done
    done
}

setup_release_units() {
    local unit
    for unit in "${setup_held[@]}"; do
        setup_systemctl disable "$unit" || true
        setup_systemctl unmask --runtime "$unit" || true
    done
}

setup_systemctl() {
    if ((EUID == 0)); then
        systemctl --quiet "$@" >/dev/null 2>&1
    else
        sudo systemctl --quiet "$@" >/dev/null 2>&1
    fi
}

# setup_packages PACKAGE...: installs those that are missing.
setup_packages() {
    local missing=() status=0
    if [[ ${BATON_SKIP_SETUP:-} == 1 ]]; then
        return 0
    fi
    if ! command -v dpkg-query >/dev/null; then
        setup_die "this is not Debian or Ubuntu; install these by their names here and set BATON_SKIP_SETUP=1" "$@"
        return 1
    fi
    mapfile -t missing < <(setup_missing "$@")
    if ((${#missing[@]} == 0)); then
        return 0
    fi
    if ! setup_supported; then
        setup_die "only Debian 12, Debian 13 and Ubuntu 24.04 are known here" "${missing[@]}"
        return 1
    fi
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        setup_die "run this as root or install sudo, or have someone install what is missing" "${missing[@]}"
        return 1
    fi
    printf 'setup: installing %s\n' "${missing[*]}"
    setup_apt update || {
        setup_die "apt-get update failed" "${missing[@]}"
        return 1
    }
    # containerd comes with docker.io, not by name.
    setup_hold_units "${missing[@]}" containerd
    setup_apt install --no-install-recommends "${missing[@]}" || status=$?
    setup_release_units
    if ((status != 0)); then
        setup_die "apt-get install failed" "${missing[@]}"
        return 1
    fi
}

# setup_group build|tests|bench|all
setup_group() {
    case "$1" in
    build) setup_packages "${setup_packages_build[@]}" ;;
    tests) setup_packages "${setup_packages_build[@]}" "${setup_packages_tests[@]}" ;;
    bench) setup_packages "${setup_packages_build[@]}" "${setup_packages_bench[@]}" ;;
    all)
        setup_packages "${setup_packages_build[@]}" "${setup_packages_tests[@]}" "${setup_packages_bench[@]}" \
            "${setup_packages_all[@]}"
        ;;
    *) setup_die "no group '$1': build, tests, bench or all" ;;
    esac
}

# setup_build DIRECTORY PRESET [argument of cmake...]: configures and builds, and shows the log only when that fails.
setup_build() {
    local directory=$1 preset=$2 log generator=()
    shift 2
    mkdir -p -- "$directory"
    directory=$(cd -- "$directory" && pwd)
    log=$directory/setup-build.log
    if [[ ! -e $directory/CMakeCache.txt ]] && command -v ninja >/dev/null; then
        generator=(-G Ninja)
    fi
    if ! (
        cd -- "$setup_root"
        cmake --preset "$preset" -B "$directory" "${generator[@]}" "$@" &&
            cmake --build "$directory" --parallel "$(nproc)"
    ) >"$log" 2>&1; then
        cat -- "$log" >&2
        printf 'setup: the build of preset %s failed, see above\n' "$preset" >&2
        return 1
    fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    setup_group "${1:-build}"
fi
