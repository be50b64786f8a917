/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mapped_range.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct range {
    uint64_t begin;
    uint64_t end;
    uint64_t offset;
} range;

/* "begin-end perms offset device inode path"; a path may be longer than the buffer: the rest of its line is skipped. */
static bool next_range(FILE *maps, range *found)
{
    char line[256];
    bool continues = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        bool is_rest = continues;
        size_t length = 0;
        while (line[length] != '\0' && line[length] != '\n') {
            length++;
        }
        continues = line[length] != '\n';
        if (!is_rest && sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &found->begin, &found->end,
                               &found->offset) == 3) {
            return true;
        }
    }
    return false;
}

static bool add(baton__mapped_ranges *ranges, uint64_t begin)
{
    if ((ranges->count & (ranges->count - 1)) == 0) { /* full at each power of two */
        size_t room = ranges->count == 0 ? 1 : ranges->count * 2;
        uint64_t *larger = realloc(ranges->begins, room * sizeof(*larger));
        if (larger == NULL) {
            return false;
        }
        ranges->begins = larger;
    }
    ranges->begins[ranges->count++] = begin;
    return true;
}

bool baton__mapped_ranges_init(baton__mapped_ranges *ranges)
{
    range found;
    *ranges = (baton__mapped_ranges){0};
    FILE *maps = fopen("/proc/self/maps", "re");
    bool good = maps != NULL;
    while (good && next_range(maps, &found)) {
        good = add(ranges, found.begin);
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    if (!good) {
        baton__mapped_ranges_fini(ranges);
    }
    return good;
}

void baton__mapped_ranges_fini(baton__mapped_ranges *ranges)
{
    free(ranges->begins);
    *ranges = (baton__mapped_ranges){0};
}

size_t baton__mapped_range_new(const baton__mapped_ranges *before, const void *begin)
{
    uint64_t wanted = (uint64_t)(uintptr_t)begin;
    for (size_t i = 0; i < before->count; i++) {
        if (before->begins[i] == wanted) {
            return 0;
        }
    }
    FILE *maps = fopen("/proc/self/maps", "re");
    range found;
    size_t size = 0;
    while (maps != NULL && size == 0 && next_range(maps, &found)) {
        if (found.begin == wanted && found.offset == 0) {
            size = (size_t)(found.end - found.begin);
        }
    }
    if (maps != NULL) {
        (void)fclose(maps);
    }
    return size;
}

bool baton__mapped_end_is_readable(const void *end)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    /* The kernel copies from there and says EFAULT where we would get a SIGBUS; what the value is does not matter. */
    ssize_t written = write(fd, (const uint8_t *)end - sizeof(uint64_t), sizeof(uint64_t));
    bool is_readable = written == (ssize_t)sizeof(uint64_t) || errno != EFAULT;
    (void)close(fd);
    return is_readable;
}
