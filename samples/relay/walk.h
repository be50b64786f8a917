/* SPDX-License-Identifier: Apache-2.0 */
/* Which files there are to hand over. */
#ifndef RELAY_WALK_H
#define RELAY_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct file {
    char *path;
    uint64_t size; /* when it was found; it may have another one by now */
} file;

/* What could not be handed over, and was said on stderr. */
typedef struct skipped {
    uint64_t empty;
    uint64_t unreadable; /* may not be read, has vanished, or reading failed */
    uint64_t missing;    /* paths of the command line that do not exist */
} skipped;

typedef struct file_list {
    file *files;
    size_t count;
    size_t capacity;
    uint64_t bytes;
    skipped skipped;
} file_list;

/*
 * Collects the regular files under the paths, each inode once; without a path, the machine's
 * programs and shared libraries. False after a line on stderr: out of memory. What is in the list
 * is to be freed in either case.
 */
bool walk(char *const *paths, file_list *list_out);
void file_list_free(file_list *list);

#endif
