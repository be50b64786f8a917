# Counts a trace of the stand-in for the CUDA runtime (FAKE_CUDA_TRACE) between the first chunk of a staged transfer and the end of the last
# one, in each process. The file is given twice: the first time finds the chunks, which are the copies of the thread of a connector.
#
#   awk -v active=PROCESS -v chunks=N -f cuda_calls.awk TRACE TRACE
#
# Exit status 1: a call there may wait, allocates, frees, or is not known to do neither; or the copies of a process are not N.

BEGIN {
    split("cudaMemcpyAsync cudaMemcpy2DAsync cudaEventRecord cudaEventQuery cudaGetDevice cudaSetDevice cudaGetLastError " \
          "cudaPeekAtLastError cudaThreadExchangeStreamCaptureMode", names, " ")
    for (i in names) {
        is_harmless[names[i]] = 1
    }
}

# What a line says: process, thread, function; and the role of its thread. Names of threads have no spaces.
function parse(  at) {
    split($1, ids, "[.]")
    process = ids[1]
    role = ids[1] == ids[2] ? "application" : $2 == "baton" ? "connector" : $2
    at = index($3, "(")
    called = at > 0 ? substr($3, 1, at - 1) : $3
}

{ parse() }

NR == FNR {
    if (role == "connector" && called ~ /^cudaMemcpy/ && !(process in first)) {
        first[process] = FNR
    }
    if (role == "connector" && called == "cudaEventQuery" && $0 ~ / = 0$/ && (process in first)) {
        last[process] = FNR
    }
    next
}

!(process in first) { next }

role == "connector" && (FNR < first[process] || FNR > last[process]) {
    around[process, called, FNR < first[process] ? "before" : "after"]++
}

FNR >= first[process] && FNR <= last[process] {
    total[process, role, called]++
    if (called ~ /^cudaMemcpy/) {
        copies[process]++
    }
    if (!(called in is_harmless) || $0 ~ /, may wait$/) {
        bad[$0] = 1
    }
}

function side(process) {
    return process == active ? "active" : "passive"
}

END {
    failed = 0
    print "| side | thread | call | between the first chunk and the end of the last | a chunk |"
    print "|---|---|---|---|---|"
    sort = "LC_ALL=C sort -t '|' -k2,3 -k5,5nr -k4,4"
    for (key in total) {
        split(key, part, SUBSEP)
        printf "| %s | %s | %s | %d | %.2f |\n", side(part[1]), part[2], part[3], total[key], total[key] / copies[part[1]] | sort
    }
    close(sort)
    print ""
    print "| side | call of the connector's thread | when | calls |"
    print "|---|---|---|---|"
    sort = "LC_ALL=C sort -t '|' -k2,2 -k4,4r -k3,3"
    for (key in around) {
        split(key, part, SUBSEP)
        printf "| %s | %s | %s | %d |\n", side(part[1]), part[2], part[3], around[key] | sort
    }
    close(sort)
    sides = 0
    for (process in first) {
        sides++
        if (copies[process] != chunks) {
            printf "the %s side has %d copies, not %d\n", side(process), copies[process], chunks
            failed = 1
        }
    }
    if (sides != 2) {
        printf "%d processes have copied, not 2\n", sides
        failed = 1
    }
    for (line in bad) {
        printf "between the chunks: %s\n", line
        failed = 1
    }
    exit failed
}
