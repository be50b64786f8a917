/* SPDX-License-Identifier: Apache-2.0 */
#include "support/page_trap.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *page;
static int wanted;

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void on_touch(int signal)
{
    (void)signal;
    (void)raise(wanted);
    (void)mprotect(page, page_size(), PROT_READ | PROT_WRITE);
}

/* Owner thread, which has all signals blocked. */
static void set(baton_task *task)
{
    sigset_t touch;
    (void)task;
    (void)sigemptyset(&touch);
    (void)sigaddset(&touch, SIGSEGV);
    (void)pthread_sigmask(SIG_UNBLOCK, &touch, NULL);
    if (mprotect(page, page_size(), PROT_NONE) != 0) {
        abort();
    }
    (void)printf("trapped\n");
    (void)fflush(stdout);
}

void page_trap_set(baton_connector *connector, void *byte, int signal)
{
    static baton_task task;
    struct sigaction action = {.sa_handler = on_touch};
    page = (uint8_t *)((uintptr_t)byte / page_size() * page_size());
    wanted = signal;
    (void)sigaction(SIGSEGV, &action, NULL);
    task = (baton_task){.run = set};
    if (!baton_loop_post(baton_connector_loop(connector), &task)) {
        abort();
    }
}
