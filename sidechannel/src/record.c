/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include "base/error.h"
#include "base/options.h"
#include <stdlib.h>
#include <string.h>

struct baton__record_text {
    baton__record_text *next;
    char text[];
};

baton_status baton__record_init(baton__record *record)
{
    *record = (baton__record){.now = BATON_OUTCOME_INIT};
    record->now.status = BATON_OPERATION_INITIALIZED;
    int error = pthread_mutex_init(&record->lock, NULL);
    return error == 0 ? BATON_OK : baton__fail_errno(error, "mutex of a hand-off");
}

void baton__record_fini(baton__record *record)
{
    while (record->texts != NULL) {
        baton__record_text *text = record->texts;
        record->texts = text->next;
        free(text);
    }
    (void)pthread_mutex_destroy(&record->lock);
}

static const char *keep(baton__record *record, const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return "";
    }
    size_t size = strlen(text) + 1;
    baton__record_text *kept = malloc(sizeof(*kept) + size);
    if (kept == NULL) {
        return "";
    }
    memcpy(kept->text, text, size);
    kept->next = record->texts;
    record->texts = kept;
    return kept->text;
}

void baton__record_grant(baton__record *record, const char *peer, uint32_t attempts,
                         const baton_operation *running)
{
    (void)pthread_mutex_lock(&record->lock);
    if (!record->is_over) {
        record->now.status = BATON_OPERATION_IN_PROGRESS;
        record->now.attempts = attempts;
        record->now.peer = keep(record, peer);
        record->running = running;
    }
    (void)pthread_mutex_unlock(&record->lock);
}

void baton__record_rest(baton__record *record)
{
    (void)pthread_mutex_lock(&record->lock);
    record->running = NULL;
    (void)pthread_mutex_unlock(&record->lock);
}

void baton__record_end(baton__record *record, const baton_outcome *outcome)
{
    (void)pthread_mutex_lock(&record->lock);
    baton_outcome *now = &record->now;
    record->running = NULL;
    now->status = outcome->status;
    now->reason = outcome->reason;
    now->native_code = outcome->native_code;
    now->bytes = outcome->bytes;
    if (outcome->attempts != 0) {
        now->attempts = outcome->attempts;
    }
    if (outcome->peer != NULL && strcmp(outcome->peer, now->peer) != 0) {
        now->peer = keep(record, outcome->peer);
    }
    now->path = keep(record, outcome->path);
    now->transport = keep(record, outcome->transport);
    now->result_json = keep(record, outcome->result_json);
    now->text = keep(record, outcome->text);
    __atomic_store_n(&record->is_over, true, __ATOMIC_RELEASE);
    (void)pthread_mutex_unlock(&record->lock);
}

bool baton__record_is_over(const baton__record *record)
{
    return __atomic_load_n(&record->is_over, __ATOMIC_ACQUIRE);
}

/* Reading locks too: the lock is not part of the value. */
static baton_outcome snapshot(const baton__record *record)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&record->lock;
    (void)pthread_mutex_lock(lock);
    baton_outcome now = record->now;
    baton_operation_report report = {.struct_size = sizeof(report)};
    if (!record->is_over && record->running != NULL &&
        baton_operation_get_report(record->running, &report) == BATON_OK) {
        now.bytes = report.bytes_moved;
        now.path = report.path;
    }
    (void)pthread_mutex_unlock(lock);
    return now;
}

baton_status baton__record_read(const baton__record *record, baton_outcome *out)
{
    if (out == NULL || !baton__output_is_sized(out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "outcome: begin with BATON_OUTCOME_INIT, its struct_size is not set");
    }
    baton_outcome now = snapshot(record);
    baton__output_copy(out, &now, sizeof(now));
    return BATON_OK;
}

bool baton__record_is_complete(const baton__record *record)
{
    return baton__record_is_over(record) && record->now.status == BATON_OPERATION_COMPLETE; /* which no longer changes */
}

baton_status baton__record_verdict(const baton__record *record, const char *what)
{
    baton_outcome now = snapshot(record);
    if (now.status == BATON_OPERATION_COMPLETE) {
        return BATON_OK;
    }
    return baton__fail(now.reason, "%s: %s", what,
                       now.text[0] != '\0' ? now.text : baton_status_text(now.reason));
}
