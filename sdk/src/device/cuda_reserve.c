/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from cudaMalloc and cudaHostAlloc, and goes back by cudaFree and cudaFreeHost. These two wait for a device: for all the work
 * that the application has there, and that may itself wait for something which a connector's thread has to do. So that thread, and whoever
 * happens to let go of the last piece of a pool, leaves it to a thread of baton's that lives as long as there is something to free.
 */
#include "device/reserve.h"

#include "device/cuda.h"
#include "device/cuda_device.h"

#include "base/error.h"
#include "base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

/* cudaMalloc cuts smaller pieces out of blocks of this size, and a handle opens the whole block. */
#define DEVICE_UNIT ((size_t)2 * 1024 * 1024)
#define HOST_UNIT   ((size_t)4096)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static baton__reserve *late; /* LL: to be freed by the thread */
static bool running;         /* there is one, and it will look at `late` once more */

static void free_now(const baton__reserve *reserve)
{
    baton__cuda_visit visit;
    bool entered = baton__cuda_enter((int)reserve->device, &visit) == BATON__CUDA_OK;
    int code = reserve->pinned ? baton__cuda_unpin(reserve->pointer) : baton__cuda_free(reserve->pointer);
    if (entered) { /* a broken device gives back, too */
        baton__cuda_leave(&visit);
    }
    if (code != BATON__CUDA_OK && code != BATON__CUDA_UNLOADING) {
        BATON__ERROR("cuda:%" PRIu32 ": freeing %smemory: %s", reserve->device, reserve->pinned ? "pinned " : "", baton__cuda_name(code));
    }
}

/* NULL: there is nothing, and the thread ends. */
static baton__reserve *take_late(void)
{
    (void)pthread_mutex_lock(&lock);
    baton__reserve *list = late;
    late = NULL;
    running = list != NULL;
    (void)pthread_mutex_unlock(&lock);
    return list;
}

static void *free_late(void *nothing)
{
    baton__reserve *list;
    baton__reserve *it;
    baton__reserve *next;
    (void)nothing;
    (void)pthread_setname_np(pthread_self(), "baton-free"); /* not as a connector's, which may not wait */
    while ((list = take_late()) != NULL) {
        LL_FOREACH_SAFE(list, it, next)
        {
            free_now(it);
            free(it);
        }
    }
    return NULL;
}

/* It gets none of the process's signals. */
static int start_thread(void)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, free_late, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error != 0 ? error : pthread_detach(thread);
}

/* Without a thread it stays until there is more to free. */
static void free_later(baton__reserve *reserve)
{
    (void)pthread_mutex_lock(&lock);
    LL_PREPEND(late, reserve);
    int error = running ? 0 : start_thread();
    running = error == 0;
    (void)pthread_mutex_unlock(&lock);
    if (error != 0) {
        BATON__ERROR("no thread to free memory of CUDA: error %d; it stays for now", error);
    }
}

void baton__reserve_end(baton__reserve *reserve, bool wait)
{
    if (baton__cuda_load() != BATON_OK) { /* in a child of fork: the memory is the parent's */
        free(reserve);
    } else if (!wait || baton__cuda_on_own_thread()) {
        free_later(reserve);
    } else {
        free_now(reserve);
        free(reserve);
    }
}

void baton__cuda_free_plain(uint32_t device, void *pointer)
{
    baton__reserve plain = {.pointer = pointer, .device = device};
    baton__reserve *kept = baton__cuda_on_own_thread() ? malloc(sizeof(*kept)) : NULL;
    if (kept == NULL) { /* or no memory to remember it by: better to wait than to lose it */
        free_now(&plain);
        return;
    }
    *kept = plain;
    free_later(kept);
}

/* The device is current. */
static baton_status take(baton__reserve *reserve)
{
    char what[80];
    int code = reserve->pinned ? baton__cuda_pin(&reserve->pointer, reserve->size_bytes)
                               : baton__cuda_allocate(&reserve->pointer, reserve->size_bytes);
    if (code != BATON__CUDA_OK) {
        (void)snprintf(what, sizeof(what), "%s of %zu bytes on cuda:%" PRIu32, reserve->pinned ? "cudaHostAlloc" : "cudaMalloc",
                       reserve->size_bytes, reserve->device);
        return baton__cuda_fail(code, what);
    }
    if (!reserve->pinned) {
        code = baton__cuda_export(reserve->pointer);
        reserve->exportable = code == BATON__CUDA_OK;
        if (code != BATON__CUDA_OK) {
            BATON__DEBUG("cuda:%" PRIu32 ": no other process can be let into a pool: %s", reserve->device, baton__cuda_name(code));
        }
    }
    return BATON_OK;
}

static baton_status reserve(baton__reserve wanted, baton__reserve **reserve_out)
{
    baton__cuda_visit visit;
    baton_status status = baton__cuda_visit_checked(wanted.device, &visit);
    if (status != BATON_OK) {
        return status;
    }
    baton__reserve *made = malloc(sizeof(*made));
    if (made == NULL) {
        status = baton__fail_memory("a pool");
    } else {
        *made = wanted;
        status = take(made);
    }
    baton__cuda_leave(&visit);
    if (status != BATON_OK) {
        free(made);
        return status;
    }
    *reserve_out = made;
    return BATON_OK;
}

static size_t round_up(size_t size_bytes, size_t unit)
{
    return (size_bytes + unit - 1) / unit * unit;
}

baton_status baton__reserve_device(uint32_t id, size_t size_bytes, baton__reserve **reserve_out)
{
    return reserve((baton__reserve){.device = id, .size_bytes = round_up(size_bytes, DEVICE_UNIT)}, reserve_out);
}

baton_status baton__reserve_pinned(size_t size_bytes, baton__reserve **reserve_out)
{
    int device = baton__cuda_used();
    baton_status status = baton__cuda_check(0);
    if (status == BATON_OK && device < 0) {
        int code = baton__cuda_current(&device);
        status = code == BATON__CUDA_OK ? BATON_OK : baton__cuda_fail(code, "cudaGetDevice");
    }
    if (status != BATON_OK) {
        return status;
    }
    return reserve((baton__reserve){.device = (uint32_t)device, .pinned = true, .size_bytes = round_up(size_bytes, HOST_UNIT)}, reserve_out);
}
