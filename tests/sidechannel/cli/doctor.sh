#!/usr/bin/env bash
# baton doctor, as people run it.
#
#   doctor.sh [CASE...]
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/samples/support.sh
source "$here/../../samples/support.sh"
baton=${BATON_BUILD_DIR:?}/bin/baton
nowhere=nats://127.0.0.1:9

# doctor [VARIABLE=VALUE...] [argument...]: without what the test's own environment has; its end is in $status.
doctor() {
    local name clean=()
    for name in $(compgen -e); do
        case $name in UCX_* | BATON_* | NATS_URL) clean+=(-u "$name") ;; esac
    done
    local variables=()
    while [[ ${1:-} == [A-Z]*=* ]]; do
        variables+=("$1")
        shift
    done
    status=0
    timeout 60 env "${clean[@]}" "${variables[@]}" "$baton" doctor "$@" >"$scratch/doctor.out" 2>"$scratch/doctor.err" ||
        status=$?
    cat -- "$scratch/doctor.err"
}

# found SEVERITY NAME PATTERN: a line of the report for people.
found() {
    tr '\n' ' ' <"$scratch/doctor.out" | tr -s ' ' >"$scratch/joined"
    check_line "$scratch/joined" " $1 $2 ${3:-}"
}

# object NAME CONDITION: the check of that name meets a condition of jq.
object() {
    jq -es "[.[] | select(.type == \"check\" and .name == \"$1\" and ($2))] | length > 0" "$scratch/doctor.out" \
        >/dev/null || {
        grep -- "\"$1\"" "$scratch/doctor.out" || true
        fail "no check $1 with $2"
    }
}

case_without_a_server_is_not_fit() {
    doctor --nats "$nowhere"
    check_status 1
    found error nats "$nowhere: .*nobody listens there .* fix: start nats-server"
    check_last "$scratch/doctor.out" 'not fit: 1 error, .*'
    doctor BATON_NATS_URL=nats://127.0.0.1:8
    check_status 1
    found error nats 'nats://127.0.0.1:8: '
}

# What there is of CUDA; the stand-in for its runtime is there if the build has support for it.
case_cuda_is_described() {
    local stand_in=$BATON_BUILD_DIR/tests/bin/libcudart_fake.so
    doctor BATON_CUDART=/nonexistent/libcudart.so --nats "$nowhere"
    if grep -q 'no support for CUDA memory' "$scratch/doctor.out"; then
        found note cuda
        return
    fi
    found note cuda 'the CUDA runtime cannot be loaded: /nonexistent/libcudart.so: .* fix: '
    if [[ ! -e $stand_in ]]; then
        return
    fi
    doctor BATON_CUDART="$stand_in" FAKE_CUDA_DEVICES=2 --nats "$nowhere"
    found ok cuda '2 devices; runtime 1[23]\.[0-9]+ '
    found ok cuda_device 'cuda:1 at [0-9a-fA-F]+:'
    found note cuda_paths '(this UCX has no CUDA|UCX knows CUDA, and has no cuda_ipc)'
    doctor LD_PRELOAD="$BATON_BUILD_DIR/tests/bin/libucx_cuda.so" ASAN_OPTIONS=verify_asan_link_order=0 \
        BATON_CUDART="$stand_in" FAKE_CUDA_DEVICES=2 --nats "$nowhere"
    found note cuda_paths 'UCX knows CUDA, and has no cuda_ipc'
    if command -v jq >/dev/null; then
        doctor BATON_CUDART="$stand_in" FAKE_CUDA_DEVICES=2 --nats "$nowhere" --json
        object cuda '.usable and .devices == 2 and .status == "OK"'
        object cuda_device '.id == 1 and .memory_pools'
        object cuda_paths '.ucx_cuda == false and .cuda_ipc == false and (.gpudirect | not) and (.own_namespace | type) == "boolean"'
    fi
    doctor BATON_CUDART="$stand_in" FAKE_CUDA_DEVICES=-1 --nats "$nowhere"
    found note cuda "there is no driver of NVIDIA's here"
    doctor BATON_CUDART="$stand_in" FAKE_CUDA_DEVICES=0 --nats "$nowhere"
    found note cuda 'CUDA has no device here'
}

case_with_a_server_tells_what_it_is() {
    local version
    start_nats
    version=$(nats-server --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+')
    doctor BATON_NATS_URL="$url"
    ((status == 0 || status == 3)) || fail "exit status $status"
    found ok nats "${url#nats://}: nats-server $version, [0-9]+ us there and back, headers: yes, TLS: no"
    found ok nats_payload 'a message may have 1 MiB: an offer can name about 65536 pieces of memory'
    check_last "$scratch/doctor.out" 'fit.*: 0 errors, .*'
}

case_shows_no_password() {
    doctor BATON_NATS_URL=nats://user:geheim@127.0.0.1:9
    check_status 1
    found error nats 'nats://127.0.0.1:9: '
    if grep -q geheim "$scratch/doctor.out"; then
        fail "the password is on the screen"
    fi
}

case_does_not_wait_for_a_stopped_server() {
    local begin=$SECONDS
    start_nats
    kill -STOP "$nats"
    doctor --nats "$url"
    check_status 1
    ((SECONDS - begin < 20)) || fail "it took $((SECONDS - begin)) s"
    found error nats "$url: .*accepts connections and says nothing"
}

case_warns_of_a_server_that_is_away_among_others() {
    start_nats
    doctor --nats "$nowhere,$url"
    check_status 3
    found warning nats "$nowhere: "
    found ok nats "${url#nats://}: nats-server"
    doctor --nats "$nowhere,nats://127.0.0.1:8"
    check_status 1
    found error nats_servers 'none of the servers'
}

case_warns_that_tcp_alone_is_slow() {
    start_nats
    doctor UCX_TLS=tcp --nats "$url"
    check_status 3
    found warning shared_memory 'no shared memory.*left out by UCX_TLS=tcp fix: add shm to UCX_TLS'
    found note variable 'UCX_TLS=tcp: '
    check_line "$scratch/doctor.out" '^  posix +memory +host +no +left out by UCX_TLS=tcp$'
    check_line "$scratch/doctor.out" '^  tcp +[^ ]+ +network +yes '
}

case_without_transports_is_not_fit() {
    start_nats
    doctor UCX_TLS=nothing_of_that_name --nats "$url"
    check_status 1
    found error connector 'cannot be opened: .* fix: unset UCX_TLS'
    found warning shared_memory
    found warning network
    found ok nats
}

case_warns_of_variables() {
    start_nats
    doctor UCX_POSIX_ERROR_HANDLING=n UCX_NO_SUCH_THING=1 BATON_NATS_ULR=x --nats "$url"
    check_status 3
    found warning variable 'UCX_POSIX_ERROR_HANDLING=n: takes shared memory'
    found warning ucx_unknown_variable '.*UCX_NO_SUCH_THING'
    found note variable 'BATON_NATS_ULR=x: baton does not know it'
    check_line "$scratch/doctor.out" '^  posix +memory +host +no +does not report the death'
    doctor UCX_NO_SUCH_THING=1 UCX_WARN_UNUSED_ENV_VARS=n --nats "$url"
    found note variable 'UCX_WARN_UNUSED_ENV_VARS=n: '
}

case_notices_low_limits() {
    start_nats
    ulimit -l 64
    ulimit -n 128
    doctor --nats "$url"
    check_status 3
    found '(note|warning)' memlock 'locked memory: 64 KiB .*low.* fix: '
    found warning nofile 'open files: 128 .* for about 16 peers: low fix: '
    ulimit -n 20
    doctor ASAN_OPTIONS=detect_leaks=0 --nats "$url" # UCX 1.13 leaks where it cannot open a worker
    check_status 1
    found error connector 'cannot be opened: '
}

case_prints_objects() {
    start_nats
    doctor UCX_TLS=tcp UCX_KEEPALIVE_INTERVAL=20s --nats "$nowhere,$url" --json
    check_status 3
    jq -es 'length > 20 and (.[-1].type == "doctor")
        and all(.[:-1][]; .type == "check" or .type == "transport")
        and all(.[] | select(.type == "check");
            (.name | type) == "string" and (.found | length) > 0
            and (.severity == "ok") == (.fix == null)
            and (.severity | IN("ok", "note", "warning", "error")))
        and all(.[] | select(.type == "transport");
            (.used == (.use == "used")) and (.reason | length) > 0 and (.device | type) == "string")
        and ([.[] | select(.severity == "warning")] | length) == .[-1].warnings
        and ([.[] | select(.severity == "ok")] | length) == .[-1].ok
        and ([.[] | select(.severity == "note")] | length) == .[-1].notes
        and .[-1].errors == 0' "$scratch/doctor.out" >/dev/null || {
        cat -- "$scratch/doctor.out"
        fail "the objects are not as documented"
    }
    object nats ".address == \"${url#nats://}\" and .max_payload_bytes == 1048576 and .round_trip_us > 0 and .headers and (.tls | not)"
    object nats ".url == \"$nowhere\" and .status == \"ERR_NATS_DISCONNECTED\" and .severity == \"warning\""
    object nats_payload '.descriptors > 10000 and .descriptor_bytes >= 4'
    object nofile '.soft > 0'
    object dev_shm '.size_bytes >= .free_bytes'
    object variable '.variable == "UCX_KEEPALIVE_INTERVAL" and .value == "20s" and .severity == "warning"'
    object ucx ".version == \"$("$baton" version --json | jq -r .ucx)\""
}

case_has_no_colours_in_a_file() {
    doctor --nats "$nowhere"
    if grep -q $'\033' "$scratch/doctor.out"; then
        fail "escape sequences in a file"
    fi
    if awk 'length > 100 { print; wide = 1 } END { exit !wide }' "$scratch/doctor.out"; then
        fail "lines of more than 100 columns"
    fi
}

case_refuses_wrong_arguments() {
    local wrong
    for wrong in --nats --colour here '--nats='; do
        doctor "$wrong"
        check_status 2
        check_line "$scratch/doctor.err" '^usage: baton doctor '
        check test ! -s "$scratch/doctor.out"
    done
    doctor --help
    check_status 0
    check_line "$scratch/doctor.out" '^Exit status: 0 .* 3 a warning'
}

if [[ " $* " == *" prints_objects "* ]] && ! command -v jq >/dev/null; then
    printf 'jq is not installed\n'
    exit 77
fi
test_main "$@"
