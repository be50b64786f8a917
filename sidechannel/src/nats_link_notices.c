/* SPDX-License-Identifier: Apache-2.0 */
#include "nats_link_state.h"
#include <stdlib.h>
#include <string.h>

/* What nats.c's threads have to tell the owner. Best effort: where memory has run out a notice is
 * lost, and the deadline of the operation stands in for it. */

void baton__nats_link_notify(baton__nats_link *link, baton__nats_notice_kind kind, const char *text, size_t length)
{
    baton__nats_notice *notice = malloc(sizeof(*notice) + length + 1);
    if (notice == NULL) {
        return;
    }
    notice->next = NULL;
    notice->kind = kind;
    memcpy(notice->text, text, length);
    notice->text[length] = '\0';
    (void)pthread_mutex_lock(&link->mutex);
    if (link->last_notice == NULL) {
        link->first_notice = notice;
    } else {
        link->last_notice->next = notice;
    }
    link->last_notice = notice;
    (void)pthread_mutex_unlock(&link->mutex);
    baton__nats_link_post(link, &link->notice_task);
}

static baton__nats_notice *take_all(baton__nats_link *link)
{
    (void)pthread_mutex_lock(&link->mutex);
    baton__nats_notice *first = link->first_notice;
    link->first_notice = NULL;
    link->last_notice = NULL;
    (void)pthread_mutex_unlock(&link->mutex);
    return first;
}

static void tell(baton__nats_link *link, const baton__nats_notice *notice)
{
    if (link->ended) {
        return;
    }
    if (notice->kind == BATON__NOTICE_UNHEARD) {
        link->callbacks.no_responders(link->context, notice->text);
    } else {
        link->callbacks.denied(link->context, notice->text,
                               notice->kind == BATON__NOTICE_DENIED_PUBLISH);
    }
}

void baton__nats_link_run_notices(baton__nats_link *link)
{
    for (baton__nats_notice *notice = take_all(link); notice != NULL;) {
        baton__nats_notice *next = notice->next;
        tell(link, notice);
        free(notice);
        notice = next;
    }
}

void baton__nats_link_drop_notices(baton__nats_link *link)
{
    for (baton__nats_notice *notice = take_all(link); notice != NULL;) {
        baton__nats_notice *next = notice->next;
        free(notice);
        notice = next;
    }
}
