/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include "progress.h"

#include <errno.h>
#include <fts.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where programs and shared libraries are. Some of these are links to others of these: an inode
 * counts once. */
static char *const machine_paths[] = {"/usr/bin",   "/usr/sbin",    "/usr/lib",
                                      "/usr/lib64", "/usr/libexec", NULL};

/* Lines about empty files; a folder may have thousands, and the table has their number. */
enum { EMPTY_LINES_MAX = 20 };

typedef struct inode {
    dev_t device;
    ino_t number;
} inode;

typedef struct walker {
    file_list *list;
    void *seen; /* tsearch's tree of inodes */
    bool machine;
    bool out_of_memory;
} walker;

static int compare_inodes(const void *left, const void *right)
{
    const inode *a = left;
    const inode *b = right;
    if (a->device != b->device) {
        return a->device < b->device ? -1 : 1;
    }
    return a->number == b->number ? 0 : a->number < b->number ? -1 : 1;
}

static int compare_names(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* True the first time that it is asked for an inode. */
static bool is_new(walker *self, const struct stat *status)
{
    inode *wanted = malloc(sizeof *wanted);
    if (wanted == NULL) {
        self->out_of_memory = true;
        return false;
    }
    *wanted = (inode){status->st_dev, status->st_ino};
    void *node = tsearch(wanted, &self->seen, compare_inodes);
    bool added = node != NULL && *(inode **)node == wanted;
    self->out_of_memory = self->out_of_memory || node == NULL;
    if (!added) {
        free(wanted);
    }
    return added;
}

/* "libm.so", "libm.so.6"; not "x.so.txt". */
static bool is_library_name(const char *name)
{
    const char *suffix = strstr(name, ".so");
    return suffix != NULL && suffix[3 + strspn(suffix + 3, ".0123456789")] == '\0';
}

static bool is_wanted(const walker *self, const FTSENT *entry)
{
    return !self->machine || (entry->fts_statp->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0 ||
           is_library_name(entry->fts_name);
}

static void add_file(walker *self, const FTSENT *entry)
{
    file_list *list = self->list;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 1024;
        file *files = realloc(list->files, capacity * sizeof *files);
        if (files == NULL) {
            self->out_of_memory = true;
            return;
        }
        list->files = files;
        list->capacity = capacity;
    }
    char *path = strdup(entry->fts_path);
    if (path == NULL) {
        self->out_of_memory = true;
        return;
    }
    uint64_t size = (uint64_t)entry->fts_statp->st_size;
    list->files[list->count++] = (file){path, size};
    list->bytes += size;
}

static void visit_file(walker *self, const FTSENT *entry)
{
    if (!is_wanted(self, entry) || !is_new(self, entry->fts_statp)) {
        return;
    }
    if (entry->fts_statp->st_size > 0) {
        add_file(self, entry);
        return;
    }
    self->list->skipped.empty++;
    if (self->list->skipped.empty < EMPTY_LINES_MAX) {
        say("%s: empty, nothing to hand over", entry->fts_path);
    } else if (self->list->skipped.empty == EMPTY_LINES_MAX) {
        say("%s: empty, nothing to hand over; no more lines about empty files", entry->fts_path);
    }
}

static void visit(walker *self, const FTSENT *entry)
{
    bool named = entry->fts_level == FTS_ROOTLEVEL;
    switch (entry->fts_info) {
    case FTS_F:
        visit_file(self, entry);
        break;
    case FTS_NS: /* not there, or its folder may not be searched */
        if (!self->machine) {
            say("%s: %s", entry->fts_path, strerror(entry->fts_errno));
            self->list->skipped.missing += named ? 1 : 0;
            self->list->skipped.unreadable += named ? 0 : 1;
        }
        break;
    case FTS_DNR:
    case FTS_ERR:
        say("%s: %s", entry->fts_path, strerror(entry->fts_errno));
        self->list->skipped.unreadable++;
        break;
    case FTS_DEFAULT:
    case FTS_SL:
    case FTS_SLNONE:
        if (named) {
            say("%s: neither a file nor a folder", entry->fts_path);
            self->list->skipped.unreadable++;
        }
        break;
    default: /* folders, on the way in and out */
        break;
    }
}

bool walk(char *const *paths, file_list *list_out)
{
    *list_out = (file_list){0};
    walker self = {.list = list_out, .machine = paths[0] == NULL};
    /* fts_open does not change what it is given, and asks for no const. */
    FTS *tree = fts_open(self.machine ? machine_paths : paths,
                         FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, compare_names);
    if (tree == NULL) {
        say("the paths cannot be walked: %s", strerror(errno));
        return false;
    }
    FTSENT *entry = NULL;
    while (!self.out_of_memory && (entry = fts_read(tree)) != NULL) {
        visit(&self, entry);
    }
    fts_close(tree);
    tdestroy(self.seen, free);
    if (self.out_of_memory) {
        say("out of memory");
    }
    return !self.out_of_memory;
}

void file_list_free(file_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->files[i].path);
    }
    free(list->files);
    *list = (file_list){0};
}
