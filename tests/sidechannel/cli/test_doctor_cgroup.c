/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_cgroup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[64];

static void make_root(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/baton_cgroup_XXXXXX");
    cr_assert_not_null(mkdtemp(root));
}

static void remove_root(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf -- '%s'", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(doctor_cgroup, .init = make_root, .fini = remove_root);

static void put(const char *path, const char *text)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "we");
    cr_assert_not_null(file, "%s", full);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void put_v2(const char *path, const char *part)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "0::%s\n", path);
    put("/proc/self/cgroup", text);
    (void)snprintf(text, sizeof(text), "20 1 0:1 / / rw - ext4 /dev/a rw\n29 23 0:26 %s /cg rw,nosuid shared:4 - cgroup2 cgroup2 rw\n",
                   part);
    put("/proc/self/mountinfo", text);
}

Test(doctor_cgroup, without_any_nothing_is_limited)
{
    doctor_cgroup got = doctor_cgroup_read(root);
    cr_assert_eq(got.memory_version, 0);
    cr_assert_eq(got.memory_limit_bytes, UINT64_MAX);
    cr_assert_eq(got.cpu_quota_us, UINT64_MAX);
    cr_assert_eq(got.cpu_period_us, 0);
}

Test(doctor_cgroup, v2_of_its_own_group)
{
    put_v2("/a/b", "/");
    put("/cg/a/b/memory.max", "1073741824\n");
    put("/cg/a/b/memory.current", "1000\n");
    put("/cg/a/b/cpu.max", "50000 100000\n");
    doctor_cgroup got = doctor_cgroup_read(root);
    cr_assert_eq(got.memory_version, 2);
    cr_assert_eq(got.memory_limit_bytes, 1073741824);
    cr_assert_eq(got.memory_used_bytes, 1000);
    cr_assert_eq(got.cpu_version, 2);
    cr_assert_eq(got.cpu_quota_us, 50000);
    cr_assert_eq(got.cpu_period_us, 100000);
}

Test(doctor_cgroup, v2_the_tightest_of_all_above)
{
    put_v2("/a/b", "/");
    put("/cg/a/b/memory.max", "max\n");
    put("/cg/a/memory.max", "5000\n");
    put("/cg/a/memory.current", "4000\n");
    put("/cg/memory.max", "9000\n");
    put("/cg/memory.current", "1\n");
    put("/cg/a/b/cpu.max", "max 100000\n");
    put("/cg/a/cpu.max", "300000 100000\n");
    put("/cg/cpu.max", "100000 50000\n");
    doctor_cgroup got = doctor_cgroup_read(root);
    cr_assert_eq(got.memory_limit_bytes, 5000);
    cr_assert_eq(got.memory_used_bytes, 4000);
    cr_assert_eq(got.cpu_quota_us, 100000);
    cr_assert_eq(got.cpu_period_us, 50000);
}

Test(doctor_cgroup, v2_in_a_container_where_the_group_is_the_mount)
{
    put_v2("/docker/abc", "/docker/abc");
    put("/cg/memory.max", "7000\n");
    put("/cg/docker/abc/memory.max", "1\n"); /* another one of that name */
    cr_assert_eq(doctor_cgroup_read(root).memory_limit_bytes, 7000);
}

Test(doctor_cgroup, v2_outside_of_what_is_mounted)
{
    put_v2("/../other", "/");
    put("/cg/memory.max", "7000\n");
    cr_assert_eq(doctor_cgroup_read(root).memory_limit_bytes, 7000);
}

static void put_v1(void)
{
    put("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/p/q\n2:cpuacct,cpu:/r\n0::/\n");
    put("/proc/self/mountinfo", "31 23 0:28 / /cg2 rw - cgroup2 cgroup2 rw\n"
                                "34 31 0:31 / /cpuset rw - cgroup cgroup rw,cpuset\n"
                                "35 31 0:32 / /mem rw - cgroup cgroup rw,memory\n"
                                "36 31 0:33 / /cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
    put("/cg2/memory.max", "1\n"); /* of the other hierarchy, which does not have the controller */
    put("/cg2/cpu.max", "1 1000\n");
}

Test(doctor_cgroup, v1_has_files_of_its_own)
{
    put_v1();
    put("/mem/p/q/memory.limit_in_bytes", "4096000\n");
    put("/mem/p/q/memory.usage_in_bytes", "77\n");
    put("/cpu/r/cpu.cfs_quota_us", "20000\n");
    put("/cpu/r/cpu.cfs_period_us", "100000\n");
    doctor_cgroup got = doctor_cgroup_read(root);
    cr_assert_eq(got.memory_version, 1);
    cr_assert_eq(got.memory_limit_bytes, 4096000);
    cr_assert_eq(got.memory_used_bytes, 77);
    cr_assert_eq(got.cpu_version, 1);
    cr_assert_eq(got.cpu_quota_us, 20000);
    cr_assert_eq(got.cpu_period_us, 100000);
}

Test(doctor_cgroup, v1_has_words_of_its_own_for_no_limit)
{
    put_v1();
    put("/mem/p/q/memory.limit_in_bytes", "9223372036854771712\n");
    put("/cpu/r/cpu.cfs_quota_us", "-1\n");
    put("/cpu/r/cpu.cfs_period_us", "100000\n");
    doctor_cgroup got = doctor_cgroup_read(root);
    cr_assert_eq(got.memory_version, 1);
    cr_assert_eq(got.memory_limit_bytes, UINT64_MAX);
    cr_assert_eq(got.cpu_quota_us, UINT64_MAX);
    cr_assert_eq(got.cpu_period_us, 0);
}

Test(doctor_cgroup, garbage_limits_nothing)
{
    put_v2("/", "/");
    put("/cg/memory.max", "many\n");
    put("/cg/cpu.max", "1 0\n");
    doctor_cgroup got = doctor_cgroup_read(root);
    cr_assert_eq(got.memory_limit_bytes, UINT64_MAX);
    cr_assert_eq(got.cpu_quota_us, UINT64_MAX);
}
