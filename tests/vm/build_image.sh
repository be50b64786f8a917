#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a small Debian virtual machine with soft-RoCE (rdma_rxe), a verbs device without hardware.
#
#   build_image.sh CACHE_DIR
#
# Writes three files to CACHE_DIR, which boot.sh starts:
#   kernel       the kernel, uncompressed, since decompressing takes long under emulation
#   initrd.gz    busybox and the modules that mount the disk
#   root.ext4    the root file system
#
# Needs root, amd64, a working apt configuration (mirror and keys are the host's), and what run.sh installs. The VM has the
# suite of the host, so that what is built here runs there.
set -eu

suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
cache=${1:?usage: build_image.sh CACHE_DIR}

# Development packages have the same name in every suite and pull in the matching library.
packages="busybox-static mount kmod iproute2 procps
    ibverbs-utils ibverbs-providers rdma-core perftest
    libucx-dev ucx-utils
    nats-server libnats-dev libcjson-dev libcriterion-dev"

# The initrd needs the first group to reach the disk. init loads the others by name.
boot_modules="virtio_pci virtio_blk crc32c_generic ext4"
modules="$boot_modules 9pnet_virtio 9p dummy veth virtio_net crc32_generic rdma_rxe ib_uverbs rdma_ucm"

say() { echo "build_image: $*" >&2; }

# The host's Debian sources as one-line entries, for mmdebstrap.
print_sources() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' \
        'Created-By: Packages' |
        sed -n "s/^Debian \([^ ]*\) $suite\([^ ]*\) /deb \1 $suite\2 /p"
}

build_root() { # DIRECTORY
    print_sources > "$work/sources.list"
    if [ ! -s "$work/sources.list" ]; then # the origin is known only after an update
        apt-get update -q >&2
        print_sources > "$work/sources.list"
    fi
    [ -s "$work/sources.list" ] || { say "no Debian source for $suite in apt"; exit 1; }
    # shellcheck disable=SC2086
    mmdebstrap --quiet --variant=essential \
        --include="$(echo $packages | tr ' ' ',')" \
        --aptopt='Apt::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook="$work/download-kernel \"\$1\"" \
        "$suite" "$1" "$work/sources.list" >&2
}

# Runs as a hook while the root still has its package lists. The kernel is unpacked, never installed: that would
# pull in and run initramfs-tools.
write_kernel_hook() {
    cat > "$work/download-kernel" <<HOOK
#!/bin/sh
set -eu
export APT_CONFIG="\$MMDEBSTRAP_APT_CONFIG"
image=\$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: *//p')
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "\$image"
dpkg-deb -x "\$image"_*.deb "$work/kernel-tree"
# Newer suites keep the modules below /usr.
[ -e "$work/kernel-tree/lib" ] || ln -s usr/lib "$work/kernel-tree/lib"
HOOK
    chmod +x "$work/download-kernel"
}

# Copies the named modules and what they depend on, and makes them loadable by name.
copy_modules() { # ROOT MODULE...
    target=$1
    shift
    depmod -b "$work/kernel-tree" "$version"
    mkdir -p "$target/lib/modules/$version"
    for module; do
        modprobe -d "$work/kernel-tree" -S "$version" --show-depends "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
        relative=${file#"$work/kernel-tree"/}
        mkdir -p "$target/${relative%/*}"
        cp "$file" "$target/$relative"
    done
    cp "$work/kernel-tree/lib/modules/$version"/modules.builtin* \
        "$work/kernel-tree/lib/modules/$version/modules.order" "$target/lib/modules/$version/"
    depmod -b "$target" "$version"
}

# A bzImage's header says where its compressed payload lies (see the kernel's Documentation/arch/x86/boot.rst).
extract_kernel() { # BZIMAGE OUTPUT
    setup_sectors=$(od -An -tu1 -j 497 -N 1 "$1" | tr -d ' ')
    offset=$(od -An -tu4 -j 584 -N 4 "$1" | tr -d ' ')
    length=$(od -An -tu4 -j 588 -N 4 "$1" | tr -d ' ')
    start=$(((setup_sectors + 1) * 512 + offset))
    # The last four bytes are the uncompressed size, not part of the stream.
    tail -c "+$((start + 1))" "$1" | head -c "$((length - 4))" > "$work/payload"
    case $(od -An -tx1 -N 4 "$work/payload" | tr -d ' ') in
    fd377a58) xz -dc "$work/payload" > "$2" ;;
    28b52ffd) zstd -qdc "$work/payload" > "$2" ;;
    *) say "unknown compression, keeping the bzImage"; cp "$1" "$2" ;;
    esac
}

build_initrd() { # OUTPUT
    tree=$work/initrd
    mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/root"
    cp "$work/root/bin/busybox" "$tree/bin/busybox"
    # shellcheck disable=SC2086
    copy_modules "$tree" $boot_modules
    cat > "$tree/init" <<INIT
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
/bin/busybox mount -t proc none /proc
/bin/busybox modprobe -a $boot_modules
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /sbin/vm-init
INIT
    chmod +x "$tree/init"
    (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) > "$1"
}

# Process 1 of the VM. It finds the command in the control share and leaves the exit status there.
write_init() { # OUTPUT
    cat > "$1" <<'INIT'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc none /proc
mount -t sysfs none /sys
mount -t tmpfs none /run
mount -t tmpfs none /tmp
mkdir -p /dev/pts /dev/shm /run/control
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm

power_off() {
    sync
    busybox poweroff -f
}

modprobe -a 9pnet_virtio 9p dummy ib_uverbs rdma_ucm rdma_rxe
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 control /run/control || power_off

hostname baton-vm
ip link set lo up
# The device gets IPv6 addresses only: with an IPv4 address UCX's ud_verbs, which rc_verbs connects through, never
# sees a packet arrive, and waits for ever.
ip link add rdma0 mtu 9000 type dummy
ip link set rdma0 up
ip address add fd00::1/64 dev rdma0 nodad
rdma link add rxe0 type rxe netdev rdma0

# The directory appears under its own path, so that build trees with absolute paths work.
shared=$(cat /run/control/directory)
mkdir -p "$shared"
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=mmap shared "$shared"

cut -d ' ' -f 1 /proc/uptime > /run/control/started
# The second serial port carries the command's output alone; the first has the kernel's messages.
busybox stty -F /dev/ttyS1 raw
cd "$shared" && setsid -w /bin/sh /run/control/command < /dev/null > /dev/ttyS1 2>&1
echo $? > /run/control/status
power_off
INIT
    chmod +x "$1"
}

[ "$(id -u)" = 0 ] || { say "must run as root"; exit 1; }
started=$(date +%s)
mkdir -p "$cache"
work=$(mktemp -d "${TMPDIR:-/tmp}/baton-vm-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

say "installing $suite into the root file system"
write_kernel_hook
build_root "$work/root"

version=$(ls "$work/kernel-tree/lib/modules")
[ -n "$version" ] || { say "the kernel package has no modules"; exit 1; }
say "adding kernel $version"
# shellcheck disable=SC2086
copy_modules "$work/root" $modules
write_init "$work/root/sbin/vm-init"
printf '127.0.0.1 localhost baton-vm\n::1 localhost\n' > "$work/root/etc/hosts"
rm -rf "$work/root/usr/share/doc" "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists"

extract_kernel "$work/kernel-tree/boot/vmlinuz-$version" "$cache/kernel"
build_initrd "$cache/initrd.gz"
used_mib=$(du -sm "$work/root" | cut -f 1)
rm -f "$cache/root.ext4" "$cache/root.new"
truncate -s "$((used_mib + used_mib / 4 + 256))M" "$cache/root.new"
mkfs.ext4 -q -O ^has_journal -d "$work/root" "$cache/root.new"
mv "$cache/root.new" "$cache/root.ext4"
say "done in $(($(date +%s) - started)) s: $(du -sh "$cache" | cut -f 1) in $cache"
