#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The tests that need verbs, in a virtual machine with a soft-RoCE device: see README.md. Last line `N passed, N failed`; 77 with a
# reason where there can be no such machine.
#
#   run.sh BUILD       BUILD: a build folder of the preset dev
#
#   BATON_VM_CACHE     where the image lies, 270 MB (${XDG_CACHE_HOME:-~/.cache}/baton/vm)
#   BATON_VM_SECONDS   limit for all of it (900)
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/setup.sh
source "$here/../setup.sh"

if (($# != 1)) || [[ ! -d $1/tests/bin ]]; then
    printf 'usage: run.sh BUILD\n' >&2
    exit 2
fi
programs=$1/tests/bin
cache=${BATON_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/baton/vm}
export BATON_VM_SECONDS=${BATON_VM_SECONDS:-900}
passed=0
failed=0

scratch=$(mktemp -d /var/tmp/baton-vm.XXXXXX)
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

skip() {
    printf '%s\n' "$1"
    exit 77
}

# shellcheck disable=SC1091
system=$(. /etc/os-release && printf '%s %s' "${ID:-}" "${VERSION_ID:-}")
[[ $(uname -m) == x86_64 ]] || skip "the VM with a verbs device is for amd64"
# UCX 1.16 to 1.18 aborts the process after a refused access over rxe.
[[ $system == "debian 12" ]] || skip "the VM with a verbs device is Debian 12, and runs what was built on Debian 12"
((EUID == 0)) || skip "building the VM with a verbs device needs root"
if ! setup_packages qemu-system-x86 mmdebstrap kmod cpio e2fsprogs xz-utils zstd >"$scratch/setup.log" 2>&1; then
    cat -- "$scratch/setup.log"
    skip "QEMU and mmdebstrap cannot be installed here"
fi

# The image is built anew when the script that builds it has changed.
mkdir -p -- "$cache"
exec 9>"$cache/lock"
flock 9
stamp=$(sha256sum <"$here/build_image.sh")
if [[ $(cat -- "$cache/stamp" 2>/dev/null || true) != "$stamp" ]]; then
    rm -f -- "$cache/stamp"
    if ! "$here/build_image.sh" "$cache" >"$scratch/image.log" 2>&1; then
        cat -- "$scratch/image.log"
        skip "the image of the VM cannot be built: $(tail -n 1 -- "$scratch/image.log")"
    fi
    printf '%s\n' "$stamp" >"$cache/stamp"
fi

cp -- "$here/cases.sh" "$here/cases.list" "$programs/sdk_peer" "$scratch/"
while read -r program _; do
    [[ -z $program || $program == '#'* ]] || cp -- "$programs/$program" "$scratch/"
done <"$here/cases.list"

status=0
"$here/boot.sh" "$cache" "$scratch" sh cases.sh cases.list 9>&- || status=$?
if ((status != 0)); then
    printf 'the VM ended with status %d\n' "$status"
    failed=$((failed + 1))
fi

# count NAME: the cases of one program. Criterion lists those that the filter leaves out as skipped.
count() {
    local name=$1 good bad
    good=$(grep -E '^ok - ' "$scratch/$name.tap" | grep -vc '# SKIP' || true)
    bad=$(grep -cE '^not ok - ' "$scratch/$name.tap" || true)
    if ((bad == 0)) && { ((good == 0)) || [[ $(cat -- "$scratch/$name.status") != 0 ]]; }; then
        bad=1 # it crashed, took too long, or had nothing to run
    fi
    grep -E '^(not )?ok - ' "$scratch/$name.tap" | grep -v '# SKIP' || true
    if ((bad != 0)); then
        cat -- "$scratch/$name.log"
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
}

wanted=$(grep -cE '^[^#]' "$here/cases.list" || true)
found=0
for file in "$scratch"/*.status; do
    [[ -e $file ]] || continue
    found=$((found + 1))
    touch -- "${file%.status}.tap"
    count "$(basename "$file" .status)"
done
if ((found < wanted)); then
    printf 'only %d of %d programs ran to their end\n' "$found" "$wanted"
    failed=$((failed + 1))
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
