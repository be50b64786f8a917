/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fork.h"

#include <pthread.h>
#include <stdlib.h>

static uint32_t generation; /* written in a child of fork(2), which has one thread */

static void after_fork(void)
{
    generation++;
}

static void watch(void)
{
    if (pthread_atfork(NULL, NULL, after_fork) != 0) {
        abort(); /* two processes with the same secrets would be worse */
    }
}

uint32_t baton__fork_generation(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch);
    return generation;
}
