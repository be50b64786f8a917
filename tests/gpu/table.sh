# shellcheck shell=bash disable=SC2154 # the variables of bench.sh
# What bench.sh has measured, as rows, a table, JSON and a plot. To be sourced; $work has NAME.lines (an object a round) or NAME.why for each case.

rows=() # what, wanted or nothing, got or nothing, detail: apart by tabs
measured=0
unmeasured=0

# field NAME FIELD: the median of the rounds, or nothing.
field() {
    if [[ -e $work/$1.lines ]]; then
        sed -nE "s/.*\"$2\":([0-9.eE+-]+).*/\1/p" "$work/$1.lines" | sort -g | awk '{ v[NR] = $1 } END { if (NR > 0) print v[int((NR + 1) / 2)] }'
    fi
}

# rate NAME: GB/s of one transfer at a time, its size through the median latency.
rate() {
    local size p50
    size=$(field "$1" size_bytes)
    p50=$(field "$1" p50_us)
    if [[ -n $size && -n $p50 ]]; then
        awk -v size="$size" -v us="$p50" 'BEGIN { printf "%.2f", size / us / 1e3 }'
    fi
}

# The larger of two rates, where there is one.
better() {
    printf '%s\n' "$@" | awk '$1 + 0 > best + 0 { best = $1 } END { print best }'
}

# why NAME...: of the first that was not measured.
why() {
    local name
    for name in "$@"; do
        if [[ -e $work/$name.why ]]; then
            printf '%s: %s' "$name" "$(cat -- "$work/$name.why")"
            return
        fi
    done
    printf 'no figure'
}

# row WHAT WANTED GOT OTHER DETAIL CASE...: GOT through OTHER, both rates; WANTED is empty where it is only told. Without one of the two the row says why.
row() {
    local what=$1 wanted=$2 got=$3 other=$4 detail=$5 ratio
    shift 5
    if [[ -z $got || -z $other ]]; then
        unmeasured=$((unmeasured + 1))
        rows+=("$what"$'\t'"$wanted"$'\t\t'"not measured: $(why "$@")")
        return
    fi
    ratio=$(awk -v a="$got" -v b="$other" 'BEGIN { printf "%.3f", a / b }')
    measured=$((measured + 1))
    rows+=("$what"$'\t'"$wanted"$'\t'"$ratio"$'\t'"$detail")
}

# figure WHAT DETAIL VALUE CASE: a row without a ratio.
figure() {
    if [[ -z $3 ]]; then
        unmeasured=$((unmeasured + 1))
        rows+=("$1"$'\t\t\t'"not measured: $(why "$4")")
    else
        measured=$((measured + 1))
        rows+=("$1"$'\t\t\t'"$2")
    fi
}

mib() {
    printf '%d MiB' $(($1 / 1048576))
}

rows_of_direct() {
    local size op thread application best raw ipc
    for size in "${sizes[@]}"; do
        for op in read write; do
            thread=$(rate "am_${op}_${size}_thread")
            application=$(rate "am_${op}_${size}_application")
            best=$(better "$thread" "$application")
            raw=$(rate "raw_${op}_$size")
            row "GPU to GPU, $op of $(mib "$size"), to raw ucp" 0.95 "$best" "$raw" \
                "${thread:-?} GB/s with the owner thread, ${application:-?} driven by the application, raw $raw" \
                "am_${op}_${size}_thread" "am_${op}_${size}_application" "raw_${op}_$size"
        done
        best=$(better "$(rate "am_read_${size}_thread")" "$(rate "am_read_${size}_application")")
        ipc=$(rate "ipc_$size")
        row "the same read, to cudaMemcpyAsync through cuda_ipc" "" "$best" "$ipc" "$best GB/s, $ipc" \
            "am_read_${size}_thread" "ipc_$size"
        row "raw ucp without failure detection, to raw ucp" "" "$(rate "raw_none_$size")" "$(rate "raw_read_$size")" \
            "$(rate "raw_none_$size") GB/s, $(rate "raw_read_$size")" "raw_none_$size" "raw_read_$size"
        row "the same read, to NIXL" 1 "$best" "$(rate "nixl_$size")" "$best GB/s, NIXL $(rate "nixl_$size")" \
            "nixl_$size" "am_read_${size}_thread"
    done
}

rows_of_staged() {
    local thread application best what name copy
    for name in out in both; do
        thread=$(rate "staged_${name}_thread")
        application=$(rate "staged_${name}_application")
        best=$(better "$thread" "$application")
        copy=d2h
        case $name in
        out) what="staged, GPU to CPU of another process, $(mib "$large"), to cudaMemcpyAsync to pinned memory|0.85" ;;
        in)
            what="staged, CPU to GPU of another process, $(mib "$large"), to cudaMemcpyAsync from pinned memory|"
            copy=h2d
            ;;
        both) what="staged, GPU to GPU of another process, $(mib "$large"), to cudaMemcpyAsync to pinned memory|0.7" ;;
        esac
        row "${what%|*}" "${what#*|}" "$best" "$(rate $copy)" \
            "${thread:-?} GB/s with the owner thread, ${application:-?} driven by the application, cudaMemcpyAsync $(rate $copy)" \
            "staged_${name}_thread" "staged_${name}_application" $copy
    done
}

times() {
    printf 'p50 %s us, p99 %s us' "$(field "$1" p50_us)" "$(field "$1" p99_us)"
}

rows_of_small() {
    local progress name
    for progress in thread application; do
        name=handoff_gpu_$progress
        figure "4 KiB hand-off, GPU to GPU, progress $progress" \
            "$(times "$name"); of these NATS alone (a ping between the two) $(field "$name" baseline_p50_us)" "$(field "$name" p50_us)" "$name"
        figure "the same between CPUs" "$(times "handoff_cpu_$progress")" "$(field "handoff_cpu_$progress" p50_us)" "handoff_cpu_$progress"
        figure "4 KiB read without NATS, GPU to GPU" "$(times "small_gpu_$progress")" "$(field "small_gpu_$progress" p50_us)" "small_gpu_$progress"
        figure "the same between CPUs" "$(times "small_cpu_$progress")" "$(field "small_cpu_$progress" p50_us)" "small_cpu_$progress"
    done
    figure "4 KiB by cudaMemcpyAsync and a wait: out" "$(times d2h_small)" "$(field d2h_small p50_us)" d2h_small
    figure "the same: in" "$(times h2d_small)" "$(field h2d_small p50_us)" h2d_small
}

make_rows() {
    rows_of_direct
    rows_of_staged
    rows_of_small
}

verdict() {
    if [[ -z $1 || $stand_in == yes ]]; then
        return
    elif [[ -z $2 ]]; then
        printf missing
    elif awk -v got="$2" -v wanted="$1" 'BEGIN { exit !(got >= wanted) }'; then
        printf reached
    else
        printf missed
    fi
}

machine() {
    local gpu
    gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1) || true
    printf '%s UTC, %s, %s cores, load %s, %s rounds' "$(date -u '+%F %H:%M')" "${gpu:-no nvidia-smi}" "$(nproc)" \
        "$(cut -d ' ' -f 1 /proc/loadavg)" "$done_rounds"
}

write_table() {
    local line what wanted got detail
    printf '%s.%s\n\n' "$(machine)" "$([[ $stand_in == no ]] || printf ' **Over the stand-in for the CUDA runtime: these figures mean nothing.**')"
    printf '| what | reach | ratio | | |\n|---|---|---|---|---|\n'
    for line in "${rows[@]}"; do
        IFS=$'\x1f' read -r what wanted got detail <<<"${line//$'\t'/$'\x1f'}"
        printf '| %s | %s | %s | %s | %s |\n' "$what" "${wanted:+>= $wanted}" "$got" "$(verdict "$wanted" "$got")" "${detail//|/\\|}"
    done
}

text() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "${text//[$'\t\r\n']/ }"
}

write_json() {
    local line what wanted got detail between='' file
    printf '{"machine":%s,"stand_in":%s,"rounds":%d,"rows":[' "$(text "$(machine)")" "$([[ $stand_in == yes ]] && echo true || echo false)" "$done_rounds"
    for line in "${rows[@]}"; do
        IFS=$'\x1f' read -r what wanted got detail <<<"${line//$'\t'/$'\x1f'}"
        printf '%s\n{"what":%s,"wanted":%s,"got":%s,"detail":%s}' "$between" "$(text "$what")" "${wanted:-null}" "${got:-null}" "$(text "$detail")"
        between=,
    done
    printf '],"measurements":{'
    between=
    for file in "$work"/*.lines; do
        [[ -e $file ]] || continue
        printf '%s\n%s:[%s]' "$between" "$(text "$(basename -- "$file" .lines)")" "$(paste -sd , -- "$file")"
        between=,
    done
    printf '},"not_measured":{'
    between=
    for file in "$work"/*.why; do
        [[ -e $file ]] || continue
        printf '%s\n%s:%s' "$between" "$(text "$(basename -- "$file" .why)")" "$(text "$(cat -- "$file")")"
        between=,
    done
    printf '}}\n'
}

# GB/s of each case of the large sizes, where gnuplot is.
write_plot() {
    local file name
    command -v gnuplot >/dev/null || return 0
    for file in "$work"/*.lines; do
        [[ -e $file ]] || continue
        name=$(basename -- "$file" .lines)
        case $name in *small* | handoff*) continue ;; esac
        printf '"%s" %s\n' "$name" "$(rate "$name")"
    done >"$work/plot.data"
    [[ -s $work/plot.data ]] || return 0
    gnuplot >>"$log" 2>&1 <<EOF || printf 'gnuplot failed\n' >>"$log"
set terminal svg size 1000,600
set output "$out/bench.svg"
set style fill solid
set boxwidth 0.8
set ylabel "GB/s"
set yrange [0:*]
set xtics rotate by -45 noenhanced
plot "$work/plot.data" using 0:2:xtic(1) with boxes notitle
EOF
}
