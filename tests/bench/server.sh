# shellcheck shell=bash
# A nats-server for the scripts of this folder, to be sourced. They have a folder in $scratch and end what is in $server.

# On a free port of the loopback; its URL is in $nats.
start_server() {
    local deadline=$((SECONDS + 10)) port
    nats-server --addr 127.0.0.1 --port -1 --ports_file_dir "$scratch" >"$scratch/nats.log" 2>&1 &
    server=$!
    until port=$(sed -nE 's|.*"nats://127\.0\.0\.1:([0-9]+)".*|\1|p' "$scratch"/*.ports 2>/dev/null) && [[ -n $port ]]; do
        if ((SECONDS >= deadline)) || ! kill -0 "$server" 2>/dev/null; then
            cat -- "$scratch/nats.log" >&2
            printf 'bench: FAILED, the nats-server does not start\n'
            exit 1
        fi
        sleep 0.05
    done
    # shellcheck disable=SC2034 # of who sources this
    nats=nats://127.0.0.1:$port
}
