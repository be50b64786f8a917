/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every call of the runtime begins and ends with: the lock, the count, the failures that were
 * asked for, the context of the current device, the thread's last error, and a line of the trace.
 */
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_MAX = 512, NAME_MAX_BYTES = 16, HANDLE_STEP = 64 };

static const size_t handle_range = (size_t)1 << 30;

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t fake_changed = PTHREAD_COND_INITIALIZER;
_Thread_local int fake_current;
_Thread_local bool fake_in_host_function;

static _Thread_local cudaError_t last_error;
static _Thread_local bool may_wait; /* the call that is under way */
static bool started; /* a call has gone to the driver, so that a child of fork has none */
static bool child;
static uint8_t *handles;
static size_t handles_used;

static void before_fork(void)
{
    (void)pthread_mutex_lock(&fake_lock);
}

static void after_fork(void)
{
    (void)pthread_mutex_unlock(&fake_lock);
}

static void after_fork_in_child(void)
{
    child = started;
    (void)pthread_mutex_unlock(&fake_lock);
}

__attribute__((constructor)) static void watch_fork(void)
{
    if (pthread_atfork(before_fork, after_fork, after_fork_in_child) != 0) {
        abort();
    }
}

bool fake_is_child(void)
{
    return child;
}

/* Handles are addresses that nobody can use, and none comes twice: a stale one is known to be
 * stale. */
void *fake_handle(void)
{
    if (handles == NULL) {
        handles =
            mmap(NULL, handle_range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    if (handles == MAP_FAILED || handles_used + HANDLE_STEP > handle_range) {
        (void)dprintf(STDERR_FILENO, "fake_cuda: no more handles\n");
        abort();
    }
    void *handle = handles + handles_used;
    handles_used += HANDLE_STEP;
    return handle;
}

static void name_of_thread(char name[NAME_MAX_BYTES])
{
    if (pthread_getname_np(pthread_self(), name, NAME_MAX_BYTES) != 0) {
        (void)snprintf(name, NAME_MAX_BYTES, "?");
    }
}

void fake_may_wait(const char *what)
{
    char name[NAME_MAX_BYTES];
    may_wait = true;
    if (!fake_setting.forbid_sync) {
        return;
    }
    name_of_thread(name);
    if (strcmp(name, "baton") == 0) {
        (void)dprintf(STDERR_FILENO, "fake_cuda: %s by the thread \"baton\", which must not wait\n",
                      what);
        abort();
    }
}

/* The driver and the devices; a broken context is no error here yet. */
static cudaError_t reach_device(unsigned needs)
{
    if ((needs & (FAKE_NEEDS_DEVICE | FAKE_NEEDS_CONTEXT)) == 0) {
        return cudaSuccess;
    }
    if (fake_setting.devices < 0) {
        return cudaErrorInsufficientDriver;
    }
    if (fake_setting.devices == 0) {
        return cudaErrorNoDevice;
    }
    if ((needs & FAKE_NEEDS_CONTEXT) != 0) {
        fake_devices[fake_current].used = true;
    }
    return cudaSuccess;
}

static cudaError_t fail_as_asked(fake_call *call, unsigned needs)
{
    cudaError_t error = fake_fault(call->name);
    if (fake_is_sticky(error)) {
        fake_devices[fake_current].sticky = error;
    }
    if (error != cudaSuccess && !fake_is_sticky(error)) {
        return error;
    }
    if ((needs & FAKE_NEEDS_CONTEXT) != 0 || error != cudaSuccess) {
        call->sticky = fake_devices[fake_current].sticky;
    }
    return (needs & FAKE_GIVES_BACK) != 0 ? cudaSuccess : call->sticky;
}

bool fake_enter(fake_call *call, const char *name, unsigned needs)
{
    *call = (fake_call){.name = name};
    may_wait = false;
    if (child) {
        call->error = cudaErrorInitializationError;
        return false;
    }
    if (fake_in_host_function) {
        call->error = cudaErrorNotPermitted;
        return false;
    }
    (void)pthread_mutex_lock(&fake_lock);
    call->locked = true;
    started = started || needs != FAKE_NEEDS_NOTHING;
    fake_account_call(name);
    if ((needs & FAKE_MAY_WAIT) != 0) {
        fake_may_wait(name);
    }
    call->error = reach_device(needs);
    if (call->error == cudaSuccess) {
        call->error = fail_as_asked(call, needs);
    }
    return call->error == cudaSuccess;
}

static void trace(const fake_call *call, const char *format, va_list arguments)
{
    char line[TEXT_MAX];
    char text[TEXT_MAX / 2];
    char thread[NAME_MAX_BYTES];
    int file = __atomic_load_n(&fake_setting.trace, __ATOMIC_RELAXED);
    if (file < 0 || child) {
        return;
    }
    name_of_thread(thread);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    int length = snprintf(line, sizeof(line), "%d.%d %s %s(%s) = %d%s\n", (int)getpid(), (int)gettid(), thread, call->name, text,
                          (int)call->error, may_wait ? ", may wait" : "");
    if (write(file, line, (size_t)length) != length) {
        (void)dprintf(STDERR_FILENO, "fake_cuda: the trace could not be written\n");
    }
}

cudaError_t fake_leave(fake_call *call, const char *format, ...)
{
    if (call->locked) {
        (void)pthread_mutex_unlock(&fake_lock);
    }
    if (call->sticky != cudaSuccess) {
        call->error = call->sticky;
    }
    if (call->error != cudaSuccess && !call->silent) {
        last_error = call->error;
    }
    va_list arguments;
    va_start(arguments, format);
    trace(call, format, arguments);
    va_end(arguments);
    return call->error;
}

/* The thread's last error; a broken context is one until the end. */
static cudaError_t answer_last_error(const char *name, bool clear)
{
    fake_call call;
    cudaError_t error = cudaErrorInitializationError;
    if (fake_enter(&call, name, FAKE_NEEDS_NOTHING)) {
        error = fake_devices[fake_current].sticky;
        if (error == cudaSuccess) {
            error = last_error;
        }
        if (clear) {
            last_error = cudaSuccess;
        }
    }
    if (call.error == cudaSuccess) {
        call.error = error;
    }
    call.silent = true;
    return fake_leave(&call, "%s", "");
}

cudaError_t cudaGetLastError(void)
{
    return answer_last_error(__func__, true);
}

cudaError_t cudaPeekAtLastError(void)
{
    return answer_last_error(__func__, false);
}

size_t fake_count_contexts(void)
{
    size_t count = 0;
    for (int i = 0; i < FAKE_DEVICES_MAX; i++) {
        count += fake_devices[i].used ? 1 : 0;
    }
    return count;
}
