#!/usr/bin/env bash
# The suite.
#
#   tests/run.sh          sets the machine up, builds, runs the tests; a few minutes
#   tests/run.sh --all    also the tests labelled slow, and under the sanitizers, the fuzzers, valgrind, the model, the benchmarks, clang, in containers, and in a
#                         VM that has verbs
#
# The last line is `N passed, N failed, N skipped`, in single test cases; the exit status is 0 only with 0 failed.
#
#   CI=true               warnings are errors
#   BATON_BUILD_ROOT      where the build folders go (build/)
#   BATON_TEST_JOBS       tests at a time (the number of processors)
#   BATON_FUZZ_SECONDS    time for each fuzzer of --all (20)
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/setup.sh
source tests/setup.sh

everything=no
case "${1:-}" in
"") ;;
--all) everything=yes ;;
*)
    printf 'usage: tests/run.sh [--all]\n' >&2
    exit 2
    ;;
esac

builds=${BATON_BUILD_ROOT:-build}
jobs=${BATON_TEST_JOBS:-$(nproc)}
fuzz_seconds=${BATON_FUZZ_SECONDS:-20}
werror=OFF
if [[ ${CI:-} == true ]]; then
    werror=ON
fi

passed=0
failed=0
skipped=0
remarks=()
session=
scratch=$(mktemp -d)

# Ends what runs in the background, with all that it started: each step is a session of its own.
end_session() {
    local deadline=$((SECONDS + 10))
    if [[ -z $session ]]; then
        # With its value: inside a trap a bare return passes on the status that led there.
        return 0
    fi
    pkill -TERM -s "$session" || true
    while pgrep -s "$session" >/dev/null && ((SECONDS < deadline)); do
        sleep 0.1
    done
    pkill -KILL -s "$session" || true
    session=
}

clean_up() {
    end_session
    rm -rf -- "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# in_session COMMAND...: runs it in a session of its own and leaves nothing of it behind.
in_session() {
    local status=0
    setsid "$@" </dev/null &
    session=$!
    wait "$session" || status=$?
    end_session
    return "$status"
}

heading() {
    printf '\n== %s\n' "$*"
}

count_pass() {
    passed=$((passed + ${1:-1}))
}

count_fail() {
    failed=$((failed + 1))
    remarks+=("FAILED  $1: $2")
}

count_skip() {
    skipped=$((skipped + 1))
    remarks+=("skipped $1: ${2:-without a reason}")
}

# count_tap SUITE NAME FILE STATUS: the single cases of one Criterion program.
count_tap() {
    local suite=$1 name=$2 file=$3 status=$4 line case_name bad=0 seen=0 planned
    while IFS= read -r line; do
        case_name=$(sed -E 's/^(not )?ok - ([^ ]+).*/\2/' <<<"$line")
        seen=$((seen + 1))
        case "$line" in
        "not ok "*)
            bad=$((bad + 1))
            count_fail "$suite $case_name" "${line#not ok - "$case_name"}"
            ;;
        *"# SKIP"*) count_skip "$suite $case_name" "$(sed -E 's/.*# SKIP *//' <<<"$line")" ;;
        *) count_pass ;;
        esac
    done < <(grep -E '^(not )?ok - ' "$file")
    planned=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$file" | head -n 1)
    if ((seen == 0 || seen < ${planned:-0})); then
        count_fail "$suite $name" "ran $seen of ${planned:-?} cases"
    elif [[ $status == fail ]] && ((bad == 0)); then
        # A leak, a report of a sanitizer, or a runner that died after its last case.
        count_fail "$suite $name" "the program failed, none of its cases did"
    fi
}

# Prints name, status and last line of output of each test in the report of ctest.
read_report() {
    awk '
        function unescape(text) {
            gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text)
            gsub(/&apos;/, "\047", text); gsub(/&amp;/, "\\&", text)
            return text
        }
        function attribute(line, key) {
            if (!match(line, " " key "=\"[^\"]*\"")) return ""
            return substr(line, RSTART + length(key) + 3, RLENGTH - length(key) - 4)
        }
        /<testcase / { name = attribute($0, "name"); status = attribute($0, "status"); last = "" }
        # Not run for another reason than its own exit status: its program is missing.
        /<skipped / && !/SKIP_RETURN_CODE/ { status = "missing" }
        /<system-out>/ { inside = 1; sub(/.*<system-out>/, "") }
        inside {
            text = $0
            if (sub(/<\/system-out>.*/, "", text)) inside = 0
            if (text ~ /[^ \t]/) last = unescape(text)
        }
        /<\/testcase>/ { print name "\t" status "\t" last }
    ' "$1"
}

# run_suite SUITE BUILD [argument of ctest...]
run_suite() {
    local suite=$1 build=$2 report=$scratch/report.xml name status last
    shift 2
    heading "$suite"
    local prefix=()
    if [[ $suite == tsan ]]; then
        # UCX's hook of madvise runs as a thread ends, when ThreadSanitizer has forgotten the thread: it crashes.
        prefix=(env UCX_MEM_MMAP_HOOK_MODE=none)
    fi
    rm -f -- "$report" "$build"/results/*.tap
    in_session "${prefix[@]}" ctest --test-dir "$build" -j "$jobs" --output-on-failure --no-tests=error \
        --test-output-size-passed 65536 --test-output-size-failed 1048576 --test-output-truncation head \
        --output-junit "$report" "$@" || true
    if [[ ! -e $report ]]; then
        count_fail "$suite" "ctest left no report"
        return
    fi
    while IFS=$'\t' read -r name status last; do
        if [[ -e $build/results/$name.tap ]]; then
            count_tap "$suite" "$name" "$build/results/$name.tap" "$status"
            continue
        fi
        case "$status" in
        run) count_pass ;;
        notrun) count_skip "$suite $name" "$last" ;;
        *) count_fail "$suite $name" "${last:-see above}" ;;
        esac
    done < <(read_report "$report")
}

# run_step NAME COMMAND...: one thing that is right or wrong; 77 is a skip with the last line as its reason, and so is
# the status that the caller puts into unjudged. A command that ends in `N passed, N failed` is counted by that line.
run_step() {
    local name=$1 status=0 log=$scratch/step.log last
    shift
    heading "$name"
    in_session "$@" >"$log" 2>&1 || status=$?
    last=$(tail -n 1 -- "$log")
    if ((status == 77)) || [[ $status == "${unjudged:-77}" ]]; then
        count_skip "$name" "$last"
    elif [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
        count_pass "${BASH_REMATCH[1]}"
        if ((status != 0 || BASH_REMATCH[2] != 0)); then
            cat -- "$log"
            count_fail "$name" "$last"
        fi
    elif ((status == 0)); then
        count_pass
    else
        cat -- "$log"
        count_fail "$name" "exit status $status, see above"
    fi
    printf '%s\n' "$last"
}

# build_preset PRESET [argument of cmake...]: a build that fails is one failed case.
build_preset() {
    local preset=$1
    shift
    heading "build $preset"
    if ! in_session bash -c 'source tests/setup.sh && setup_build "$@"' bash "$builds/$preset" "$preset" "$@"; then
        count_fail "build $preset" "see above"
        return 1
    fi
}

run_fuzzers() {
    local fuzzer name corpus found=no
    for fuzzer in "$builds"/fuzz/tests/bin/fuzz/*; do
        [[ -x $fuzzer ]] || continue
        found=yes
        name=$(basename "$fuzzer")
        # What is found goes into the scratch folder, what is known comes from the tree.
        corpus=("$scratch/corpus-$name")
        mkdir -p -- "${corpus[0]}"
        if [[ -d tests/fuzz/corpus/$name ]]; then
            corpus+=("tests/fuzz/corpus/$name")
        fi
        if [[ -x $builds/fuzz/tests/bin/seed/$name ]]; then
            in_session "$builds/fuzz/tests/bin/seed/$name" "${corpus[0]}"
        fi
        run_step "fuzz $name" env "LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp" \
            "$fuzzer" "-max_total_time=$fuzz_seconds" -error_exitcode=1 -rss_limit_mb=4096 "-artifact_prefix=$scratch/" \
            -print_final_stats=0 "${corpus[@]}"
    done
    if [[ $found == no ]]; then
        count_fail fuzz "no fuzzer was built"
    fi
}

# The tests that carry the label valgrind, each as one case.
run_valgrind() {
    local name found=no
    while read -r name; do
        found=yes
        run_step "valgrind $name" tests/support/valgrind.sh "$builds/dev/tests/bin/$name" \
            --jobs 1 --timeout 300 "--output=tap:$scratch/valgrind.tap"
    done < <(ctest --test-dir "$builds/dev" -N -L '^valgrind$' | sed -nE 's/^ +Test +#[0-9]+: (.*)$/\1/p')
    if [[ $found == no ]]; then
        count_fail valgrind "no test carries the label"
    fi
}

if [[ $everything == yes ]]; then
    setup_group all
else
    setup_group tests
fi

if build_preset dev "-DBATON_WERROR=$werror"; then
    if [[ $everything == yes ]]; then
        run_suite dev "$builds/dev"
    else
        run_suite dev "$builds/dev" -LE '^slow$'
    fi
fi

if [[ $everything == yes ]]; then
    if build_preset asan "-DBATON_WERROR=$werror"; then
        run_suite asan "$builds/asan"
    fi
    if build_preset tsan "-DBATON_WERROR=$werror"; then
        run_suite tsan "$builds/tsan" -L '^race$'
    fi
    if build_preset ci-clang; then
        count_pass
    fi
    if build_preset fuzz "-DBATON_WERROR=$werror"; then
        run_fuzzers
    fi
    run_valgrind
    run_step model tests/model/run.sh --quick
    # 3: everything ran, but the raw programs did not have the machine to themselves. Speed is not judged here.
    unjudged=3 run_step bench tests/bench/run.sh --quick
    run_step docker docker/test.sh
    run_step verbs tests/vm/run.sh "$builds/dev"
fi

heading "result"
if ((${#remarks[@]} > 0)); then
    printf '%s\n' "${remarks[@]}"
fi
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
((failed == 0))
