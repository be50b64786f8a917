/* SPDX-License-Identifier: Apache-2.0 */
/* What the stand-in is set to, by the environment when it is loaded and by functions. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const size_t memory_default = (size_t)16 << 30;

fake_settings fake_setting = {.devices = 1, .trace = -1};

bool fake_cuda_set_devices(int count)
{
    if (count < -1 || count > FAKE_DEVICES_MAX) {
        return false;
    }
    (void)pthread_mutex_lock(&fake_lock);
    fake_setting.devices = count;
    (void)pthread_mutex_unlock(&fake_lock);
    return true;
}

void fake_cuda_set_memory_bytes(size_t bytes)
{
    (void)pthread_mutex_lock(&fake_lock);
    fake_setting.memory_bytes = bytes;
    (void)pthread_mutex_unlock(&fake_lock);
}

void fake_cuda_set_copy_delay_us(unsigned delay_us)
{
    (void)pthread_mutex_lock(&fake_lock);
    fake_setting.copy_delay_us = delay_us;
    (void)pthread_mutex_unlock(&fake_lock);
}

void fake_cuda_set_bandwidth_gb_s(double gb_s)
{
    (void)pthread_mutex_lock(&fake_lock);
    fake_setting.bandwidth_gb_s = gb_s;
    (void)pthread_mutex_unlock(&fake_lock);
}

void fake_cuda_set_forbid_sync(bool forbid)
{
    (void)pthread_mutex_lock(&fake_lock);
    fake_setting.forbid_sync = forbid;
    (void)pthread_mutex_unlock(&fake_lock);
}

/* The file that was open before stays open: another thread may be writing its line to it. */
bool fake_cuda_set_trace(const char *path)
{
    int file = -1;
    if (path != NULL) {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (file < 0) {
            return false;
        }
    }
    __atomic_store_n(&fake_setting.trace, file, __ATOMIC_RELAXED);
    return true;
}

static void refuse(const char *name, const char *value)
{
    (void)dprintf(STDERR_FILENO, "fake_cuda: %s=%s is not understood\n", name, value);
    _exit(96);
}

/* The number that a variable holds, or `otherwise` without it. */
static double number(const char *name, double otherwise)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (text == NULL) {
        return otherwise;
    }
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0) {
        refuse(name, text);
    }
    return value;
}

__attribute__((constructor)) static void read_environment(void)
{
    const char *rules = getenv("FAKE_CUDA_FAIL");
    const char *path = getenv("FAKE_CUDA_TRACE");
    const char *devices = getenv("FAKE_CUDA_DEVICES");
    if (!fake_cuda_set_devices((int)number("FAKE_CUDA_DEVICES", 1))) {
        refuse("FAKE_CUDA_DEVICES", devices);
    }
    fake_cuda_set_memory_bytes((size_t)number("FAKE_CUDA_MEMORY_BYTES", (double)memory_default));
    fake_cuda_set_copy_delay_us((unsigned)number("FAKE_CUDA_COPY_DELAY_US", 0));
    fake_cuda_set_bandwidth_gb_s(number("FAKE_CUDA_BANDWIDTH_GB_S", 0));
    fake_cuda_set_forbid_sync(number("FAKE_CUDA_FORBID_SYNC", 0) != 0);
    if (!fake_cuda_set_fail(rules)) {
        refuse("FAKE_CUDA_FAIL", rules);
    }
    if (!fake_cuda_set_trace(path)) {
        refuse("FAKE_CUDA_TRACE", path);
    }
}
