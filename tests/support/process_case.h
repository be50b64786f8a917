/* SPDX-License-Identifier: Apache-2.0 */
/* A connector in the test and one in a process of its own, over the transports that a case is run
 * with. */
#ifndef BATON_TEST_PROCESS_CASE_H
#define BATON_TEST_PROCESS_CASE_H

#include "base/clock.h"
#include "core/metadata.h"
#include "support/any_memory.h"
#include "support/peer_process.h"

#include <baton/sdk.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

enum { MIB = 1024 * 1024, SOON_MS = 20000 };

/* What takes long enough to be interrupted: 256 MiB, less where BATON_TEST_LARGE_MIB says so (an emulated machine). */
#define LARGE case_large()
static inline size_t case_large(void)
{
    const char *mib = getenv("BATON_TEST_LARGE_MIB");
    return (size_t)(mib == NULL ? 256 : atoi(mib)) * MIB;
}

static baton_connector *connector;
static peer_process peer;

/* tls: NULL for what BATON_TEST_TLS says, and without it UCX's own choice. */
static inline void case_begin(const char *tls)
{
    tls = tls == NULL ? getenv("BATON_TEST_TLS") : tls;
    if (tls == NULL) {
        (void)unsetenv("UCX_TLS");
    } else {
        (void)setenv("UCX_TLS", tls, 1);
    }
    peer_start(&peer, "sdk_peer", NULL);
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.name = "test";
    options.rma = getenv("BATON_TEST_RMA") != NULL;
    options.drain_ms = any_drain_ms(options.drain_ms);
    cr_assert_eq(baton_connector_create(&options, &connector), BATON_OK, "%s", baton_error_text());
}

static inline void case_end(void)
{
    baton_connector_destroy(connector);
}

#define PROCESS_CASE_OVER(suite, tls, name) \
    Test(suite, name)                       \
    {                                       \
        case_begin(tls);                    \
        name();                             \
        case_end();                         \
    }

/* One test for each choice of transports, or for one alone. */
#if defined(BATON_TEST_ONLY_DEFAULT)
#define PROCESS_CASES(name) PROCESS_CASE_OVER(processes_default, NULL, name)
#elif defined(BATON_TEST_ONLY_TCP)
#define PROCESS_CASES(name) PROCESS_CASE_OVER(processes_tcp, "tcp,self", name)
#elif defined(BATON_TEST_ONLY_POSIX)
#define PROCESS_CASES(name) PROCESS_CASE_OVER(processes_posix, "posix,self", name)
#else
#define PROCESS_CASES(name)                            \
    PROCESS_CASE_OVER(processes_default, NULL, name)   \
    PROCESS_CASE_OVER(processes_tcp, "tcp,self", name) \
    PROCESS_CASE_OVER(processes_posix, "posix,self", name)
#endif

#define PROCESS_CASE(name)  \
    static void name(void); \
    PROCESS_CASES(name)     \
    static void name(void)

/* An operation of the test's own connector, with its memory. */
typedef struct own {
    baton_operation *operation;
    baton_descriptor *descriptor;
    unsigned seed;
} own;

static inline uint8_t *own_memory(const own *o)
{
    return baton_descriptor_pointer(o->descriptor);
}

static inline own own_new(size_t size, unsigned seed, bool fill)
{
    own o = {.seed = seed};
    cr_assert_eq(any_allocate(size, "here", &o.descriptor), BATON_OK, "%s", baton_error_text());
    if (fill) {
        any_fill(o.descriptor, seed);
    }
    return o;
}

static inline own own_offer(bool readable, size_t size, unsigned seed, uint32_t lease_ms,
                            baton_completion completion)
{
    own o = own_new(size, seed, readable);
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.lease_ms = lease_ms;
    options.completion = completion;
    baton_status status =
        readable
            ? baton_connector_create_readable(connector, &o.descriptor, 1, &options, &o.operation)
            : baton_connector_create_writable(connector, &o.descriptor, 1, &options, &o.operation);
    cr_assert_eq(status, BATON_OK);
    return o;
}

static inline void own_begin(own *o, const baton_metadata *metadata, uint32_t deadline_ms)
{
    bool read = baton_metadata_get_kind(metadata) == BATON_METADATA_READABLE;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.deadline_ms = deadline_ms;
    baton_status status = read ? baton_connector_begin_read(connector, metadata, &o->descriptor, 1,
                                                            &options, &o->operation)
                               : baton_connector_begin_write(connector, metadata, &o->descriptor, 1,
                                                             &options, &o->operation);
    cr_assert_eq(status, BATON_OK);
}

static inline own own_take(const baton_metadata *metadata, unsigned seed, uint32_t deadline_ms)
{
    bool write = baton_metadata_get_kind(metadata) == BATON_METADATA_WRITABLE;
    own o = own_new(baton_metadata_total_size(metadata), seed, write);
    own_begin(&o, metadata, deadline_ms);
    return o;
}

static inline bool own_is_right(const own *o)
{
    return any_is_right(o->descriptor, o->seed);
}

static inline baton_status own_wait(const own *o, uint32_t timeout_ms)
{
    return baton_operation_wait(o->operation, timeout_ms);
}

/* Where the environment says which way memory of a device has to go. Small bytes go as they can. */
static inline void own_went(const own *o)
{
    enum { SURE = 64 * 1024 };
    const char *path = getenv("BATON_TEST_PATH");
    baton_operation_report report = {.struct_size = sizeof(report)};
    if (path != NULL && baton_descriptor_size(o->descriptor) >= SURE) {
        cr_assert_eq(baton_operation_get_report(o->operation, &report), BATON_OK);
        cr_assert_str_eq(report.path, path, "%s", report.why_staged);
        cr_assert_str_eq(report.why_staged, "");
    }
}

/* Whether an operation whose peer is stopped has ended as it should. UCX does not take back what it has shown of a device's memory: then
 * it may be held as well. */
static inline bool ended_as(baton_status status, baton_status wanted)
{
    return status == wanted || (getenv("BATON_TEST_PATH") != NULL && status == BATON_ERR_QUARANTINED);
}

/* And then it goes on. */
static inline void nothing_stays_held(void)
{
    baton_connector_stats stats = {.struct_size = sizeof(stats), .quarantined = 1};
    for (int left_ms = SOON_MS; stats.quarantined != 0 && left_ms > 0; left_ms--) {
        (void)poll(NULL, 0, 1);
        cr_assert_eq(baton_connector_get_stats(connector, &stats), BATON_OK);
    }
    cr_assert_eq(stats.quarantined, 0);
}

static inline void own_end(own *o)
{
    baton_operation_destroy(o->operation);
    baton_descriptor_release(o->descriptor);
}

/* The peer takes what is offered here. Its number is the order of its operations. */
static inline void peer_takes(const own *o, unsigned seed, unsigned deadline_ms)
{
    baton_metadata *metadata = NULL;
    cr_assert_eq(baton_operation_metadata(o->operation, &metadata), BATON_OK);
    bool read = baton_metadata_get_kind(metadata) == BATON_METADATA_READABLE;
    peer_take(&peer, read ? "read" : "write", metadata, seed, deadline_ms);
    baton_metadata_destroy(metadata);
}

static inline baton_metadata *peer_offers(const char *kind, size_t size, unsigned seed,
                                          unsigned lease_ms, baton_completion completion)
{
    peer_say(&peer, "%s %zu %u %u %d", kind, size, seed, lease_ms, (int)completion);
    return peer_metadata(peer_line(&peer, "metadata ", SOON_MS));
}

/* Until some of the bytes have moved, or it is over. */
static inline void own_await_bytes(const own *o, uint64_t bytes)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    for (int i = 0; i < 5 * SOON_MS; i++) {
        cr_assert_eq(baton_operation_get_report(o->operation, &report), BATON_OK);
        if (report.bytes_moved >= bytes || report.status > BATON_OPERATION_IN_PROGRESS) {
            return;
        }
        (void)poll(NULL, 0, i % 5 == 0 ? 1 : 0);
    }
    cr_assert_fail("no byte moves");
}

/* For as long, nothing writes to the memory. */
static inline void own_stays_quiet(const own *o, int ms)
{
    uint8_t *before = any_look(o->descriptor);
    (void)poll(NULL, 0, ms);
    uint8_t *after = any_look(o->descriptor);
    cr_assert_eq(memcmp(before, after, baton_descriptor_size(o->descriptor)), 0, "the memory changed after the end");
    any_done(before);
    any_done(after);
}

#endif
