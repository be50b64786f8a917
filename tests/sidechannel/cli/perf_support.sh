# shellcheck shell=bash
# What the tests of `baton perf` have in common: source it.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/samples/support.sh
source "$here/../../samples/support.sh"
baton=$BATON_BUILD_DIR/bin/baton
unset UCX_TLS

real='[0-9]+\.[0-9]{3}'
latency="\"p50_us\":$real,\"p99_us\":$real,\"best_us\":$real"
setting='"link":"(any|shm|tcp)","ucx_tls":("[a-z,]+"|null),"progress":"(thread|application)","baton":"[0-9.]+","ucx":"[0-9.]+"'

# perf [argument...]: to its end; its output is in perf.out and perf.err, and its status in $status.
perf() {
    start_perf perf "$@"
    wait_for "$pid" 90
    check_nothing_is_left
}

# start_perf NAME [argument...]: what it starts has the mark of this case in its environment.
start_perf() {
    local name=$1
    shift
    start "$name" env BATON_TEST_MARK="$scratch" "$baton" perf "$@"
}

# Process ids of this case's programs.
marked() {
    local file
    for file in /proc/[0-9]*/environ; do
        if grep -qzsF "BATON_TEST_MARK=$scratch" "$file"; then
            file=${file%/environ}
            printf '%s\n' "${file##*/}"
        fi
    done
}

nothing_is_left() {
    [[ -z $(marked) ]]
}

# Also what a sanitizer has to say of any of them.
check_nothing_is_left() {
    until_true 5 nothing_is_left || fail "processes are left: $(marked)"
    if grep -Eh 'Sanitizer|runtime error:' "$scratch"/*.err; then
        fail "a sanitizer has found something"
    fi
}

# check_error STATUS_NAME [WORDS]: it failed, and says why.
check_error() {
    check_status 1
    check_line "$scratch/perf.err" "^baton perf: $1: .*${2:-}"
}

# check_json TYPE FIELDS: the last line of the output is this object and nothing else, with its fields in order.
check_json() {
    check_status 0
    check_last "$scratch/perf.out" "\\{\"type\":\"$1\",$2\\}"
    if type jq >/dev/null 2>&1; then
        check jq -e . "$scratch/perf.out" >/dev/null
    fi
}

# check_transfer OP SIZE COUNT DEPTH SEGMENTS TRANSPORT [STRIDE]
# $device, $peer_device: where its memory is.
device=cpu
peer_device=cpu
check_transfer() {
    check_json perf "\"op\":\"$1\",\"size_bytes\":$2,\"count\":$3,\"depth\":$4,\"segments\":$5,\"stride_bytes\":${7:-0},\"warmup\":[0-9]+,\
\"device\":\"$device\",\"peer_device\":\"$peer_device\",\"path\":\"$(path_of "$device")\",\"peer_path\":\"$(path_of "$peer_device")\",\
\"transport\":\"$6\",$latency,\"gb_per_s\":$real,\"cpu_s_per_gb\":$real,\"active_cpu_s_per_gb\":$real,\
\"passive_cpu_s_per_gb\":$real,\"data_checked\":true,$setting"
}

# check_handoff SIZE COUNT
check_handoff() {
    check_json perf_handoff "\"size_bytes\":$1,\"count\":$2,\"device\":\"$device\",\"peer_device\":\"$peer_device\",\
\"path\":\"$(path_of "$device")\",\"transport\":\"[a-z0-9_,]+\",$latency,\
\"baseline\":\"baton_worker_ping\",\"baseline_p50_us\":$real,\"baseline_p99_us\":$real,\"baseline_best_us\":$real,\
\"ratio_p50\":$real,\"ratio_p99\":$real,\"ratio_best\":$real,\"data_checked\":true,$setting"
}

# path_of DEVICE: what a side whose memory is there reports.
path_of() {
    case $1 in
        cuda*) printf staged ;;
        *) printf am ;;
    esac
}

# Of the process $run.
check_ends_with() {
    wait_for "$run" 10
    check_error "$@"
    check_nothing_is_left
}
