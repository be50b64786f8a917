/* SPDX-License-Identifier: Apache-2.0 */
/* What the doctor reads, and how it judges. */
#include "doctor_checks.h"
#include "doctor_text.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *size_text(uint64_t bytes)
{
    static char text[DOCTOR_SIZE_TEXT];
    return doctor_print_size(bytes, text);
}

Test(doctor_rules, prints_sizes)
{
    cr_assert_str_eq(size_text(0), "0 bytes");
    cr_assert_str_eq(size_text(1023), "1023 bytes");
    cr_assert_str_eq(size_text(65536), "64 KiB");
    cr_assert_str_eq(size_text(3ull << 29), "1.5 GiB");
    cr_assert_str_eq(size_text(UINT64_MAX), "no limit");
}

Test(doctor_rules, parses_sizes_as_ucx_does)
{
    uint64_t size = 1;
    cr_assert(doctor_parse_size("8256", &size) && size == 8256);
    cr_assert(doctor_parse_size("64k", &size) && size == 65536);
    cr_assert(doctor_parse_size("64KB", &size) && size == 65536);
    cr_assert(doctor_parse_size("2M", &size) && size == 2097152);
    cr_assert(doctor_parse_size("inf", &size) && size == UINT64_MAX);
    cr_assert(doctor_parse_size("99999999999999999T", &size) && size == UINT64_MAX - 1);
    size = 5;
    cr_assert_not(doctor_parse_size("auto", &size));
    cr_assert_not(doctor_parse_size("-1", &size));
    cr_assert_not(doctor_parse_size("1x", &size));
    cr_assert_not(doctor_parse_size("", &size));
    cr_assert_eq(size, 5);
}

Test(doctor_rules, parses_times_and_switches_as_ucx_does)
{
    uint64_t us = 0;
    bool on = false;
    cr_assert(doctor_parse_time("1s", &us) && us == 1000000);
    cr_assert(doctor_parse_time("20", &us) && us == 20000000);
    cr_assert(doctor_parse_time("500ms", &us) && us == 500000);
    cr_assert(doctor_parse_time("inf", &us) && us == UINT64_MAX);
    cr_assert_not(doctor_parse_time("1h", &us));
    cr_assert(doctor_parse_switch("Y", &on) && on);
    cr_assert(doctor_parse_switch("0", &on) && !on);
    cr_assert_not(doctor_parse_switch("try", &on));
}

static const char *fix_cuda(baton_status status, const char *path, uint32_t runtime, uint32_t driver)
{
    baton_cuda_info info = {.status = status, .runtime_version = runtime, .driver_version = driver};
    (void)strncpy(info.runtime_path, path, sizeof(info.runtime_path) - 1);
    cr_assert_not_null(strstr(status == BATON_OK ? "nothing" : doctor_fix_cuda(&info, false), "nothing"));
    return doctor_fix_cuda(&info, true);
}

Test(doctor_rules, each_reason_to_do_without_cuda_has_its_fix)
{
    cr_assert_null(fix_cuda(BATON_OK, "/lib/libcudart.so.13", 13000, 13000));
    cr_assert_not_null(strstr(fix_cuda(BATON_ERR_NOT_BUILT_IN, "", 0, 0), "BATON_CUDA=ON"));
    cr_assert_not_null(strstr(fix_cuda(BATON_ERR_NOT_SUPPORTED, "", 0, 0), "BATON_CUDART"));
    cr_assert_not_null(strstr(fix_cuda(BATON_ERR_NOT_SUPPORTED, "/lib/libcudart.so.13", 13000, 0), "libcuda.so.1"));
    cr_assert_not_null(strstr(fix_cuda(BATON_ERR_NOT_SUPPORTED, "/lib/libcudart.so.13", 13000, 12080), "update the driver"));
    cr_assert_not_null(strstr(fix_cuda(BATON_ERR_NOT_SUPPORTED, "/lib/libcudart.so.13", 13000, 13000), "CUDA_VISIBLE_DEVICES"));
    cr_assert_not_null(strstr(fix_cuda(BATON_ERR_DEVICE, "/lib/libcudart.so.13", 13000, 13000), "nvidia-smi"));
}

static bool says(bool known, bool ipc, bool apart, doctor_severity severity, const char *words, const char *fix)
{
    baton_transport_cuda_info info = {.known = known, .cuda_ipc = ipc};
    doctor_verdict verdict = doctor_rate_cuda_paths(&info, apart);
    return verdict.severity == severity && strstr(verdict.found, words) != NULL &&
           (fix == NULL ? verdict.fix == NULL : verdict.fix != NULL && strstr(verdict.fix, fix) != NULL);
}

Test(doctor_rules, each_way_of_gpu_memory_has_its_cost_and_its_fix)
{
    cr_assert(says(false, false, false, DOCTOR_NOTE, "staged", "libucx-cu13"));
    cr_assert(says(true, false, true, DOCTOR_NOTE, "no cuda_ipc", "libucx-cu13"));
    cr_assert(says(true, true, true, DOCTOR_NOTE, "namespace", "--ipc=host"));
    cr_assert(says(true, true, false, DOCTOR_OK, "once and without the CPU", NULL));
}

Test(doctor_rules, shows_no_password)
{
    char text[128];
    doctor_print_urls("nats://u:p@ss@a:1,tls://t@b:2,c:3", text, sizeof(text));
    cr_assert_str_eq(text, "nats://a:1,tls://b:2,c:3");
    doctor_print_urls("u:secret@host", text, sizeof(text));
    cr_assert_str_eq(text, "host");
    char little[8];
    doctor_print_urls("nats://abc:1,nats://def:2", little, sizeof(little));
    cr_assert_eq(strlen(little), 7);
    doctor_print_urls("", text, sizeof(text));
    cr_assert_str_empty(text);
}

Test(doctor_rules, knows_versions_of_ucx)
{
    cr_assert_eq(doctor_rate_ucx(1, 12, false).severity, DOCTOR_ERROR);
    cr_assert_eq(doctor_rate_ucx(1, 13, true).severity, DOCTOR_WARNING);
    cr_assert_eq(doctor_rate_ucx(1, 13, false).severity, DOCTOR_NOTE);
    cr_assert_eq(doctor_rate_ucx(1, 14, true).severity, DOCTOR_OK);
    cr_assert_eq(doctor_rate_ucx(1, 18, false).severity, DOCTOR_OK);
    cr_assert_eq(doctor_rate_ucx(1, 19, false).severity, DOCTOR_NOTE);
    cr_assert_eq(doctor_rate_ucx(2, 0, false).severity, DOCTOR_NOTE);
}

Test(doctor_rules, judges_limits)
{
    uint64_t peers = 0;
    cr_assert_eq(doctor_rate_memlock(65536, false).severity, DOCTOR_NOTE);
    cr_assert_eq(doctor_rate_memlock(65536, true).severity, DOCTOR_WARNING);
    cr_assert_eq(doctor_rate_memlock(1ull << 30, false).severity, DOCTOR_OK);
    cr_assert_eq(doctor_rate_memlock(1ull << 30, true).severity, DOCTOR_WARNING);
    cr_assert_eq(doctor_rate_memlock(UINT64_MAX, true).severity, DOCTOR_OK);
    cr_assert_eq(doctor_rate_nofile(10, &peers).severity, DOCTOR_WARNING);
    cr_assert_eq(peers, 0);
    cr_assert_eq(doctor_rate_nofile(256, &peers).severity, DOCTOR_WARNING);
    cr_assert_eq(doctor_rate_nofile(1024, &peers).severity, DOCTOR_NOTE);
    cr_assert_eq(peers, 240);
    cr_assert_eq(doctor_rate_nofile(65536, &peers).severity, DOCTOR_OK);
    cr_assert_eq(doctor_rate_nofile(UINT64_MAX, &peers).severity, DOCTOR_OK);
    cr_assert_eq(peers, UINT64_MAX);
    cr_assert_eq(doctor_rate_shm(1 << 20).severity, DOCTOR_ERROR);
    cr_assert_eq(doctor_rate_shm(64 << 20).severity, DOCTOR_WARNING);
    cr_assert_eq(doctor_rate_shm(1 << 30).severity, DOCTOR_OK);
}

static doctor_severity rate(const char *name, const char *value)
{
    doctor_verdict verdict = doctor_rate_variable(name, value);
    cr_assert_eq(verdict.severity == DOCTOR_OK, verdict.fix == NULL, "%s=%s", name, value);
    return verdict.severity;
}

Test(doctor_rules, judges_variables)
{
    cr_assert_eq(rate("UCX_POSIX_ERROR_HANDLING", "n"), DOCTOR_WARNING);
    cr_assert_eq(rate("UCX_POSIX_ERROR_HANDLING", "y"), DOCTOR_OK);
    cr_assert_eq(rate("UCX_SYSV_ERROR_HANDLING", "0"), DOCTOR_WARNING);
    cr_assert_eq(rate("UCX_ZCOPY_THRESH", "64k"), DOCTOR_WARNING);
    cr_assert_eq(rate("UCX_ZCOPY_THRESH", "auto"), DOCTOR_WARNING);
    cr_assert_eq(rate("UCX_ZCOPY_THRESH", "inf"), DOCTOR_OK);
    cr_assert_eq(rate("UCX_RCACHE_ENABLE", "try"), DOCTOR_WARNING);
    cr_assert_eq(rate("UCX_RCACHE_ENABLE", "n"), DOCTOR_OK);
    cr_assert_eq(rate("UCX_KEEPALIVE_INTERVAL", "20s"), DOCTOR_WARNING);
    cr_assert_eq(rate("UCX_KEEPALIVE_INTERVAL", "1s"), DOCTOR_WARNING);
    cr_assert_eq(rate("UCX_KEEPALIVE_INTERVAL", "inf"), DOCTOR_OK);
    cr_assert_eq(rate("UCX_POSIX_SEG_SIZE", "64k"), DOCTOR_ERROR);
    cr_assert_eq(rate("UCX_POSIX_SEG_SIZE", "32k"), DOCTOR_OK);
    cr_assert_eq(rate("UCX_TCP_TX_SEG_SIZE", "8k"), DOCTOR_NOTE);
    cr_assert_eq(rate("UCX_TCP_RX_SEG_SIZE", "1m"), DOCTOR_NOTE);
    cr_assert_eq(rate("UCX_LOG_LEVEL", "data"), DOCTOR_NOTE);
    cr_assert_eq(rate("UCX_LOG_LEVEL", "info"), DOCTOR_OK);
    cr_assert_eq(rate("UCX_WARN_UNUSED_ENV_VARS", "n"), DOCTOR_NOTE);
    cr_assert_eq(rate("UCX_SOMETHING", "n"), DOCTOR_OK);
    cr_assert_eq(rate("BATON_NATS_URL", "nats://a"), DOCTOR_OK);
    cr_assert_eq(rate("BATON_NATS_ULR", "nats://a"), DOCTOR_NOTE);
    cr_assert_eq(rate("BATON_LOG_LEVEL", "loud"), DOCTOR_WARNING);
    cr_assert_eq(rate("BATON_LOG_LEVEL", "debug"), DOCTOR_OK);
    cr_assert_eq(rate("BATON_CUDART", "/lib/libcudart.so.13"), DOCTOR_OK);
}

Test(doctor_rules, counts_descriptors)
{
    cr_assert_eq(doctor_descriptors_of(1000, 500, 50), 0);
    cr_assert_eq(doctor_descriptors_of(1024 + 500, 500, 50), 1);
    cr_assert_eq(doctor_descriptors_of(1024 + 500 + 100, 500, 50), 3);
    cr_assert_eq(doctor_descriptors_of(1ull << 30, 500, 50), BATON_DESCRIPTORS_MAX);
    cr_assert_eq(doctor_descriptors_of(1ull << 20, 500, 0), 0);
}

Test(doctor_rules, takes_the_words_out_of_a_log_line)
{
    char text[128];
    cr_assert(doctor_words_of_ucx("ucx: unused env variable: UCX_A (maybe: B) (config/parser.c:1908)", text, sizeof(text)));
    cr_assert_str_eq(text, "unused env variable: UCX_A (maybe: B)");
    cr_assert(doctor_words_of_ucx("ucx: short", text, sizeof(text)));
    cr_assert_str_eq(text, "short");
    cr_assert_not(doctor_words_of_ucx("worker a: connected", text, sizeof(text)));
}
