/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of the machine and of this process. What a connector needs was counted with UCX 1.13.1 (2026-11-25): 14 files, 4.2
 * MiB of /dev/shm, as much of SysV shared memory in two segments; both grow with what waits to be read.
 */
#include "doctor_checks.h"

#include "doctor_text.h"
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

enum {
    FILES_OWN = 64,     /* a worker with its connector, NATS, and the application's first few */
    FILES_PEER = 4,     /* TCP in both directions, a pidfd, and one in passing */
    PEERS_DEFAULT = 4096 /* peers_max */
};
#define SHM_CONNECTOR (5 * MIB)

doctor_verdict doctor_rate_memlock(uint64_t soft, bool rdma_devices)
{
    if (soft == UINT64_MAX) {
        return (doctor_verdict){DOCTOR_OK, "", NULL};
    }
    if (rdma_devices) {
        return (doctor_verdict){DOCTOR_WARNING, ": RDMA has to lock all memory that is handed over",
                                "ulimit -l unlimited, LimitMEMLOCK=infinity in systemd, or --ulimit memlock=-1 in docker"};
    }
    if (soft < 64 * MIB) {
        return (doctor_verdict){DOCTOR_NOTE, ": low; TCP and shared memory lock nothing, RDMA would",
                                "nothing without RDMA; with it ulimit -l unlimited"};
    }
    return (doctor_verdict){DOCTOR_OK, "", NULL};
}

doctor_verdict doctor_rate_nofile(uint64_t soft, uint64_t *peers_out)
{
    *peers_out = soft == UINT64_MAX ? UINT64_MAX : soft > FILES_OWN ? (soft - FILES_OWN) / FILES_PEER : 0;
    if (*peers_out < 64) {
        return (doctor_verdict){DOCTOR_WARNING, ": low",
                                "ulimit -n 65536, LimitNOFILE=65536 in systemd, or --ulimit nofile=65536 in docker"};
    }
    if (*peers_out < PEERS_DEFAULT) {
        return (doctor_verdict){DOCTOR_NOTE, "",
                                "nothing for that many; for more, ulimit -n (LimitNOFILE in systemd), 4 files a peer"};
    }
    return (doctor_verdict){DOCTOR_OK, "", NULL};
}

doctor_verdict doctor_rate_shm(uint64_t free_bytes)
{
    static const char fix[] = "mount -o remount,size=1g /dev/shm, or --shm-size=1g in docker";
    if (free_bytes < SHM_CONNECTOR) {
        return (doctor_verdict){DOCTOR_ERROR, ": not enough for one connector, which UCX may answer with SIGBUS", fix};
    }
    if (free_bytes < 16 * SHM_CONNECTOR) {
        return (doctor_verdict){DOCTOR_WARNING, ": few connectors fit, at 5 MiB each and more under load", fix};
    }
    return (doctor_verdict){DOCTOR_OK, "", NULL};
}

static uint64_t bound(rlim_t value)
{
    return value == RLIM_INFINITY ? DOCTOR_UNLIMITED : (uint64_t)value;
}

static void check_memlock(doctor_report *report, const doctor_facts *facts)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        return;
    }
    char soft[DOCTOR_SIZE_TEXT];
    char hard[DOCTOR_SIZE_TEXT];
    doctor_verdict verdict = doctor_rate_memlock(bound(limit.rlim_cur), facts->rdma_devices);
    doctor_say(report,
               &(doctor_finding){.name = "memlock",
                                 .severity = verdict.severity,
                                 .fix = verdict.fix,
                                 .fields = {doctor_whole("soft_bytes", bound(limit.rlim_cur)),
                                            doctor_whole("hard_bytes", bound(limit.rlim_max))}},
               "locked memory: %s (hard: %s)%s", doctor_print_size(bound(limit.rlim_cur), soft),
               doctor_print_size(bound(limit.rlim_max), hard), verdict.found);
}

static void check_nofile(doctor_report *report)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    uint64_t peers;
    doctor_verdict verdict = doctor_rate_nofile(bound(limit.rlim_cur), &peers);
    doctor_finding finding = {.name = "nofile",
                              .severity = verdict.severity,
                              .fix = verdict.fix,
                              .fields = {doctor_whole("soft", bound(limit.rlim_cur)),
                                         doctor_whole("hard", bound(limit.rlim_max)),
                                         doctor_whole("peers", peers)}};
    if (peers == UINT64_MAX) {
        doctor_say(report, &finding, "open files: no limit");
        return;
    }
    doctor_say(report, &finding, "open files: %llu (hard: %lld), for about %llu peers%s",
               (unsigned long long)limit.rlim_cur, (long long)limit.rlim_max, (unsigned long long)peers,
               verdict.found);
}

static void check_shm(doctor_report *report)
{
    struct statvfs file_system;
    if (statvfs("/dev/shm", &file_system) != 0) {
        doctor_say(report,
                   &(doctor_finding){.name = "dev_shm",
                                     .severity = DOCTOR_WARNING,
                                     .fix = "mount -t tmpfs tmpfs /dev/shm; SysV shared memory serves meanwhile"},
                   "there is no /dev/shm, so UCX has no posix shared memory");
        return;
    }
    uint64_t unit = file_system.f_frsize;
    uint64_t size = file_system.f_blocks * unit;
    uint64_t left = file_system.f_blocks == 0 ? DOCTOR_UNLIMITED : file_system.f_bavail * unit;
    char size_text[DOCTOR_SIZE_TEXT];
    char left_text[DOCTOR_SIZE_TEXT];
    doctor_verdict verdict = doctor_rate_shm(left);
    doctor_say(report,
               &(doctor_finding){.name = "dev_shm",
                                 .severity = verdict.severity,
                                 .fix = verdict.fix,
                                 .fields = {doctor_whole("size_bytes", size), doctor_whole("free_bytes", left)}},
               "/dev/shm: %s free of %s%s", doctor_print_size(left, left_text), doctor_print_size(size, size_text),
               verdict.found);
}

/* Segments that exist: lines of /proc/sysvipc/shm but the first. */
static uint64_t count_segments(void)
{
    uint64_t lines = 0;
    FILE *file = fopen("/proc/sysvipc/shm", "re");
    for (int c; file != NULL && (c = fgetc(file)) != EOF;) {
        lines += c == '\n' ? 1 : 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return lines > 0 ? lines - 1 : 0;
}

static void check_sysv(doctor_report *report)
{
    uint64_t max;
    uint64_t all;
    uint64_t count;
    if (!doctor_read_number("/proc/sys/kernel/shmmax", &max) ||
        !doctor_read_number("/proc/sys/kernel/shmall", &all) ||
        !doctor_read_number("/proc/sys/kernel/shmmni", &count)) {
        doctor_say(report,
                   &(doctor_finding){.name = "sysv_shm",
                                     .severity = DOCTOR_NOTE,
                                     .fix = "nothing where /dev/shm is there"},
                   "the kernel has no SysV shared memory, or does not tell its limits");
        return;
    }
    uint64_t used = count_segments();
    bool small = max < SHM_CONNECTOR || all < SHM_CONNECTOR / (4 * KIB);
    bool full = used + 16 > count;
    char max_text[DOCTOR_SIZE_TEXT];
    doctor_say(report,
               &(doctor_finding){.name = "sysv_shm",
                                 .severity = small || full ? DOCTOR_WARNING : DOCTOR_OK,
                                 .fix = small  ? "sysctl -w kernel.shmmax=68719476736 kernel.shmall=16777216"
                                        : full ? "sysctl -w kernel.shmmni=32768; ipcs -m shows who has them"
                                               : NULL,
                                 .fields = {doctor_whole("shmmax_bytes", max), doctor_whole("shmall_pages", all),
                                            doctor_whole("shmmni", count), doctor_whole("segments", used)}},
               "SysV segments: %llu of %llu, each up to %s%s", (unsigned long long)used, (unsigned long long)count,
               doctor_print_size(max >= (uint64_t)1 << 62 ? UINT64_MAX : max, max_text),
               small ? ": not enough for one connector" : full ? ": few are left, and a connector takes two" : "");
}

static void check_ptrace(doctor_report *report)
{
    uint64_t scope;
    if (!doctor_read_number("/proc/sys/kernel/yama/ptrace_scope", &scope)) {
        doctor_say(report, &(doctor_finding){.name = "ptrace_scope"}, "the kernel has no Yama: CMA is not limited by it");
        return;
    }
    doctor_say(report,
               &(doctor_finding){.name = "ptrace_scope",
                                 .severity = scope == 0 ? DOCTOR_OK : DOCTOR_NOTE,
                                 .fix = scope == 0 ? NULL : "nothing for baton, which does not use CMA in this version",
                                 .fields = {doctor_whole("value", scope)}},
               "kernel.yama.ptrace_scope is %llu%s", (unsigned long long)scope,
               scope == 0 ? "" : ": UCX's CMA cannot copy between unrelated processes");
}

void doctor_check_limits(doctor_report *report, const doctor_facts *facts)
{
    doctor_section(report, "Limits");
    check_memlock(report, facts);
    check_nofile(report);
    check_shm(report);
    check_sysv(report);
    check_ptrace(report);
}
