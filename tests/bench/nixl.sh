# shellcheck shell=bash
# NIXL and nixl_connect for the suite, from the wheels of PyPI. Source it.
#
# nixl_prepare leaves the arguments of suite.py in nixl_arguments: where NIXL is, or why it is not. It never fails: without
# a network, or with a Python that has no wheel, the rows of the table say so.

nixl_versions=(nixl-cu12==1.5.1 nixl==1.5.1)
# What nixl_connect imports, but torch: see nixl_connect.py.
nixl_connect_versions=(ai-dynamo-runtime==1.6.1 numpy pydantic nats-py)

# nixl_install FOLDER LOG
nixl_install() {
    local venv=$1 stamp
    stamp="${nixl_versions[*]} ${nixl_connect_versions[*]}"
    if [[ $(cat -- "$venv/baton-bench-stamp" 2>/dev/null) == "$stamp" ]]; then
        return 0
    fi
    python3 -m venv --clear "$venv" &&
        timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
            "${nixl_versions[@]}" "${nixl_connect_versions[0]}" &&
        timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check "${nixl_connect_versions[@]:1}" &&
        printf '%s\n' "$stamp" >"$venv/baton-bench-stamp"
}

nixl_prepare() {
    local venv=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/baton-bench/venv log reason library
    nixl_arguments=()
    if [[ ${BATON_BENCH_NIXL:-} == no ]]; then
        nixl_arguments=(--no-nixl "BATON_BENCH_NIXL=no" --no-nixl-connect "BATON_BENCH_NIXL=no")
        return 0
    fi
    mkdir -p -- "$(dirname -- "$venv")"
    log=$(mktemp)
    if nixl_install "$venv" >"$log" 2>&1; then
        library=$(find "$venv" -name libnixl_capi.so -print -quit)
        nixl_arguments=(--nixl "$library" --nixl-version "${nixl_versions[0]#*==}" --nixl-connect "$venv/bin/python3")
    else
        reason="the wheels cannot be installed: $(tail -n 1 -- "$log")"
        nixl_arguments=(--no-nixl "$reason" --no-nixl-connect "$reason")
    fi
    rm -f -- "$log"
}
