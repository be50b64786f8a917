#!/usr/bin/env bash
# Runs a test under what GPU_UNDER says, a command and its arguments: run.sh puts compute-sanitizer there.
#
#   under.sh PROGRAM ARGUMENT...
set -euo pipefail
read -r -a under <<<"${GPU_UNDER:-}"
exec "${under[@]}" "$@"
