#!/usr/bin/env bash
# Everything that wants a GPU, on a machine that has one and need not have a network: build, tests, benchmarks, compute-sanitizer.
#
#   tests/gpu/run.sh [--kit FOLDER] [--out FOLDER] [--seconds N] [--only STEP,...] [--stand-in]
#   tests/gpu/run.sh --look       only says if there is a device; needs gcc alone
#
# Wants an NVIDIA GPU with its driver, a CUDA 13 toolkit (nvcc, found by PATH, CUDA_HOME or /usr/local/cuda), gcc with g++, cmake 3.25, make or
# ninja, and the folder that kit.sh made (gpu-kit; --kit system: the machine's own packages, found by pkg-config).
# Writes run.log, table.md, results.json and the logs of the steps into --out ($OUT, else build/gpu-results), eight files at most. Nothing is begun
# after --seconds (780), and what runs then is ended.
#
# Steps: suite, bench, memcheck; all without --only.
# --stand-in: over the stand-in for the CUDA runtime, where there is no device: that all of this works. Nothing is measured.
#
# Exit status: 0 all passed; 1 something failed; 2 wrong arguments; 3 something that is wanted is not there; 4 what ran has passed, and time ran out, or
# there is no compute-sanitizer that works; 77 no device. Speed is reported, not judged.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)
kit=$root/gpu-kit
out=${OUT:-$root/build/gpu-results}
seconds=780
only=suite,bench,memcheck
stand_in=no
look=no
while (($# > 0)); do
    case "$1" in
    --kit | --out | --seconds | --only)
        declare "${1#--}=${2:?$1 needs a value}"
        shift
        ;;
    --stand-in) stand_in=yes ;;
    --look) look=yes ;;
    *)
        sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    esac
    shift
done
[[ $seconds =~ ^[0-9]+$ && $only =~ ^(suite|bench|memcheck)(,(suite|bench|memcheck))*$ ]] || {
    printf -- '--seconds is a number, --only a list of suite, bench and memcheck\n' >&2
    exit 2
}

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
log=/dev/null

say() {
    printf '[%4d s] %s\n' "$SECONDS" "$*" | tee -a "$log"
}

lacking() {
    say "wanted and not here: $*"
    exit 3
}

# The toolkit, in $cuda, and its runtime, in $runtime; either may be missing.
find_toolkit() {
    local nvcc folder
    cuda=
    runtime=
    nvcc=$(command -v nvcc || true)
    for folder in "${CUDA_HOME:-}" "${nvcc:+$(dirname -- "$(dirname -- "$(readlink -f -- "$nvcc")")")}" /usr/local/cuda; do
        if [[ -n $folder && -x $folder/bin/nvcc ]]; then
            cuda=$folder
            break
        fi
    done
    for folder in lib64 lib targets/x86_64-linux/lib; do
        if [[ -n $cuda && -e $cuda/$folder/libcudart.so.13 ]]; then
            runtime=$cuda/$folder/libcudart.so.13
            break
        fi
    done
}

# Prints what there is, or why there is nothing; 77 then.
look_for_device() {
    gcc -O1 -o "$scratch/probe" "$here/gpu_probe.c" -ldl && "$scratch/probe" ${runtime:+"$runtime"}
}

check_wanted() {
    local tool needed have
    for tool in gcc cmake awk sed tar gzip timeout; do
        command -v "$tool" >/dev/null || lacking "$tool"
    done
    command -v ninja >/dev/null || command -v make >/dev/null || lacking "ninja or make"
    if [[ $kit != system ]]; then
        [[ -e $kit/MANIFEST ]] || lacking "the folder $kit, which tests/gpu/kit.sh makes where there is a network"
        needed=$(sed -n 's/^glibc //p' "$kit/MANIFEST")
        have=$(getconf GNU_LIBC_VERSION | sed 's/.* //')
        [[ $(printf '%s\n%s\n' "$needed" "$have" | sort -V | head -n 1) == "$needed" ]] || lacking "glibc $needed (this is $have)"
        kit=$(cd -- "$kit" && pwd)
    fi
    [[ -n $cuda && -n $runtime ]] || lacking "a CUDA 13 toolkit with nvcc and libcudart.so.13 (PATH, CUDA_HOME, /usr/local/cuda)"
    printf 'int main() { return 0; }\n' >"$scratch/try.cc"
    gcc -c -o "$scratch/try.o" "$scratch/try.cc" 2>/dev/null || lacking "g++, which nvcc compiles with"
}

# run_for SECONDS COMMAND...: at most so long, and not 10 s beyond the deadline of it all; 124 then.
run_for() {
    local limit=$1 left=$((seconds + 10 - SECONDS))
    shift
    ((left > 0)) || return 124
    timeout --kill-after=10 "$((limit < left ? limit : left))" "$@"
}

build_all() {
    local options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo -DBATON_GPU=ON -DBATON_TESTS=OFF -DBATON_BENCH=OFF -DBATON_SAMPLES=OFF
        -DBATON_CUDA=ON "-DCUDAToolkit_ROOT=$cuda" -DCMAKE_C_COMPILER=gcc)
    if [[ $kit != system ]]; then
        # The kit's, also where the machine has UCX or NATS of its own; and found at run time by all that is linked with them in turn.
        options+=("-DCMAKE_PREFIX_PATH=$kit;$kit/cmake" "-DCMAKE_BUILD_RPATH=$kit/lib;$kit/wheel/libucx/lib"
            -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON "-DCMAKE_INCLUDE_PATH=$kit/include"
            "-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags" "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,--disable-new-dtags")
    fi
    if [[ $stand_in == yes ]]; then
        options+=(-DBATON_GPU_STAND_IN=ON)
    fi
    if [[ ! -e $build/CMakeCache.txt ]] && command -v ninja >/dev/null; then
        options+=(-G Ninja)
    fi
    run_for 300 cmake -S "$root" -B "$build" "${options[@]}" && run_for 400 cmake --build "$build" --parallel "$(nproc)"
}

describe_machine() {
    {
        date -u
        uname -a
        nvidia-smi 2>&1 || true
        "$cuda/bin/nvcc" --version | tail -n 2
        cat -- "$kit/MANIFEST" 2>/dev/null || printf 'no kit: packages of the machine\n'
        "$build/bin/baton" doctor 2>&1 || true
        if [[ $kit != system ]]; then
            LD_LIBRARY_PATH=$kit/wheel/libucx/lib "$kit/wheel/libucx/bin/ucx_info" -v -d 2>&1 || true
        fi
    } >"$out/machine.txt"
}

# count_cases LATE: leaves the numbers of single cases in $passed and $failed. A program that left no list, or a short one, is one more that failed, or where
# LATE is yes one of those $unfinished.
count_cases() {
    local file list name bad planned seen
    passed=0
    failed=0
    unfinished=0
    for name in "${tests[@]}"; do
        file=$build/results/$name.tap
        list=$(grep -E '^(not )?ok - ' "$file" 2>/dev/null || true)
        seen=$(grep -c . <<<"$list" || true)
        bad=$(grep -c '^not ok' <<<"$list" || true)
        planned=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$file" 2>/dev/null | head -n 1 || true)
        passed=$((passed + seen - bad))
        if [[ $seen == 0 || $seen -lt ${planned:-0} ]]; then
            if [[ $1 == yes ]]; then
                unfinished=$((unfinished + 1))
            else
                bad=$((bad + 1))
            fi
        fi
        failed=$((failed + bad))
        if ((bad > 0)); then
            say "  $name: $(grep '^not ok' <<<"$list" | cut -c 1-120 | head -n 5 || true) ($seen of ${planned:-?} ran)"
        fi
    done
}

# run_tests NAME SECONDS: under what GPU_UNDER says; the summary of the step is added. It is ctest that ends what is late, since it alone knows
# all processes of a test.
run_tests() {
    local name=$1 limit=$2 status=0 note='' ended=no
    limit=$((limit < seconds - SECONDS ? limit : seconds - SECONDS))
    local end=$((SECONDS + limit))
    rm -f -- "$build"/results/*.tap
    run_for "$((limit + 30))" ctest --test-dir "$build" -j "$jobs" --output-on-failure --no-tests=error \
        --stop-time "$(date -d "$limit seconds" +%T)" >"$out/$name.log" 2>&1 || status=$?
    if ((status != 0 && SECONDS >= end - 2)); then
        ended=yes
        late=yes
    fi
    count_cases "$ended"
    if [[ $ended == yes ]]; then
        note=", time ran out in $unfinished programs"
    elif ((status != 0 && failed == 0)); then
        failed=1
        note=", a program failed and none of its cases did"
    fi
    say "$name: $passed passed, $failed failed$note"
    summary+=("$name"$'\t'"$passed"$'\t'"$failed"$'\t'"${note#, }")
    ((failed == 0)) || wrong=yes
}

find_sanitizer() {
    local candidate
    for candidate in "${COMPUTE_SANITIZER:-}" "$(command -v compute-sanitizer || true)" "$cuda/bin/compute-sanitizer" \
        "$cuda/compute-sanitizer/compute-sanitizer"; do
        if [[ -n $candidate && -x $candidate ]]; then
            sanitizer=$candidate
            return 0
        fi
    done
    return 1
}

without_memcheck() {
    say "memcheck: $*"
    summary+=("memcheck"$'\t0\t0\t'"$*")
    late=yes
}

# Errors of calls are not asked for: the tests make such on purpose.
run_memcheck() {
    local errors under
    if ! find_sanitizer; then
        without_memcheck "there is no compute-sanitizer in PATH or in $cuda (COMPUTE_SANITIZER can name it)"
        return 0
    fi
    under="$sanitizer --tool memcheck --target-processes all --report-api-errors no --error-exitcode 97"
    # Not every machine lets it in: one small program first.
    if ! GPU_UNDER=$under BATON_CUDART=$runtime run_for 60 "$here/under.sh" "$build/tests/gpu/bin/raw_copy" --count 1 --warmup 0 \
        >"$out/memcheck.log" 2>&1; then
        without_memcheck "compute-sanitizer does not work here: $(grep . "$out/memcheck.log" | tail -n 1 | tr '\t' ' ' || true)"
        return 0
    fi
    GPU_UNDER=$under run_tests memcheck 400
    errors=$(sed -nE 's/.*ERROR SUMMARY: ([0-9]+) errors?.*/\1/p' "$build"/Testing/Temporary/LastTest.log* 2>/dev/null | awk '{ n += $1 } END { print n + 0 }' || true)
    say "memcheck: $errors errors in all reports"
    if ((errors > 0)); then
        wrong=yes
    fi
}

run_bench() {
    local status=0 options=(--build "$build" --out "$scratch/bench" --seconds "$((seconds - SECONDS < 330 ? seconds - SECONDS - 30 : 300))")
    [[ $stand_in == no ]] || options+=(--stand-in)
    run_for 400 "$here/bench.sh" --kit "$kit" "${options[@]}" >"$scratch/bench.out" 2>&1 || status=$?
    tee -a "$log" <"$scratch/bench.out"
    cp -- "$scratch"/bench/{bench.log,bench.svg} "$out/" 2>/dev/null || true
    case "$status" in
    0) summary+=("bench"$'\t1\t0\t') ;;
    3) summary+=("bench"$'\t1\t0\t'"rows are missing") ;;
    124 | 137)
        late=yes
        summary+=("bench"$'\t0\t0\t'"not to its end")
        ;;
    *)
        wrong=yes
        summary+=("bench"$'\t0\t1\t'"exit status $status")
        ;;
    esac
}

write_results() {
    local line name good bad note between=
    {
        printf '# %s, on %s\n\n| step | passed | failed | |\n|---|---|---|---|\n' "$(date -u '+%F %H:%M UTC')" "$device"
        for line in "${summary[@]}"; do
            IFS=$'\t' read -r name good bad note <<<"$line"
            printf '| %s | %s | %s | %s |\n' "$name" "$good" "$bad" "$note"
        done
        printf '\n'
        cat -- "$scratch/bench/table.md" 2>/dev/null || true
    } >"$out/table.md"
    {
        printf '{"device":"%s","stand_in":%s,"steps":[' "${device//\"/}" "$([[ $stand_in == yes ]] && echo true || echo false)"
        for line in "${summary[@]}"; do
            IFS=$'\t' read -r name good bad note <<<"$line"
            printf '%s{"name":"%s","passed":%d,"failed":%d,"note":"%s"}' "$between" "$name" "$good" "$bad" "$note"
            between=,
        done
        printf '],"bench":'
        cat -- "$scratch/bench/results.json" 2>/dev/null || printf 'null\n'
        printf '}\n'
    } >"$out/results.json"
}

find_toolkit
if [[ $look == yes ]]; then
    status=0
    look_for_device || status=$?
    exit "$status"
fi

mkdir -p -- "$out"
out=$(cd -- "$out" && pwd)
log=$out/run.log
: >"$log"
build=$root/build/gpu
if [[ $stand_in == yes ]]; then
    build=$build-stand-in
fi
check_wanted
if [[ $kit != system ]]; then
    export PATH=$kit/bin:$PATH
fi
say "building with $(nproc) jobs into $build"
if ! build_all >"$scratch/build.log" 2>&1; then
    cp -- "$scratch/build.log" "$out/build.log"
    tail -n 30 -- "$scratch/build.log"
    say "the build FAILED: $out/build.log"
    exit 1
fi
say "built"
if [[ $stand_in == yes ]]; then
    runtime=$build/tests/bin/libcudart_fake.so
fi
status=0
device=$(look_for_device) || status=$?
say "$device"
((status == 0)) || exit 77
describe_machine

# Asked for before they run: it makes ctest forget what they said.
mapfile -t tests < <(ctest --test-dir "$build" -N | sed -nE 's/^ +Test +#[0-9]+: (.*)$/\1/p')
jobs=$(($(nproc) / 2 > 4 ? 4 : ($(nproc) + 1) / 2))
passed=0
failed=0
wrong=no
late=no
summary=()
for step in suite bench memcheck; do
    [[ ,$only, == *,$step,* ]] || continue
    if ((SECONDS >= seconds)); then
        say "$step: no time is left"
        summary+=("$step"$'\t0\t0\t'"no time is left")
        late=yes
        continue
    fi
    say "$step"
    case $step in
    suite) run_tests suite 400 ;;
    bench) run_bench ;;
    memcheck) run_memcheck ;;
    esac
    write_results
done
write_results
say "results in $out"
if [[ $wrong == yes ]]; then
    say "FAILED"
    exit 1
fi
if [[ $late == yes ]]; then
    say "passed what ran; not all ran"
    exit 4
fi
say "passed"
