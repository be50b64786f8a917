/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, the owner thread, closing. drive.c has the waits, connector_end.c has what happens before the close. */
#include "core/connector.h"

#include "base/error.h"
#include "base/fork.h"
#include "base/log.h"
#include "base/name.h"
#include "base/options.h"
#include "memory/pool.h"
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

baton_status baton__connector_check(const baton_connector *connector)
{
    if (connector->fork_generation != baton__fork_generation()) {
        return baton__fail(BATON_ERR_WRONG_PROCESS, "%s: made before fork(): exec first", connector->name);
    }
    return BATON_OK;
}

static baton_status take_options(const baton_connector_options *given, baton_connector_options *options)
{
    *options = (baton_connector_options)BATON_CONNECTOR_OPTIONS_INIT;
    if (given == NULL) {
        return BATON_OK;
    }
    if (!baton__options_copy(options, sizeof(*options), given)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "connector options: struct_size is not set, or they ask for what "
                           "this version does not know");
    }
    if (options->name != NULL && !baton__name_is_valid(options->name)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "connector options: a name has 1 to 63 of A-Z a-z 0-9 _ -");
    }
    if (options->progress != BATON_PROGRESS_THREAD && options->progress != BATON_PROGRESS_APPLICATION) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "connector options: progress is %d", (int)options->progress);
    }
    if (options->stage_bytes != 0 &&
        (options->stage_bytes < BATON__STAGE_BYTES_MIN || options->stage_bytes > BATON__STAGE_BYTES_MAX)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "connector options: stage_bytes 0, or from 4 MiB to 32 MiB");
    }
    if (options->map_group != NULL &&
        (options->map_group[0] == '\0' || strlen(options->map_group) > BATON__GROUP_MAX)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "connector options: a group's secret has 1 to %d bytes", BATON__GROUP_MAX);
    }
    if (options->peers_max == 0 || options->drain_ms > 60000 || options->resume_ms > 600000) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "connector options: peers_max from 1, drain_ms to 60000, resume_ms to 600000");
    }
    return BATON_OK;
}

static void *own(void *argument)
{
    baton_connector *connector = argument;
    (void)baton__loop_enter(connector->loop);
    baton__loop_run(connector->loop, &connector->stop);
    baton__loop_leave(connector->loop);
    return NULL;
}

static baton_status start_thread(baton_connector *connector)
{
    /* Signals are the application's: none is delivered to baton's thread. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&connector->thread, NULL, own, connector);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        return baton__fail_errno(error, "connector: no thread");
    }
    char name[16] = "baton";
    (void)pthread_setname_np(connector->thread, name);
    connector->has_thread = true;
    return BATON_OK;
}

static baton_status open_engine(baton_connector *connector, const baton__clock *clock)
{
    static const baton__transport_callbacks callbacks = {
        .message = baton__dispatch_message,
        .foreign = baton__dispatch_foreign,
        .endpoint_failed = baton__dispatch_failed,
    };
    baton_status status = baton__loop_create(clock, connector->options.spin_us, &connector->loop);
    if (status != BATON_OK) {
        return status;
    }
    status = connector->table->open(connector->name, &callbacks, connector, &connector->transport);
    if (status != BATON_OK) {
        return status;
    }
    status = baton__operations_init(connector);
    if (status != BATON_OK) {
        return status;
    }
    baton__inbox_init(connector);
    baton__renewal_init(connector);
    baton__mapped_init(connector);
    baton__holds_init(connector);
    status = baton__rma_open(connector);
    if (status == BATON_OK) {
        status = baton__identity_renew(connector);
    }
    if (status != BATON_OK) {
        return status;
    }
    return baton__engine_drive(connector);
}

static bool open_tables(baton_connector *connector)
{
    baton__depot_init(&connector->passives, BATON__PASSIVE_SIZE);
    baton__depot_init(&connector->actives, sizeof(baton_operation));
    baton__recycler_init(&connector->grants, sizeof(baton__grant));
    bool by_nonce = baton__table_init(&connector->by_nonce);
    bool by_id = baton__table_init(&connector->by_id);
    bool views = baton__table_init(&connector->views);
    return baton__tombstones_init(&connector->tombstones) && by_nonce && by_id && views;
}

static void close_tables(baton_connector *connector)
{
    baton__table_fini(&connector->by_nonce);
    baton__table_fini(&connector->by_id);
    baton__table_fini(&connector->views);
    baton__tombstones_fini(&connector->tombstones);
    baton__depot_fini(&connector->passives);
    baton__depot_fini(&connector->actives);
    baton__recycler_fini(&connector->grants);
}

void baton__connector_unref(baton_connector *connector)
{
    if (__atomic_sub_fetch(&connector->references, 1, __ATOMIC_ACQ_REL) == 0) {
        baton__loop_destroy(connector->loop);
        baton__identity_free(connector);
        close_tables(connector);
        free(connector);
    }
}

/* The loop stays until the last handle of an operation is gone: threads that wait for one, or cancel it, still
 * look at it. */
static void close_engine(baton_connector *connector)
{
    if (connector->loop != NULL) {
        (void)baton__loop_set_driver(connector->loop, NULL);
    }
    if (connector->transport != NULL) {
        baton__inbox_fini(connector);
        baton__renewal_fini(connector);
        baton__views_fini(connector);
        baton__mapped_fini(connector);
        baton__holds_fini(connector);
        baton__operations_fini(connector);
        baton__rma_close(connector);
        connector->table->close(connector->transport);
    }
    baton__stage_fini(connector);
    baton__outbox_fini(connector);
    connector->transport = NULL;
}

static baton_status open_connector(baton_connector *connector, const baton_connector_options *options,
                                   const baton__clock *clock)
{
    baton_status status = take_options(options, &connector->options);
    if (status != BATON_OK) {
        return status;
    }
    if (connector->options.name != NULL) {
        memcpy(connector->name, connector->options.name, strlen(connector->options.name) + 1);
    } else {
        baton__name_default(connector->name);
    }
    connector->options.name = connector->name;
    connector->has_map_group = connector->options.map_group != NULL;
    if (connector->has_map_group) {
        connector->map_group = baton__group_key(connector->options.map_group);
        connector->options.map_group = NULL; /* the caller's */
    }
    if (gethostname(connector->hostname, sizeof(connector->hostname) - 1) != 0) {
        connector->hostname[0] = '\0';
    }
    status = open_engine(connector, clock);
    if (status == BATON_OK && connector->options.progress == BATON_PROGRESS_THREAD) {
        status = start_thread(connector);
    }
    return status;
}

/*
 * Connectors that are open, and in which generation of forks. In a child of a process that has one, UCX is
 * half there (its async thread did not come along): connectors open, and nothing of theirs ever ends.
 */
static uint32_t open_count;
static uint32_t open_generation;

static baton_status count_open(uint32_t generation)
{
    if (__atomic_load_n(&open_count, __ATOMIC_ACQUIRE) != 0 &&
        __atomic_load_n(&open_generation, __ATOMIC_ACQUIRE) != generation) {
        return baton__fail(BATON_ERR_WRONG_PROCESS, "connector: the parent of this process had one at fork(), and UCX "
                           "does not survive that: exec first");
    }
    __atomic_store_n(&open_generation, generation, __ATOMIC_RELEASE);
    (void)__atomic_add_fetch(&open_count, 1, __ATOMIC_ACQ_REL);
    return BATON_OK;
}

static void count_closed(void)
{
    (void)__atomic_sub_fetch(&open_count, 1, __ATOMIC_ACQ_REL);
}

baton_status baton__connector_create_with(const baton_connector_options *options,
                                          const baton__transport_table *table,
                                          const baton__clock *clock, baton_connector **connector_out)
{
    if (connector_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "connector: no place for the result");
    }
    baton_status status = count_open(baton__fork_generation());
    if (status != BATON_OK) {
        return status;
    }
    baton_connector *connector = calloc(1, sizeof(*connector));
    if (connector == NULL) {
        count_closed();
        return baton__fail_memory("a connector");
    }
    connector->references = 1;
    connector->fork_generation = baton__fork_generation();
    connector->table = table;
    connector->instance = baton_uuid_random();
    connector->epoch = baton__realtime_ns();
    connector->claim_secret = baton_key_random();
    baton__process_self(&connector->process);
    status = open_tables(connector) ? open_connector(connector, options, clock)
                                    : baton__fail_memory("a connector's tables");
    if (status != BATON_OK) {
        close_engine(connector);
        count_closed();
        baton__connector_unref(connector);
        return status;
    }
    BATON__INFO("%s: connector with UCX %s", connector->name, connector->table->version());
    *connector_out = connector;
    return BATON_OK;
}

baton_status baton_connector_create(const baton_connector_options *options, baton_connector **connector_out)
{
    return baton__connector_create_with(options, &baton__transport_ucx, &baton__clock_boottime,
                                        connector_out);
}

void baton_connector_destroy(baton_connector *connector)
{
    if (connector == NULL) {
        return;
    }
    if (connector->fork_generation != baton__fork_generation()) {
        return; /* the parent's; nothing of it works here */
    }
    if (baton_loop_is_owner(connector->loop)) {
        BATON__ERROR("%s: a connector cannot be destroyed by its owner thread", connector->name);
        return;
    }
    __atomic_store_n(&connector->shutting, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&connector->creating, __ATOMIC_SEQ_CST) != 0) {
        (void)sched_yield(); /* another thread is between its check and its post: nanoseconds */
    }
    if (connector->has_thread) {
        __atomic_store_n(&connector->stop, true, __ATOMIC_RELEASE);
        baton__loop_wake(connector->loop);
        (void)pthread_join(connector->thread, NULL);
    }
    while (!baton__loop_enter(connector->loop)) {
        (void)sched_yield(); /* the application's thread is leaving baton_connector_progress */
    }
    baton__connector_shut_down(connector);
    baton__deferred_free(connector);
    close_engine(connector);
    baton__peers_free(connector); /* after the transport, which may still tell them that their endpoints are closed */
    count_closed();
    __atomic_store_n(&connector->ended, 1, __ATOMIC_SEQ_CST);
    baton__loop_leave(connector->loop);
    baton__connector_run_late(connector);
    baton__connector_unref(connector);
}

void baton__connector_run_late(baton_connector *connector)
{
    baton_loop *loop = connector->loop;
    if (baton_loop_is_owner(loop)) {
        return;
    }
    while (__atomic_load_n(&connector->ended, __ATOMIC_SEQ_CST) != 0 && baton__loop_has_posted(loop)) {
        if (baton__loop_enter(loop)) {
            (void)baton__loop_turn(loop);
            baton__loop_leave(loop);
        } else {
            (void)sched_yield(); /* another thread is at it */
        }
    }
}
