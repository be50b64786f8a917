/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_FORK_H
#define BATON_BASE_FORK_H

#include <stdint.h>

/* How many forks lie between this process and the first one that asked: what was made in another generation
 * is the parent's. No system call, unlike getpid(2). Threads: any. */
uint32_t baton__fork_generation(void);

#endif
