/* SPDX-License-Identifier: Apache-2.0 */
/* Where this process lives: namespaces, container, control groups, cores. */
#include "doctor_checks.h"

#include "doctor_cgroup.h"
#include "doctor_text.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Numbers that the kernel gives its first namespaces (include/linux/proc_ns.h). */
#define FIRST_IPC 0xEFFFFFFFul
#define FIRST_PID 0xEFFFFFFCul

static void check_pidfd(doctor_report *report)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    doctor_say(report,
               &(doctor_finding){.name = "pidfd",
                                 .severity = fd >= 0 ? DOCTOR_OK : DOCTOR_WARNING,
                                 .fix = fd >= 0 ? NULL
                                                : "Linux 5.3 or later, and a seccomp profile that allows pidfd_open (docker "
                                                  "20.10 and later)",
                                 .fields = {doctor_bool("usable", fd >= 0)}},
               "%s%s%s", fd >= 0 ? "the death of a peer on this host is seen at once" : "pidfd_open is refused (",
               error != 0 ? strerror(error) : "",
               error != 0 ? "): the death of a peer on this host is found by the lease or the deadline" : "");
}

/* True for a namespace that is not the first of the machine. number_out: 0 if it cannot be seen. */
static bool is_own(const char *name, unsigned long first, unsigned long *number_out)
{
    char path[64];
    char target[64];
    *number_out = 0;
    (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length <= 0) {
        return false;
    }
    target[length] = '\0';
    const char *bracket = strchr(target, '[');
    return bracket != NULL && sscanf(bracket, "[%lu]", number_out) == 1 && *number_out != first;
}

static bool is_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
           access("/var/run/secrets/kubernetes.io", F_OK) == 0;
}

static void check_namespaces(doctor_report *report)
{
    unsigned long pid;
    unsigned long ipc;
    bool own_pid = is_own("pid", FIRST_PID, &pid);
    bool own_ipc = is_own("ipc", FIRST_IPC, &ipc);
    bool container = is_container();
    bool apart = own_pid || own_ipc;
    doctor_say(report,
               &(doctor_finding){.name = "namespaces",
                                 .severity = apart ? DOCTOR_NOTE : DOCTOR_OK,
                                 .fix = apart ? "nothing for one container a host; for shared memory between containers give "
                                                "them one IPC and one PID namespace (docker/compose.shm.yml)"
                                              : NULL,
                                 .fields = {doctor_bool("container", container), doctor_bool("own_pid", own_pid),
                                            doctor_bool("own_ipc", own_ipc), doctor_whole("pid_namespace", pid),
                                            doctor_whole("ipc_namespace", ipc)}},
               "%s%s%s%s", container ? "a container" : "no container that could be recognised",
               own_pid ? "; PID namespace of its own: peers outside are not watched by pidfd" : "",
               own_ipc ? "; IPC namespace of its own: TCP to workers outside, even on this host" : "",
               apart ? "" : "; PID and IPC namespaces of the machine");
}

static void check_memory(doctor_report *report, const doctor_cgroup *group)
{
    enum { LITTLE_MIB = 256 };
    if (group->memory_limit_bytes == UINT64_MAX) {
        doctor_say(report,
                   &(doctor_finding){.name = "cgroup_memory",
                                     .fields = {doctor_whole("cgroup_version", (uint64_t)group->memory_version),
                                                doctor_whole("limit_bytes", DOCTOR_UNLIMITED)}},
                   "no control group limits the memory of this process");
        return;
    }
    uint64_t limit = group->memory_limit_bytes;
    uint64_t left = group->memory_used_bytes < limit ? limit - group->memory_used_bytes : 0;
    bool little = left < (uint64_t)LITTLE_MIB << 20;
    char limit_text[DOCTOR_SIZE_TEXT];
    char left_text[DOCTOR_SIZE_TEXT];
    doctor_say(report,
               &(doctor_finding){.name = "cgroup_memory",
                                 .severity = little ? DOCTOR_WARNING : DOCTOR_OK,
                                 .fix = little ? "raise the limit (--memory in docker, resources.limits in Kubernetes, MemoryMax "
                                                 "in systemd)"
                                               : NULL,
                                 .fields = {doctor_whole("cgroup_version", (uint64_t)group->memory_version),
                                            doctor_whole("limit_bytes", limit),
                                            doctor_whole("used_bytes", group->memory_used_bytes)}},
               "control group v%d: %s free of %s%s", group->memory_version, doctor_print_size(left, left_text),
               doctor_print_size(limit, limit_text),
               little ? "; buffers and shared memory count, and beyond it the kernel kills" : "");
}

static uint64_t count_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        return (uint64_t)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint64_t)online : 1;
}

static void check_cores(doctor_report *report, const doctor_cgroup *group)
{
    uint64_t cores = count_cores();
    bool limited = group->cpu_quota_us != UINT64_MAX && group->cpu_period_us != 0;
    double quota = limited ? (double)group->cpu_quota_us / (double)group->cpu_period_us : (double)cores;
    doctor_finding finding = {.name = "cpu",
                              .fields = {doctor_whole("cores", cores),
                                         doctor_whole("cgroup_version", (uint64_t)group->cpu_version),
                                         doctor_whole("quota_us", group->cpu_quota_us),
                                         doctor_whole("period_us", group->cpu_period_us)}};
    if (quota < 1) {
        finding.severity = DOCTOR_WARNING;
        finding.fix = "give it a core or more (--cpus in docker, resources.limits in Kubernetes, CPUQuota in systemd)";
    } else if (quota < 2) {
        finding.severity = DOCTOR_NOTE;
        finding.fix = "nothing, or two cores where latency matters: spinning takes time from the application on one";
    }
    if (limited) {
        doctor_say(report, &finding, "%llu cores, and control group v%d allows %.2f of them%s", (unsigned long long)cores,
                   group->cpu_version, quota, quota < 1 ? ": baton's thread is stopped for part of each period" : "");
    } else {
        doctor_say(report, &finding, "%llu core%s, no quota", (unsigned long long)cores, cores == 1 ? "" : "s");
    }
}

void doctor_check_process(doctor_report *report)
{
    doctor_cgroup group = doctor_cgroup_read("");
    doctor_section(report, "This process");
    check_namespaces(report);
    check_pidfd(report);
    check_memory(report, &group);
    check_cores(report, &group);
}
