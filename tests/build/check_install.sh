#!/usr/bin/env bash
# Installs into a scratch prefix and builds the same program against it twice, with find_package and with pkg-config;
# both must run.
#
#   check_install.sh BUILD CMAKE C_COMPILER
set -euo pipefail

build=$1
cmake=$2
cc=$3
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
prefix=$scratch/prefix
export CC=$cc

"$cmake" --install "$build" --prefix "$prefix" >/dev/null
library=$(find "$prefix" -name 'libbaton.so')
package=$(find "$prefix" -name baton.pc)
[[ -n $library && -n $package ]]
if find "$prefix" -name '*internal*' | grep .; then
    printf 'something internal was installed\n'
    exit 1
fi
# The scratch prefix belongs into baton.pc; the source and build trees belong into no installed file.
if grep -rlF --include='*.cmake' --include='*.pc' --include='*.h' -e "$build/" -- "$prefix"; then
    printf 'these name the build tree\n'
    exit 1
fi

if ! {
    "$cmake" -S "$here/consumer" -B "$scratch/consumer" -DCMAKE_PREFIX_PATH="$prefix" &&
        "$cmake" --build "$scratch/consumer"
} >"$scratch/log" 2>&1; then
    cat "$scratch/log"
    exit 1
fi
"$scratch/consumer/consumer"

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$package")
pkg-config --exists --print-errors baton
flags=()
read -ra flags <<<"$(pkg-config --cflags --libs baton)"
"$cc" -std=c11 -o "$scratch/consumer-pc" "$here/consumer/consumer.c" "${flags[@]}"
LD_LIBRARY_PATH=$(dirname "$library") "$scratch/consumer-pc"

# Nothing private is asked of who links: only libbaton itself.
if pkg-config --libs baton | grep -E -- '-l(ucp|nats|cjson)'; then
    printf 'baton.pc asks its users for private libraries\n'
    exit 1
fi
printf 'installed, found by find_package and by pkg-config\n'
