/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_PROCESS_H
#define BATON_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which process somebody is, so that others on the same host can watch it: a pid alone is recycled, and means something
 * in one PID namespace of one boot only. The start time comes from field 22 of /proc/<pid>/stat (proc(5)).
 */
typedef struct baton__process {
    uint8_t boot_id[16];    /* of the kernel; all zero: unknown, nobody can watch it */
    uint64_t pid_namespace; /* inode of /proc/self/ns/pid */
    uint32_t pid;
    uint64_t start_ticks;
} baton__process;

/* The calling process. What /proc does not tell stays zero. Not async-signal-safe; reads files. */
void baton__process_self(baton__process *process_out);

typedef enum baton__process_life {
    BATON__PROCESS_UNKNOWN, /* elsewhere, or this system cannot tell */
    BATON__PROCESS_ALIVE,
    BATON__PROCESS_DEAD /* proven: it can touch no memory any more */
} baton__process_life;

/*
 * ALIVE: *fd_out is a pidfd that becomes readable when it has died (Linux 5.3), the caller's to close.
 * It is the very process, not one that got its pid. UNKNOWN for the calling process itself.
 */
baton__process_life baton__process_watch(const baton__process *process, int *fd_out);

#endif
