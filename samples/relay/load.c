/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two looks at stop. */
static const size_t step_bytes = (size_t)16 << 20;
/* Above this the machine is asked if it has so much. */
static const off_t large_bytes = (off_t)256 << 20;

/* Bytes that can be taken without sending others to the swap; UINT64_MAX where the kernel does not
 * say. */
static uint64_t available_bytes(void)
{
    FILE *meminfo = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long kib = 0;
    bool found = false;
    while (meminfo != NULL && !found && fgets(line, sizeof line, meminfo) != NULL) {
        found = sscanf(line, "MemAvailable: %llu kB", &kib) == 1;
    }
    if (meminfo != NULL) {
        (void)fclose(meminfo);
    }
    return found ? (uint64_t)kib * 1024 : UINT64_MAX;
}

/* Opens it and tells its size. Returns -1 after a line on stderr. */
static int open_file(const char *path, uint64_t *size_out)
{
    /* Without waiting: what was a file when it was found may be a pipe by now. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        say("%s: %s", path, strerror(errno));
    } else if (!S_ISREG(status.st_mode)) {
        say("%s: is no longer a file", path);
    } else if (status.st_size > large_bytes && (uint64_t)status.st_size > available_bytes()) {
        say("%s: larger than the free memory of this machine", path);
    } else {
        *size_out = (uint64_t)status.st_size;
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* Reads up to size bytes, fewer at the end of the file. */
static load_result read_all(int fd, const char *path, char *bytes, size_t size,
                            const atomic_bool *stop, size_t *got_out)
{
    size_t got = 0;
    while (got < size) {
        if (atomic_load(stop)) {
            return LOAD_STOPPED;
        }
        size_t step = size - got < step_bytes ? size - got : step_bytes;
        ssize_t n = read(fd, bytes + got, step);
        if (n < 0 && errno != EINTR) {
            say("%s: %s", path, strerror(errno));
            return LOAD_UNREADABLE;
        }
        if (n == 0) {
            break;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    *got_out = got;
    return LOAD_OK;
}

/* The file was shorter than expected: the same bytes in a descriptor of the right size. */
static baton_status shorten(baton_descriptor **contents, size_t size)
{
    baton_descriptor *shorter = NULL;
    baton_status status = baton_descriptor_allocate(size, BATON_DEVICE_HOST, &shorter);
    if (status == BATON_OK) {
        memcpy(baton_descriptor_pointer(shorter), baton_descriptor_pointer(*contents), size);
        baton_descriptor_release(*contents);
        *contents = shorter;
    }
    return status;
}

static load_result load_open_file(int fd, const char *path, size_t size, const atomic_bool *stop,
                                  baton_descriptor **contents_out)
{
    baton_descriptor *contents = NULL;
    size_t got = 0;
    if (baton_descriptor_allocate(size, BATON_DEVICE_HOST, &contents) != BATON_OK) {
        say("%s: %s", path, baton_error_text());
        return LOAD_UNREADABLE;
    }
    load_result result = read_all(fd, path, baton_descriptor_pointer(contents), size, stop, &got);
    if (result == LOAD_OK && got == 0) {
        say("%s: empty by now", path);
        result = LOAD_EMPTY;
    } else if (result == LOAD_OK && got < size && shorten(&contents, got) != BATON_OK) {
        say("%s: %s", path, baton_error_text());
        result = LOAD_UNREADABLE;
    }
    if (result == LOAD_OK) {
        *contents_out = contents;
    } else {
        baton_descriptor_release(contents);
    }
    return result;
}

load_result load_file(const char *path, const atomic_bool *stop, baton_descriptor **contents_out)
{
    uint64_t size = 0;
    int fd = open_file(path, &size);
    if (fd < 0) {
        return LOAD_UNREADABLE;
    }
    load_result result = LOAD_EMPTY;
    if (size > 0) {
        result = load_open_file(fd, path, (size_t)size, stop, contents_out);
    } else {
        say("%s: empty by now", path);
    }
    close(fd);
    return result;
}
