/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_DOCTOR_CHECKS_H
#define BATON_CLI_DOCTOR_CHECKS_H

#include "doctor_facts.h"
#include "doctor_report.h"

/* The checks, each a section of the report in a file of its own. None of them waits without a bound. */
void doctor_check_versions(doctor_report *report, const doctor_facts *facts);
void doctor_check_cuda(doctor_report *report);
void doctor_check_transports(doctor_report *report, const doctor_facts *facts);
void doctor_check_limits(doctor_report *report, const doctor_facts *facts);
void doctor_check_process(doctor_report *report);
void doctor_check_environment(doctor_report *report, const doctor_facts *facts);
/* urls: comma-separated, borrowed. */
void doctor_check_nats(doctor_report *report, const doctor_facts *facts, const char *urls);

/* Rules that are tested by themselves. */

/* A verdict: severity, and the words for it. */
typedef struct doctor_verdict {
    doctor_severity severity;
    const char *found; /* constant; NULL: nothing to add */
    const char *fix;
} doctor_verdict;

/* What to do where CUDA cannot be used; NULL: it can. gpu: NVIDIA's driver is on this machine. */
const char *doctor_fix_cuda(const baton_cuda_info *info, bool gpu);
/* How memory of GPUs goes, and what it costs. apart: this process is in another IPC or PID namespace than the host. */
doctor_verdict doctor_rate_cuda_paths(const baton_transport_cuda_info *info, bool apart);
/* alone: TCP is the only transport that is used. */
doctor_verdict doctor_rate_ucx(unsigned major, unsigned minor, bool tcp_alone);
/* soft: RLIMIT_MEMLOCK in bytes. */
doctor_verdict doctor_rate_memlock(uint64_t soft, bool rdma_devices);
/* soft: RLIMIT_NOFILE. peers_out: about how many peers it is enough for. */
doctor_verdict doctor_rate_nofile(uint64_t soft, uint64_t *peers_out);
/* free: bytes of /dev/shm. */
doctor_verdict doctor_rate_shm(uint64_t free_bytes);
/* A variable of UCX's or baton's that is set. */
doctor_verdict doctor_rate_variable(const char *name, const char *value);
/* How many descriptors an offer can name; 0 if not even one fits. */
uint64_t doctor_descriptors_of(uint64_t max_payload_bytes, size_t metadata_bytes, size_t descriptor_bytes);

#endif
