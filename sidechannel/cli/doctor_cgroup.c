/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/self/cgroup names the group of each hierarchy, /proc/self/mountinfo where the hierarchy is mounted and which part
 * of it: in a container often the group itself, so that its path appears in the mount's root and not below the mount point.
 */
#include "doctor_cgroup.h"

#include "doctor_text.h"
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* v1 says "none" with the largest number of pages that fits. */
#define UNLIMITED_FROM ((uint64_t)1 << 62)

typedef struct group {
    int version;
    char mount[PATH_MAX]; /* with the root before it */
    char path[PATH_MAX];  /* below it: "" or "/a/b" */
} group;

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (list != NULL) {
        if (strncmp(list, word, length) == 0 && (list[length] == ',' || list[length] == '\0')) {
            return true;
        }
        list = strchr(list, ',');
        list = list != NULL ? list + 1 : NULL;
    }
    return false;
}

/* A line "4:memory:/a/b" of the controller, or "0::/a/b" of version 2 where no line has it. */
static bool find_path(const char *root, const char *controller, group *found)
{
    char file[PATH_MAX];
    char text[8192];
    (void)snprintf(file, sizeof(file), "%s/proc/self/cgroup", root);
    if (!doctor_read_file(file, text, sizeof(text))) {
        return false;
    }
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *number = strsep(&line, ":");
        char *controllers = strsep(&line, ":");
        if (line == NULL) {
            continue;
        }
        bool second = strcmp(number, "0") == 0 && *controllers == '\0';
        bool first = *controllers != '\0' && has_word(controllers, controller);
        if (first || (second && found->version == 0)) {
            found->version = first ? 1 : 2;
            (void)snprintf(found->path, sizeof(found->path), "%s", strcmp(line, "/") == 0 ? "" : line);
        }
    }
    return found->version != 0;
}

/* Takes the part that is mounted from the path; a path outside of it cannot be seen, and then it is the mount itself. */
static void take_mount(const char *root, const char *part, const char *point, group *found)
{
    size_t length = strcmp(part, "/") == 0 ? 0 : strlen(part);
    bool below = strncmp(found->path, part, length) == 0 && strstr(found->path, "/..") == NULL &&
                 (found->path[length] == '/' || found->path[length] == '\0');
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s", below ? found->path + length : "");
    (void)snprintf(found->path, sizeof(found->path), "%s", path);
    (void)snprintf(found->mount, sizeof(found->mount), "%s%s", root, point);
}

/* "31 23 0:28 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory" */
static bool find_mount(const char *root, const char *controller, group *found)
{
    char file[PATH_MAX];
    char line[8192];
    bool done = false;
    (void)snprintf(file, sizeof(file), "%s/proc/self/mountinfo", root);
    FILE *mounts = fopen(file, "re");
    while (mounts != NULL && !done && fgets(line, sizeof(line), mounts) != NULL) {
        char part[1024];
        char point[1024];
        char type[64];
        char options[1024];
        const char *dash = strstr(line, " - ");
        if (dash == NULL || sscanf(line, "%*s %*s %*s %1023s %1023s", part, point) != 2 ||
            sscanf(dash, " - %63s %*s %1023s", type, options) != 2) {
            continue;
        }
        done = found->version == 2 ? strcmp(type, "cgroup2") == 0
                                   : strcmp(type, "cgroup") == 0 && has_word(options, controller);
        if (done) {
            take_mount(root, part, point, found);
        }
    }
    if (mounts != NULL) {
        (void)fclose(mounts);
    }
    return done;
}

static bool find_group(const char *root, const char *controller, group *found)
{
    *found = (group){.version = 0};
    return find_path(root, controller, found) && find_mount(root, controller, found);
}

static bool number_of(const group *at, const char *name, uint64_t *value_out)
{
    char file[2 * PATH_MAX + 32];
    (void)snprintf(file, sizeof(file), "%s%s/%s", at->mount, at->path, name);
    return doctor_read_number(file, value_out);
}

static void take_memory(const group *at, doctor_cgroup *result)
{
    uint64_t limit;
    uint64_t used = 0;
    if (!number_of(at, at->version == 2 ? "memory.max" : "memory.limit_in_bytes", &limit) ||
        limit >= UNLIMITED_FROM || limit >= result->memory_limit_bytes) {
        return;
    }
    (void)number_of(at, at->version == 2 ? "memory.current" : "memory.usage_in_bytes", &used);
    result->memory_limit_bytes = limit;
    result->memory_used_bytes = used;
}

/* "50000 100000" or "max 100000" in version 2; two files in version 1, the quota -1 for none. */
static bool read_quota(const group *at, uint64_t *quota_out, uint64_t *period_out)
{
    if (at->version == 1) {
        return number_of(at, "cpu.cfs_quota_us", quota_out) &&
               number_of(at, "cpu.cfs_period_us", period_out) && *period_out != 0;
    }
    char file[2 * PATH_MAX + 32];
    char text[64];
    unsigned long long quota;
    unsigned long long period;
    (void)snprintf(file, sizeof(file), "%s%s/cpu.max", at->mount, at->path);
    if (!doctor_read_file(file, text, sizeof(text)) ||
        sscanf(text, "%20llu %20llu", &quota, &period) != 2 || period == 0) {
        return false;
    }
    *quota_out = quota;
    *period_out = period;
    return true;
}

static void take_cpu(const group *at, doctor_cgroup *result)
{
    uint64_t quota;
    uint64_t period;
    if (!read_quota(at, &quota, &period)) {
        return;
    }
    if (result->cpu_period_us == 0 || (double)quota / (double)period <
                                          (double)result->cpu_quota_us / (double)result->cpu_period_us) {
        result->cpu_quota_us = quota;
        result->cpu_period_us = period;
    }
}

/* From the group itself up to the mount. */
static void climb(group *at, void (*take)(const group *at, doctor_cgroup *result), doctor_cgroup *result)
{
    for (;;) {
        take(at, result);
        char *last = strrchr(at->path, '/');
        if (last == NULL) {
            return;
        }
        *last = '\0';
    }
}

doctor_cgroup doctor_cgroup_read(const char *root)
{
    doctor_cgroup result = {.memory_limit_bytes = UINT64_MAX, .cpu_quota_us = UINT64_MAX};
    group found;
    if (find_group(root, "memory", &found)) {
        result.memory_version = found.version;
        climb(&found, take_memory, &result);
    }
    if (find_group(root, "cpu", &found)) {
        result.cpu_version = found.version;
        climb(&found, take_cpu, &result);
    }
    return result;
}
