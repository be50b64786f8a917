/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_DOCTOR_CGROUP_H
#define BATON_CLI_DOCTOR_CGROUP_H

#include <stdint.h>

/* What control groups allow this process: the tightest limit from its own group up to the top of what it can see. */
typedef struct doctor_cgroup {
    int memory_version; /* of the hierarchy that limits memory: 1, 2, or 0 if there is none */
    int cpu_version;
    uint64_t memory_limit_bytes; /* UINT64_MAX: none */
    uint64_t memory_used_bytes;  /* of the group that has that limit; 0 where there is none */
    uint64_t cpu_quota_us;       /* in each period; UINT64_MAX: none */
    uint64_t cpu_period_us;      /* 0 where there is no quota */
} doctor_cgroup;

/* root: "" for this machine; a test puts files below a folder of its own. Never fails: what is not there limits nothing. */
doctor_cgroup doctor_cgroup_read(const char *root);

#endif
