#!/usr/bin/env bash
# Who may include what.
#
#   check_layers.sh TREE      names every include that breaks a rule; exit status 1 if there is one
#   check_layers.sh --self    makes a tree that breaks every rule and checks that each is named
#
# Rules
#   1  UCX             only sdk/src/transport/ucx_*.c and their own header
#   2  CUDA            only sdk/src/device/device_cuda.c
#   3  nats.c          only sidechannel/src/nats_link*
#   4  cJSON           only the output of sidechannel/cli
#   5  a header that includes one of these is included only where the library itself may be
#   6  the side channel takes the public headers of the sdk, and of sdk/src the folder base alone
#   7  the sdk never names the side channel
#   8  sdk/src: base < device < transport < memory < core; a file includes its own layer and those below
#   9  samples, the program baton and public headers take public headers only
set -euo pipefail
shopt -s nullglob globstar

declare -A layer_rank=([base]=0 [device]=1 [transport]=2 [memory]=3 [core]=4)
broken=0

say() {
    printf '%s: %s (%s)\n' "$1" "$2" "$3"
    broken=$((broken + 1))
}

# Results are left in variables: a process for each include would take longer than the compiler.
declare -A includes_cache=()

# Which foreign library a header belongs to, in $library: ucx, cuda, nats, cjson, or nothing.
library_of() {
    case "$1" in
    ucp/* | ucs/* | uct/* | ucm/*) library=ucx ;;
    cuda.h | cuda_*.h | cudart* | cuda/*) library=cuda ;;
    nats.h | nats/*) library=nats ;;
    cJSON.h | cJSON_Utils.h | cjson/*) library=cjson ;;
    *) library= ;;
    esac
}

# May FILE include LIBRARY?
may_include() {
    case "$2:$1" in
    ucx:sdk/src/transport/ucx_*.c | ucx:sdk/src/transport/ucx*.h) return 0 ;;
    cuda:sdk/src/device/device_cuda.c) return 0 ;;
    nats:sidechannel/src/nats_link*.[ch]) return 0 ;;
    cjson:sidechannel/cli/json_line.c) return 0 ;;
    esac
    return 1
}

# The includes of a file, one a line, with the < or " before the name, in $includes.
includes_of() {
    if [[ -z ${includes_cache[$1]+known} ]]; then
        includes_cache[$1]=$(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]+)[>"].*/\1/p' "$1")
    fi
    includes=${includes_cache[$1]}
}

# The file of the tree that an include means, or nothing, in $target.
resolve() {
    local file=$1 kind=$2 header=$3 directory
    local directories=(sdk/include sidechannel/include sdk/src sidechannel/src)
    if [[ $kind == '"' ]]; then
        directories=("${file%/*}" "${directories[@]}")
    fi
    target=
    for directory in "${directories[@]}"; do
        if [[ -f $directory/$header ]]; then
            target=$directory/$header
            if [[ $target == *..* ]]; then
                target=$(realpath --relative-to=. "$target")
            fi
            return
        fi
    done
}

check_layer() {
    local file=$1 header=$2 from to
    from=${file#sdk/src/}
    from=${from%%/*}
    to=${header#sdk/src/}
    to=${to%%/*}
    if [[ -z ${layer_rank[$from]:-} ]]; then
        say "$file" "is in no layer" "rule 8"
    elif [[ -n ${layer_rank[$to]:-} ]] && ((layer_rank[$to] > layer_rank[$from])); then
        say "$file" "$header" "rule 8: $from is below $to"
    fi
}

check_include() {
    local file=$1 kind=${2:0:1} header=${2:1} inner library target includes
    if [[ -z $header ]]; then
        return
    fi
    library_of "$header"
    if [[ -n $library ]]; then
        may_include "$file" "$library" || say "$file" "$header" "rules 1 to 4: $library is not for this file"
        return
    fi
    resolve "$file" "$kind" "$header"
    if [[ -z $target ]]; then
        return
    fi
    includes_of "$target"
    while read -r inner; do
        library_of "${inner:1}"
        if [[ -n $library ]] && ! may_include "$file" "$library"; then
            say "$file" "$header" "rule 5: it includes $library"
        fi
    done <<<"$includes"
    case "$file:$target" in
    sidechannel/src/*:sdk/src/base/*) ;; # error text, log, clock, event: one of each in the library
    sidechannel/*:sdk/src/*) say "$file" "$header" "rule 6" ;;
    sdk/*:sidechannel/*) say "$file" "$header" "rule 7" ;;
    sdk/src/*:sdk/src/*) check_layer "$file" "$target" ;;
    samples/*:*/src/* | sidechannel/cli/*:*/src/* | */include/*:*/src/*) say "$file" "$header" "rule 9" ;;
    esac
}

check_tree() {
    local file include files=0 includes
    for file in sdk/**/*.[ch] sidechannel/**/*.[ch] samples/**/*.[ch]; do
        files=$((files + 1))
        includes_of "$file"
        while read -r include; do
            check_include "$file" "$include"
        done <<<"$includes"
    done
    if ((files == 0)); then
        say . "no sources" "wrong folder?"
    fi
    ((broken == 0))
}

self_test() {
    local scratch wrong=0 line
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf -- '$scratch'" EXIT
    cd "$scratch"
    mkdir -p sdk/include/baton sdk/src/{base,core,device,transport} sidechannel/include/baton sidechannel/src samples
    : >sidechannel/include/baton/baton.h
    : >sdk/src/base/clock.h
    : >sdk/src/core/peer.h
    printf '#include <ucp/api/ucp.h>\n' >sdk/src/transport/ucx_private.h
    printf '#include "transport/ucx_private.h"\n#include "base/clock.h"\n' >sdk/src/transport/ucx_fine.c
    printf '#include <nats/nats.h>\n' >sidechannel/src/nats_link_io.c
    printf '#include <cuda_runtime_api.h>\n' >sdk/src/device/device_cuda.c
    check_tree || { printf 'a good tree is refused\n'; return 1; }

    local -A cases=(
        [sdk/src/core/a.c]='#include <ucp/api/ucp.h>'
        [sdk/src/core/b.c]='#  include <cuda_runtime.h>'
        [sdk/src/device/cuda_lane.c]='#include <cuda_runtime_api.h>'
        [sidechannel/src/c.c]='#include <nats/nats.h>'
        [sidechannel/src/d.c]='#include <cjson/cJSON.h>'
        [sdk/src/core/e.c]='#include "transport/ucx_private.h"'
        [sidechannel/src/f.c]='#include "core/peer.h"'
        [sdk/src/core/g.c]='#include <baton/baton.h>'
        [sdk/src/base/h.c]='#include "core/peer.h"'
        [sdk/src/base/i.c]='#include "../core/peer.h"'
        [samples/j.c]='#include "core/peer.h"'
        [sdk/include/baton/k.h]='#include <nats.h>'
        [sdk/src/transport/l.c]='#include <ucs/type/status.h>'
    )
    for line in "${!cases[@]}"; do
        printf '%s\n' "${cases[$line]}" >"$line"
        broken=0
        includes_cache=()
        if check_tree >/dev/null; then
            printf 'not noticed: %s in %s\n' "${cases[$line]}" "$line"
            wrong=$((wrong + 1))
        fi
        rm -- "$line"
    done
    ((wrong == 0))
}

if [[ $1 == --self ]]; then
    self_test
else
    cd "$1"
    check_tree
fi
