#!/usr/bin/env bash
# What a bare machine with a GPU lacks, in one folder: made here, where there is a network, and taken there.
#
#   tests/gpu/kit.sh [FOLDER]     makes FOLDER (gpu-kit) anew; its last line is the size
#
# UCX with CUDA and NIXL are the wheels of PyPI, everything else the packages of Debian 12 (so this runs on Debian 12, x86-64). Nothing is installed.
# The folder holds no link and is at most 50 MiB, else this fails. What is in it, and which C library it needs there: FOLDER/MANIFEST.
#
#   BATON_GPU_KIT_NIXL=no     without NIXL
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
target=${1:-$root/gpu-kit}
limit_bytes=$((50 * 1024 * 1024))

ucx_wheel=libucx-cu13==1.22.0
nixl_wheel=nixl-cu13==1.5.1
packages=(
    nats-server libnats3.4 libnats-dev libcjson1 libcjson-dev libcriterion3 libcriterion-dev libdlpack-dev uthash-dev
    # What these need in turn.
    libprotobuf-c1 libssl3 libffi8 libgit2-1.5 libnanomsg5 libhttp-parser2.9 libmbedcrypto7 libmbedtls14 libmbedx509-1
    libpcre2-8-0 libssh2-1 zlib1g libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1
)
# What is there wherever gcc is, and NVIDIA's driver.
system_libraries='^(ld-linux-x86-64|libc|libm|libdl|libpthread|librt|libanl|libresolv|libgcc_s|libstdc\+\+|libcuda|libnvidia-ml)\.so'

die() {
    printf 'kit: %s\n' "$*" >&2
    exit 1
}

check_machine() {
    local tool
    [[ $(uname -m) == x86_64 ]] || die "this is $(uname -m), the wheels are for x86_64"
    # shellcheck disable=SC1091
    [[ $(. /etc/os-release && printf '%s %s' "${ID:-}" "${VERSION_ID:-}") == "debian 12" ]] ||
        die "the packages are those of Debian 12: run this there"
    for tool in apt-get dpkg-deb python3 strip readelf objdump tar gzip; do
        command -v "$tool" >/dev/null || die "no $tool here (packages apt, dpkg, python3-pip, binutils, tar, gzip)"
    done
    python3 -m pip --version >/dev/null 2>&1 || die "no pip here (package python3-pip)"
}

# fetch_wheel NAME==VERSION FOLDER: unpacked.
fetch_wheel() {
    mkdir -p -- "$scratch/wheels/$2"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
        --implementation cp --platform manylinux_2_28_x86_64 --dest "$scratch/wheels/$2" "$1" || die "PyPI does not give $1"
    python3 -m zipfile -e "$scratch/wheels/$2"/*.whl "$scratch/$2"
}

fetch_packages() {
    local file
    mkdir -- "$scratch/debs" "$scratch/debian"
    (cd -- "$scratch/debs" && apt-get -qq download "${packages[@]}" 2>"$scratch/apt.log") || {
        cat -- "$scratch/apt.log" >&2
        die "apt-get download failed; is apt-get update due?"
    }
    for file in "$scratch"/debs/*.deb; do
        dpkg-deb -x "$file" "$scratch/debian"
    done
}

# put FILE FOLDER [NAME]: a library or program without what only debuggers need; NAME: what it is looked for as.
put() {
    local to=$2/${3:-$(basename -- "$1")}
    mkdir -p -- "$2"
    cp -L -- "$1" "$to"
    chmod 0755 "$to"
    strip --strip-unneeded "$to"
}

put_ucx() {
    local from=$scratch/ucx/libucx to=$kit/wheel/libucx name
    for name in libucm libucp libucs libuct; do
        put "$from/lib/$name.so.0" "$to/lib"
    done
    for name in libucm_cuda libuct_cuda libuct_cma; do
        put "$from/lib/ucx/$name.so.0" "$to/lib/ucx"
    done
    put "$from/bin/ucx_info" "$to/bin"
    # The name that its modules look for, by a path that is relative to theirs.
    put "$(printf '%s\n' "$scratch"/ucx/libucx_cu13.libs/libcudart-*)" "$kit/wheel/libucx_cu13.libs"
    cp -r -- "$from/include" "$to/include"
}

put_packages() {
    local lib=$scratch/debian/usr/lib/x86_64-linux-gnu file soname
    put "$scratch/debian/usr/sbin/nats-server" "$kit/bin"
    while IFS= read -r file; do
        soname=$(readelf -d "$file" | sed -nE 's/.*\(SONAME\).*\[(.*)\]/\1/p')
        put "$file" "$kit/lib" "$soname"
    done < <(find "$scratch/debian/lib" "$lib" -maxdepth 2 -type f -name '*.so.*' ! -path '*/ossl-modules/*' ! -path '*/engines-3/*')
    mkdir -p -- "$kit/include"
    cp -r -- "$scratch"/debian/usr/include/{nats.h,nats,cjson,criterion,dlpack} "$kit/include/"
    cp -- "$scratch"/debian/usr/include/ut*.h "$kit/include/"
}

# package NAME TARGET INCLUDE LIBRARY...: a package of CMake's whose first library is linked; the others are what the linker has to find.
package() {
    local name=$1 target=$2 include=$3 main=$4
    mkdir -p -- "$kit/cmake/$name"
    cat >"$kit/cmake/$name/$name-config.cmake" <<EOF
get_filename_component(_kit "\${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
add_library($target SHARED IMPORTED)
set_target_properties($target PROPERTIES
  IMPORTED_LOCATION "\${_kit}/$main"
  INTERFACE_INCLUDE_DIRECTORIES "\${_kit}/$include")
EOF
    shift 4
    for main in "$@"; do
        # shellcheck disable=SC2016 # CMake's variable
        printf 'set_property(TARGET %s APPEND PROPERTY INTERFACE_LINK_LIBRARIES "${_kit}/%s")\n' "$target" "$main" \
            >>"$kit/cmake/$name/$name-config.cmake"
    done
}

put_cmake() {
    local soname
    soname=$(cd -- "$kit/lib" && printf '%s\n' libnats.so.*)
    package cnats cnats::nats include "lib/$soname"
    soname=$(cd -- "$kit/lib" && printf '%s\n' libcjson.so.*)
    package cjson cjson include/cjson "lib/$soname"
    soname=$(cd -- "$kit/lib" && printf '%s\n' libcriterion.so.*)
    package criterion criterion::criterion include "lib/$soname"
    package ucx ucx::ucp wheel/libucx/include wheel/libucx/lib/libucp.so.0 \
        wheel/libucx/lib/libuct.so.0 wheel/libucx/lib/libucs.so.0 wheel/libucx/lib/libucm.so.0
}

# NIXL's C API with its UCX backend and what these are linked with, packed: it is 30 MB otherwise.
put_nixl() {
    local from=$scratch/nixl todo=() file name found to
    todo=("$from/.nixl_cu13.mesonpy.libs/libnixl_capi.so" "$from/.nixl_cu13.mesonpy.libs/plugins/libplugin_UCX.so"
        "$from"/nixl_cu13.libs/ucx/lib{uct_cuda,ucm_cuda,uct_cma}.so.0.0.0)
    while ((${#todo[@]} > 0)); do
        file=${todo[0]}
        todo=("${todo[@]:1}")
        to=$scratch/nixl-kit/${file#"$from"/}
        [[ ! -e $to ]] || continue
        put "$file" "$(dirname -- "$to")"
        while IFS= read -r name; do
            found=$(find "$from/.nixl_cu13.mesonpy.libs" "$from/nixl_cu13.libs" -name "$name" -print -quit)
            [[ -z $found ]] || todo+=("$found")
        done < <(needed "$file")
    done
    tar -C "$scratch/nixl-kit" --owner 0 --group 0 -cf - . | gzip -9 >"$kit/nixl.tar.gz"
}

needed() {
    readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p'
}

# Every library that is named is in the folder, or on every machine.
check_complete() {
    local file name missing=()
    while IFS= read -r file; do
        while IFS= read -r name; do
            if [[ ! $name =~ $system_libraries ]] && [[ -z $(find "$kit" -name "$name" -print -quit) ]]; then
                missing+=("$name (for ${file##*/})")
            fi
        done < <(needed "$file")
    done < <(find "$kit" -type f \( -name '*.so*' -o -path '*/bin/*' \))
    ((${#missing[@]} == 0)) || die "not in the kit: ${missing[*]}"
}

write_manifest() {
    local glibc
    glibc=$(find "$kit" -type f \( -name '*.so*' -o -path '*/bin/*' \) -exec objdump -T {} + 2>/dev/null |
        grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1)
    {
        printf 'glibc %s\n' "${glibc#GLIBC_}"
        printf 'wheel %s\n' "${ucx_wheel/==/ }"
        if [[ -e $kit/nixl.tar.gz ]]; then
            printf 'wheel %s\n' "${nixl_wheel/==/ }"
        fi
        find "$scratch/debs" -name '*.deb' -printf '%f\n' | sort | sed -E 's/^([^_]*)_(.*)_[a-z0-9]*\.deb$/package \1 \2/; s/%3a/:/'
    } >"$kit/MANIFEST"
}

check_machine
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
if [[ -e $target && ! -e $target/MANIFEST && -n $(ls -A -- "$target") ]]; then
    die "$target is there and is no kit"
fi
kit=$scratch/kit

printf 'kit: UCX\n'
fetch_wheel "$ucx_wheel" ucx
put_ucx
printf 'kit: packages of Debian\n'
fetch_packages
put_packages
put_cmake
if [[ ${BATON_GPU_KIT_NIXL:-} != no ]]; then
    printf 'kit: NIXL\n'
    fetch_wheel "$nixl_wheel" nixl
    put_nixl
fi
check_complete
write_manifest

size_bytes=$(find "$kit" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')
((size_bytes <= limit_bytes)) || die "it has $size_bytes bytes, more than $limit_bytes"
rm -rf -- "$target"
mkdir -p -- "$(dirname -- "$target")"
mv -- "$kit" "$target"
printf 'kit: %s, %d.%d MiB of at most 50, glibc %s or newer there\n' "$target" $((size_bytes / 1048576)) \
    $((size_bytes % 1048576 * 10 / 1048576)) "$(sed -n 's/^glibc //p' "$target/MANIFEST")"
