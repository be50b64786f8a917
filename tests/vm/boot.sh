#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a command in the virtual machine that build_image.sh made, which has the verbs device rxe0.
#
#   boot.sh CACHE_DIR DIRECTORY COMMAND [ARGUMENT...]
#
# DIRECTORY is visible in the VM under the same absolute path, readable and writable, and is the working directory. The
# command runs as root, without standard input. Its output, stdout and stderr together, appears here, and its exit status
# is this script's. Everything else in the VM is lost afterwards.
#
# Exit status: the command's; 124 after the time limit; 125 if the VM ended without one; 2 for wrong usage.
#
#   BATON_VM_SECONDS   for the boot and the command (600)
#   BATON_VM_MEMORY    MiB (2048)
#   BATON_VM_CPUS      (2)
#   BATON_VM_ACCEL     kvm, tcg, or auto: kvm if the processor has it and /dev/kvm is writable, else tcg, emulation
#   BATON_VM_CONSOLE   file for the kernel's messages; without it their end is shown when the VM fails
set -eu

limit_seconds=${BATON_VM_SECONDS:-600}
memory_mib=${BATON_VM_MEMORY:-2048}
cpus=${BATON_VM_CPUS:-2}
accel=${BATON_VM_ACCEL:-auto}

say() { echo "boot: $*" >&2; }

if [ $# -lt 3 ] || [ ! -d "$2" ]; then
    say "usage: boot.sh CACHE_DIR DIRECTORY COMMAND [ARGUMENT...]"
    exit 2
fi
cache=$1
shift
for file in kernel initrd.gz root.ext4; do
    [ -f "$cache/$file" ] || { say "$cache/$file is missing, run build_image.sh first"; exit 2; }
done
shared=$(cd "$1" && pwd -P)
shift
case $shared in
/ | *,*) say "cannot share $shared"; exit 2 ;;
esac

# A /dev/kvm can exist where the processor flags show no hardware virtualisation; a stock kernel does not boot on it.
if [ "$accel" = auto ]; then
    accel=tcg
    if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
        accel=kvm
    fi
fi
case $accel in
kvm) processor="-accel kvm -cpu host" ;;
*) processor="-accel tcg,thread=multi,tb-size=512 -cpu max,la57=off" ;;
esac

quote() { # WORD...: the words, quoted for a shell
    for word; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
}

control=$(mktemp -d "${TMPDIR:-/tmp}/baton-vm-run.XXXXXX")
trap 'rm -rf "$control"' EXIT
printf '%s\n' "$shared" > "$control/directory"
printf 'exec %s\n' "$(quote "$@")" > "$control/command"

console=${BATON_VM_CONSOLE:-$control/console}

# The disk is a snapshot: what the VM writes to it goes to a temporary file. A panic reboots, and a reboot ends QEMU.
# shellcheck disable=SC2086
timeout "$limit_seconds" qemu-system-x86_64 \
    -M q35 $processor -smp "$cpus" -m "$memory_mib" \
    -nodefaults -no-user-config -no-reboot -display none -serial "file:$console" -serial stdio \
    -kernel "$cache/kernel" -initrd "$cache/initrd.gz" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check" \
    -drive "file=$cache/root.ext4,if=virtio,format=raw,snapshot=on" \
    -virtfs "local,path=$control,mount_tag=control,security_model=none" \
    -virtfs "local,path=$shared,mount_tag=shared,security_model=none,multidevs=remap" \
    < /dev/null &
qemu=$!
trap 'kill "$qemu"' HUP INT TERM
wait "$qemu" && qemu_status=0 || qemu_status=$?

if [ -s "$control/status" ]; then
    exit "$(cat "$control/status")"
fi
tail -n 15 "$console" >&2 || true
if [ "$qemu_status" = 124 ]; then
    say "no end within $limit_seconds s"
    exit 124
fi
say "the VM ended without a status"
exit 125
