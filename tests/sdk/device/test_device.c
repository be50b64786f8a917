/* SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const baton_device first_cuda = {BATON_DEVICE_KIND_CUDA, 0};
/* What no parser gives, to see that an output is untouched. */
static const baton_device untouched = {(baton_device_kind)77, 77};

static void check_parses(const char *text, baton_device_kind kind, uint32_t id)
{
    baton_device device = untouched;
    cr_assert_eq(baton_device_parse(text, &device), BATON_OK, "%s", text);
    cr_assert_eq(device.kind, kind, "%s", text);
    cr_assert_eq(device.id, id, "%s", text);
}

Test(device, parses_names_and_aliases)
{
    check_parses("cpu", BATON_DEVICE_KIND_HOST, 0);
    check_parses("host", BATON_DEVICE_KIND_HOST, 0);
    check_parses("cuda", BATON_DEVICE_KIND_CUDA, 0);
    check_parses("gpu", BATON_DEVICE_KIND_CUDA, 0);
}

Test(device, parses_an_id)
{
    check_parses("cuda:0", BATON_DEVICE_KIND_CUDA, 0);
    check_parses("cuda:1", BATON_DEVICE_KIND_CUDA, 1);
    check_parses("gpu:15", BATON_DEVICE_KIND_CUDA, 15);
    check_parses("cuda:4294967295", BATON_DEVICE_KIND_CUDA, UINT32_MAX);
}

Test(device, refuses_other_texts_and_leaves_the_output)
{
    static const char *const texts[] = {
        "",        "c",       "cp",       "cpu ",     " cpu",
        "CPU",     "cpus",    "cpu:",     "cpu:0",    "host:0",
        "cuda:",   "cuda: 1", "cuda:-1",  "cuda:+1",  "cuda:01",
        "cuda:00", "cuda:1x", "cuda:0x1", "cuda:1 ",  "cuda:4294967296",
        "cuda1",   "gpu:",    "gpus",     "Cuda",     "cuda:99999999999999999999999999",
        ":",       ":1",      "rocm",     "cpu,cuda", "cuda:18446744073709551616"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        baton_device device = untouched;
        cr_assert_eq(baton_device_parse(texts[i], &device), BATON_ERR_MALFORMED, "%s", texts[i]);
        cr_assert(baton_device_equal(device, untouched));
    }
}

Test(device, parsing_null_is_refused)
{
    baton_device device = untouched;
    cr_assert_eq(baton_device_parse(NULL, &device), BATON_ERR_INVALID_ARGUMENT);
    cr_assert(baton_device_equal(device, untouched));
    cr_assert_eq(baton_device_parse("cpu", NULL), BATON_ERR_INVALID_ARGUMENT);
}

static void check_prints(baton_device device, const char *expected)
{
    char text[BATON_DEVICE_TEXT_SIZE];
    baton_device_print(device, text);
    cr_assert_str_eq(text, expected);
}

Test(device, prints)
{
    check_prints(BATON_DEVICE_HOST, "cpu");
    check_prints(first_cuda, "cuda:0");
    check_prints((baton_device){BATON_DEVICE_KIND_CUDA, 1}, "cuda:1");
    check_prints((baton_device){BATON_DEVICE_KIND_CUDA, UINT32_MAX}, "cuda:4294967295");
    check_prints(untouched, "unknown");
}

Test(device, what_is_printed_parses_to_itself)
{
    static const baton_device devices[] = {{BATON_DEVICE_KIND_HOST, 0},
                                           {BATON_DEVICE_KIND_CUDA, 0},
                                           {BATON_DEVICE_KIND_CUDA, 31},
                                           {BATON_DEVICE_KIND_CUDA, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        char text[BATON_DEVICE_TEXT_SIZE];
        baton_device again = untouched;
        baton_device_print(devices[i], text);
        cr_assert_eq(baton_device_parse(text, &again), BATON_OK);
        cr_assert(baton_device_equal(again, devices[i]));
    }
}

Test(device, equality_looks_at_kind_and_id)
{
    cr_assert(baton_device_equal(BATON_DEVICE_HOST, BATON_DEVICE_HOST));
    cr_assert_not(baton_device_equal(BATON_DEVICE_HOST, first_cuda));
    cr_assert_not(baton_device_equal(first_cuda, (baton_device){BATON_DEVICE_KIND_CUDA, 1}));
}

Test(device, the_host_is_there)
{
    cr_assert_eq(baton_device_check(BATON_DEVICE_HOST), BATON_OK);
}

Test(device, the_host_has_no_other_id)
{
    const baton_device device = {BATON_DEVICE_KIND_HOST, 1};
    cr_assert_eq(baton_device_check(device), BATON_ERR_INVALID_ARGUMENT);
}

Test(device, an_unknown_kind_is_refused)
{
    static const int kinds[] = {0, 3, -1, 77};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const baton_device device = {(baton_device_kind)kinds[i], 0};
        cr_assert_eq(baton_device_check(device), BATON_ERR_INVALID_ARGUMENT);
        cr_assert_null(baton__device_find(device.kind));
        cr_assert_not(baton__device_is_wellformed(device));
    }
}

Test(device, a_kind_that_is_not_built_in_says_so)
{
    if (baton__device_find(BATON_DEVICE_KIND_CUDA) != &baton__device_none) {
        cr_skip_test("this build has support for CUDA");
    }
    cr_assert_eq(baton_device_check(first_cuda), BATON_ERR_NOT_BUILT_IN);
    cr_assert_not_null(strstr(baton_error_text(), "CUDA"));
}

Test(device, the_table_of_a_missing_kind_gives_nothing)
{
    int byte = 0;
    void *pointer = &byte;
    const baton__device_table *none = &baton__device_none;
    cr_assert_eq(none->check(0), BATON_ERR_NOT_BUILT_IN);
    cr_assert_eq(none->check_memory(0, pointer, 1), BATON_ERR_NOT_BUILT_IN);
    cr_assert_eq(none->allocate(0, 4096, &pointer), BATON_ERR_NOT_BUILT_IN);
    cr_assert_eq(pointer, &byte);
}

/* For devices of a peer: whether this build has them is not asked. */
Test(device, wellformed_is_what_some_machine_can_have)
{
    cr_assert(baton__device_is_wellformed(BATON_DEVICE_HOST));
    cr_assert(baton__device_is_wellformed(first_cuda));
    cr_assert(baton__device_is_wellformed((baton_device){BATON_DEVICE_KIND_CUDA, UINT32_MAX}));
    cr_assert_not(baton__device_is_wellformed((baton_device){BATON_DEVICE_KIND_HOST, 1}));
}

static void check_host_memory(size_t size, uintptr_t alignment)
{
    const baton__device_table *host = baton__device_find(BATON_DEVICE_KIND_HOST);
    void *pointer = NULL;
    cr_assert_eq(host->allocate(0, size, &pointer), BATON_OK);
    unsigned char *bytes = pointer;
    cr_assert_eq((uintptr_t)pointer % alignment, 0);
    for (size_t i = 0; i < size; i++) {
        cr_assert_eq(bytes[i], 0);
        bytes[i] = 0xff;
    }
    cr_assert_eq(host->check_memory(0, pointer, size), BATON_OK);
    host->deallocate(0, pointer, size);
}

Test(device, host_memory_is_aligned_zeroed_and_writable)
{
    const size_t sizes[] = {1, 63, 64, 4097, 131071};
    for (int round = 0; round < 3; round++) { /* the heap gives the same memory again, used */
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            check_host_memory(sizes[i], 64);
        }
        check_host_memory(131072, (uintptr_t)sysconf(_SC_PAGESIZE));
        check_host_memory(1000001, (uintptr_t)sysconf(_SC_PAGESIZE));
    }
}

Test(device, too_much_host_memory_is_refused_and_the_output_untouched)
{
    int byte = 0;
    void *pointer = &byte;
    cr_assert_eq(baton__device_host.allocate(0, SIZE_MAX / 2, &pointer), BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(baton__device_host.allocate(0, SIZE_MAX, &pointer), BATON_ERR_OUT_OF_MEMORY);
    cr_assert_eq(baton__device_host.allocate(1, 4096, &pointer), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton__device_host.check_memory(1, &byte, 1), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(pointer, &byte);
}
