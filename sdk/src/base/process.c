/* SPDX-License-Identifier: Apache-2.0 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first bytes of a small file of /proc, with a zero behind them; false if it cannot be read. */
static bool read_text(const char *path, char *text, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, text, capacity - 1);
    (void)close(fd);
    if (got <= 0) {
        return false;
    }
    text[got] = '\0';
    return true;
}

static bool read_boot_id(uint8_t id[16])
{
    char text[64];
    if (!read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text))) {
        return false;
    }
    size_t digits = 0;
    for (const char *c = text; *c != '\0' && digits < 32; c++) {
        if (*c == '-') {
            continue;
        }
        char digit[2] = {*c, '\0'};
        char *end;
        unsigned long value = strtoul(digit, &end, 16);
        if (*end != '\0') {
            return false;
        }
        id[digits / 2] = (uint8_t)((unsigned long)id[digits / 2] << 4 | value);
        digits++;
    }
    return digits == 32;
}

/* The start time. The name in field 2 may hold anything: the fields count from its last parenthesis. */
static bool read_stat(uint32_t pid, uint64_t *start_out)
{
    enum { STATE = 3, START = 22 };
    char path[32];
    char text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    if (!read_text(path, text, sizeof(text))) {
        return false;
    }
    char *field = strrchr(text, ')');
    if (field == NULL || field[1] != ' ') {
        return false;
    }
    field += 2;
    for (int i = STATE; i < START; i++) {
        field = strchr(field, ' ');
        if (field == NULL) {
            return false;
        }
        field++;
    }
    *start_out = strtoull(field, NULL, 10);
    return true;
}

void baton__process_self(baton__process *process_out)
{
    baton__process self = {.pid = (uint32_t)getpid()};
    struct stat space;
    if (stat("/proc/self/ns/pid", &space) == 0 && read_stat(self.pid, &self.start_ticks) &&
        read_boot_id(self.boot_id)) {
        self.pid_namespace = space.st_ino;
        *process_out = self;
    } else {
        *process_out = (baton__process){.pid = self.pid};
    }
}

static bool same_place(const baton__process *one, const baton__process *other)
{
    return one->pid_namespace != 0 && one->pid_namespace == other->pid_namespace &&
           memcmp(one->boot_id, other->boot_id, sizeof(one->boot_id)) == 0;
}

/* All of its threads. The state in /proc is that of the first one alone: a zombie where only that has ended. */
static bool has_ended(int fd)
{
    struct pollfd life = {.fd = fd, .events = POLLIN};
    return poll(&life, 1, 0) == 1;
}

baton__process_life baton__process_watch(const baton__process *process, int *fd_out)
{
    baton__process self;
    baton__process_self(&self);
    if (!same_place(process, &self) || process->pid == self.pid || process->pid == 0 ||
        process->pid > INT32_MAX) {
        return BATON__PROCESS_UNKNOWN;
    }
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)process->pid, 0);
    if (fd < 0) {
        return errno == ESRCH ? BATON__PROCESS_DEAD : BATON__PROCESS_UNKNOWN;
    }
    /* Opened first, compared then: if it is the right one now, it was when the descriptor was made. */
    uint64_t start = 0;
    bool told = read_stat(process->pid, &start);
    if (told && start == process->start_ticks && !has_ended(fd)) {
        *fd_out = fd;
        return BATON__PROCESS_ALIVE;
    }
    int error = errno;
    (void)close(fd);
    /* The file is gone if it died in between; another start time is another process. */
    return told || error == ENOENT || error == ESRCH ? BATON__PROCESS_DEAD : BATON__PROCESS_UNKNOWN;
}
