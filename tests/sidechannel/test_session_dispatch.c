/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that lie: all of them are refused and counted, and none ends an offer, a handoff or a
 * process. */
#include <baton/baton.h>

#include "support/raw_nats.h"
#include "support/workers.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY "00112233445566778899aabbccddeeff"

/* A hand-off that waits for the application's word, and somebody who listens in. */
typedef struct scene {
    test_pair pair;
    test_raw raw;
    baton_service *service;
    baton_descriptor *memory;
    baton_offer *offer;
    baton_handoff *handoff;
    char id[BATON_UUID_TEXT_SIZE];
    char text[1024];
} scene;

static void begin(scene *self)
{
    test_pair_start(&self->pair);
    test_raw_connect(&self->raw, test_nats_port(self->pair.server));
    cr_assert_eq(baton_worker_serve(self->pair.b, "pool", NULL, NULL, NULL, &self->service),
                 BATON_OK);
    test_sleep_ms(50);
    self->memory = test_memory(1000, 3);
    cr_assert_eq(test_offer(self->pair.a, "pool", self->memory,
                            OPTIONS(.acknowledge = BATON_ACKNOWLEDGE_APPLICATION), &self->offer),
                 BATON_OK);
    cr_assert_eq(baton_service_next(self->service, 5000, &self->handoff), BATON_OK);
    cr_assert_eq(baton_handoff_transfer(self->handoff, NULL, 0), BATON_OK, "%s",
                 baton_error_text());
    baton_uuid id = baton_offer_id(self->offer);
    baton_uuid_print(&id, self->id);
}

/* Nothing of it had an effect. */
static void end(scene *self)
{
    cr_assert_not(baton_offer_is_over(self->offer));
    cr_assert_eq(baton_handoff_ack(self->handoff, "1"), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_handoff_wait(self->handoff, 5000, NULL), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(baton_offer_wait(self->offer, 5000, NULL), BATON_OK, "%s", baton_error_text());
    baton_handoff_destroy(self->handoff);
    baton_offer_destroy(self->offer);
    baton_descriptor_release(self->memory);
    test_raw_close(&self->raw);
    test_pair_stop(&self->pair);
}

static const char *message(scene *self, const char *type, unsigned attempt, const char *origin,
                           const char *worker, const char *extra)
{
    (void)snprintf(self->text, sizeof(self->text),
                   "{\"v\":1,\"type\":\"%s\",\"id\":\"%s\",\"attempt\":%u,\"origin\":\"%s\","
                   "\"worker\":\"%s\",\"key\":\"" KEY "\"%s}",
                   type, self->id, attempt, origin, worker, extra);
    return self->text;
}

#define REFUSED(worker, counter, subject, data)                  \
    do {                                                         \
        uint64_t before = test_stats(worker).counter;            \
        test_raw_publish(&self.raw, subject, data);              \
        TEST_WAIT_FOR(test_stats(worker).counter == before + 1); \
    } while (0)

Test(session_dispatch, what_is_not_a_message_is_refused)
{
    scene self = {0};
    begin(&self);
    baton_worker *a = self.pair.a;
    baton_worker *b = self.pair.b;
    REFUSED(a, refused_malformed, "baton.v1.done.a.b", "");
    REFUSED(a, refused_malformed, "baton.v1.done.a.b", "no json");
    REFUSED(a, refused_malformed, "baton.v1.done.a.b", "{\"v\":1}");
    REFUSED(a, refused_malformed, "baton.v1.done.a.b", "[]");
    REFUSED(a, refused_version, "baton.v1.done.a.b", "{\"v\":2,\"type\":\"done\"}");
    REFUSED(a, refused_type, "baton.v1.done.a.b", message(&self, "unheard_of", 1, "a", "b", ""));
    REFUSED(a, refused_type, "baton.v1.done.a.b", message(&self, "commit", 1, "a", "b", ""));
    REFUSED(b, refused_type, "baton.v1.to.b.a", message(&self, "done", 1, "a", "b", ""));
    REFUSED(b, refused_type, "baton.v1.to.b.a", message(&self, "pong", 1, "a", "b", ""));
    REFUSED(a, refused_type, "baton.v1.done.a.b", message(&self, "ping", 1, "a", "b", ""));
    REFUSED(a, refused_late, "baton.v1.done.a.b", message(&self, "pong", 1, "a", "b", ""));
    REFUSED(b, refused_type, "baton.v1.offer.pool.a",
            message(&self, "cancel", 1, "a", "b", ",\"reason\":\"ERR_CANCELLED\""));
    REFUSED(b, refused_malformed, "baton.v1.offer.pool.a",
            message(&self, "offer", 1, "a", "b", ""));
    end(&self);
}

Test(session_dispatch, what_is_not_of_its_sender_is_refused)
{
    scene self = {0};
    begin(&self);
    REFUSED(self.pair.a, refused_sender, "baton.v1.done.a.c",
            message(&self, "done", 1, "a", "b", ""));
    REFUSED(self.pair.a, refused_sender, "baton.v1.done.a.b",
            message(&self, "done", 1, "c", "b", ""));
    REFUSED(self.pair.b, refused_sender, "baton.v1.to.b.c",
            message(&self, "commit", 1, "a", "b", ""));
    REFUSED(self.pair.b, refused_sender, "baton.v1.to.b.a",
            message(&self, "commit", 1, "a", "c", ""));
    end(&self);
}

Test(session_dispatch, wrong_keys_workers_and_attempts_are_refused)
{
    scene self = {0};
    begin(&self);
    baton_worker *a = self.pair.a;
    baton_worker *b = self.pair.b;
    static const char failure[] = ",\"reason\":\"ERR_TRANSPORT\"";
    REFUSED(a, refused_key, "baton.v1.done.a.b", message(&self, "done", 1, "a", "b", ""));
    REFUSED(a, refused_key, "baton.v1.done.a.b", message(&self, "nack", 1, "a", "b", ""));
    REFUSED(a, refused_key, "baton.v1.done.a.b", message(&self, "progress", 1, "a", "b", ""));
    REFUSED(a, refused_key, "baton.v1.done.a.b", message(&self, "fail", 1, "a", "b", failure));
    REFUSED(a, refused_key, "baton.v1.done.a.b", message(&self, "cancel", 1, "a", "b", failure));
    REFUSED(a, refused_key, "baton.v1.done.a.b", message(&self, "busy", 1, "a", "b", ""));
    REFUSED(a, refused_key, "baton.v1.done.a.b", message(&self, "reject", 1, "a", "b", failure));
    REFUSED(a, refused_key, "baton.v1.done.a.c", message(&self, "done", 1, "a", "c", ""));
    REFUSED(a, refused_attempt, "baton.v1.done.a.b", message(&self, "done", 2, "a", "b", ""));
    REFUSED(b, refused_key, "baton.v1.to.b.a", message(&self, "commit", 1, "a", "b", ""));
    REFUSED(b, refused_key, "baton.v1.to.b.a", message(&self, "nacked", 1, "a", "b", ""));
    REFUSED(b, refused_key, "baton.v1.to.b.a", message(&self, "cancel", 1, "a", "b", failure));
    REFUSED(b, refused_key, "baton.v1.to.b.c", message(&self, "cancel", 1, "c", "b", failure));
    REFUSED(b, refused_unknown, "baton.v1.to.b.a", message(&self, "commit", 7, "a", "b", ""));
    (void)snprintf(self.id, sizeof(self.id), "%s", "00000000-0000-4000-8000-000000000000");
    REFUSED(a, refused_unknown, "baton.v1.done.a.b", message(&self, "done", 1, "a", "b", ""));
    end(&self);
}

Test(session_dispatch, what_is_too_large_is_refused)
{
    scene self = {0};
    begin(&self);
    size_t size = 200000;
    char *large = malloc(size + 256);
    cr_assert_not_null(large);
    int used = snprintf(large, 256, "%s", message(&self, "done", 1, "a", "b", ",\"result\":\""));
    memset(large + used - 1, 'x', size);
    (void)snprintf(large + (size_t)used - 1 + size, 16, "\"}");
    REFUSED(self.pair.a, refused_oversize, "baton.v1.done.a.b", large);
    free(large);
    end(&self);
}

Test(session_dispatch, a_stale_offer_is_refused)
{
    scene self = {0};
    begin(&self);
    test_raw_message heard;
    test_raw_subscribe(&self.raw, "baton.v1.offer.elsewhere.*", NULL);
    baton_offer *other = NULL;
    cr_assert_eq(test_offer(self.pair.a, "elsewhere", self.memory, NULL, &other), BATON_OK);
    cr_assert(test_raw_find(&self.raw, "\"offer\"", 5000, &heard));
    char *ttl = strstr(heard.data, "\"ttl_ms\":");
    cr_assert_not_null(ttl);
    size_t digits = strspn(ttl + 9, "0123456789");
    memmove(ttl + 10, ttl + 9 + digits, strlen(ttl + 9 + digits) + 1);
    ttl[9] = '0';
    uint64_t late = test_stats(self.pair.b).refused_late;
    uint64_t malformed = test_stats(self.pair.b).refused_malformed;
    test_raw_publish(&self.raw, "baton.v1.offer.pool.a", heard.data);
    TEST_WAIT_FOR(test_stats(self.pair.b).refused_late +
                      test_stats(self.pair.b).refused_malformed ==
                  late + malformed + 1);
    baton_offer_destroy(other);
    test_raw_free(&heard);
    end(&self);
}
