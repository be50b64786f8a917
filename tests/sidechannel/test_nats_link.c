/* SPDX-License-Identifier: Apache-2.0 */
/* What a link does while its server is there. */
#include "sidechannel/link_bench.h"
#include "support/nats_server.h"

#include "base/error.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static baton_test_nats *start_server(const char *config)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server to test against");
    }
    return test_nats_start(config);
}

static bench *start_bench(const baton_test_nats *server)
{
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.url = test_nats_url(server);
    bench *self = bench_start(&options);
    cr_assert_eq(baton__nats_link_wait_connected(bench_link(self), BENCH_WAIT_MS), BATON_OK, "%s",
                 baton_error_text());
    cr_assert(bench_wait_connected(self, 1));
    return self;
}

Test(nats_link, connects_and_says_so)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    cr_assert(baton__nats_link_is_connected(bench_link(self)));
    cr_assert_eq(bench_max_payload(self), 1048576);
    cr_assert_eq(bench_get(self).disconnected, 0);
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link, delivers_what_is_published)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    size_t first = bench_subscribe(self, "a.*", NULL);
    size_t second = bench_subscribe(self, "b.>", NULL);
    cr_assert_neq(first, second);
    cr_assert_eq(bench_say(self, "a.1", "one"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    bench_record record = bench_get(self);
    cr_assert_str_eq(record.subject, "a.1");
    cr_assert_str_eq(record.data, "one");
    cr_assert_str_eq(record.traceparent, "");
    cr_assert_eq(record.subscription, first);
    cr_assert_eq(bench_say(self, "b.1.2", ""), BATON_OK);
    cr_assert(bench_wait_messages(self, 2));
    record = bench_get(self);
    cr_assert_eq(record.size, 0);
    cr_assert_eq(record.subscription, second);
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link, delivers_nothing_after_unsubscribe)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    size_t first = bench_subscribe(self, "a", NULL);
    (void)bench_subscribe(self, "b", NULL);
    bench_unsubscribe(self, first);
    cr_assert_eq(bench_say(self, "a", "unseen"), BATON_OK);
    cr_assert_eq(bench_say(self, "b", "seen"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    cr_assert_str_eq(bench_get(self).data, "seen");
    cr_assert_eq(bench_get(self).messages, 1);
    /* The place is taken again. */
    cr_assert_eq(bench_subscribe(self, "c", NULL), first);
    bench_unsubscribe(self, 1000);
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link, gives_each_message_to_one_of_a_queue)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    bench *other = start_bench(server);
    enum { COUNT = 200 };
    (void)bench_subscribe(self, "work", "pool");
    (void)bench_subscribe(other, "work", "pool");
    /* The other one's subscription is on its way; an answer that has gone round says that it is
     * there. */
    (void)bench_subscribe(other, "there", NULL);
    cr_assert_eq(bench_say(other, "there", ""), BATON_OK);
    cr_assert(bench_wait_messages(other, 1));
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(bench_say(self, "work", "x"), BATON_OK);
    }
    (void)bench_subscribe(self, "end", NULL);
    (void)bench_subscribe(other, "end", NULL);
    cr_assert_eq(bench_say(other, "there", ""), BATON_OK);
    for (int i = 0; i < 7500 && bench_get(self).messages + bench_get(other).messages < COUNT + 2;
         i++) {
        (void)usleep(2000);
    }
    bench_record ours = bench_get(self);
    bench_record theirs = bench_get(other);
    cr_assert_eq(ours.messages + theirs.messages, COUNT + 2);
    cr_assert_gt(ours.messages, 0);
    cr_assert_gt(theirs.messages, 2);
    bench_stop(self, 100);
    bench_stop(other, 100);
    test_nats_stop(server);
}

Test(nats_link, tells_which_publish_nobody_heard)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    cr_assert_eq(bench_publish(self, "nobody", "token-1", NULL, "x", 1), BATON_OK);
    cr_assert(bench_wait_unheard(self, 1));
    cr_assert_str_eq(bench_get(self).token, "token-1");
    (void)bench_subscribe(self, "somebody", NULL);
    cr_assert_eq(bench_publish(self, "somebody", "token-2", NULL, "x", 1), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    cr_assert_eq(bench_publish(self, "nobody", "token-3", TRACE, "x", 1), BATON_OK);
    cr_assert(bench_wait_unheard(self, 2));
    cr_assert_str_eq(bench_get(self).token, "token-3");
    char longest[200];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    cr_assert_eq(bench_publish(self, "nobody", longest, NULL, "x", 1), BATON_ERR_NATS);
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link, carries_the_traceparent)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    (void)bench_subscribe(self, "traced", NULL);
    cr_assert_eq(bench_publish(self, "traced", NULL, TRACE, "data", 4), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    cr_assert_str_eq(bench_get(self).traceparent, TRACE);
    cr_assert_str_eq(bench_get(self).data, "data");
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link, publishes_inside_of_the_callback)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    bench *other = start_bench(server);
    (void)bench_subscribe(self, "ask", NULL);
    bench_echo(self, "answer");
    (void)bench_subscribe(other, "answer", NULL);
    cr_assert_eq(bench_say(other, "answer", "round"), BATON_OK);
    cr_assert(bench_wait_messages(other, 1));
    cr_assert_eq(bench_say(self, "ask", "ping"), BATON_OK);
    cr_assert(bench_wait_messages(other, 2));
    cr_assert_str_eq(bench_get(other).data, "ping");
    bench_stop(self, 100);
    bench_stop(other, 100);
    test_nats_stop(server);
}

Test(nats_link, carries_messages_of_a_megabyte)
{
    baton_test_nats *server = start_server(NULL);
    bench *self = start_bench(server);
    enum { SIZE = 1024 * 1024, COUNT = 40 };
    char *data = malloc(SIZE + 1);
    cr_assert_not_null(data);
    uint32_t sum = 0;
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (char)(i * 31 % 251);
        sum += (uint8_t)data[i];
    }
    (void)bench_subscribe(self, "large", NULL);
    /* More than the socket takes at once: the rest is written when it can be. */
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(bench_publish(self, "large", NULL, NULL, data, SIZE), BATON_OK);
    }
    cr_assert(bench_wait_messages(self, COUNT));
    cr_assert_eq(bench_get(self).bytes, (size_t)SIZE * COUNT);
    cr_assert_eq(bench_get(self).sum, sum);
    cr_assert_eq(bench_publish(self, "large", NULL, NULL, data, SIZE + 1), BATON_ERR_TOO_LARGE);
    cr_assert_eq(bench_say(self, "large", "still there"), BATON_OK);
    cr_assert(bench_wait_messages(self, COUNT + 1));
    free(data);
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link, takes_the_limit_from_the_server)
{
    baton_test_nats *server = start_server("max_payload: 1000\n");
    bench *self = start_bench(server);
    char data[1001] = "";
    cr_assert_eq(bench_max_payload(self), 1000);
    cr_assert_eq(bench_publish(self, "a", NULL, NULL, data, 1000), BATON_OK);
    cr_assert_eq(bench_publish(self, "a", NULL, NULL, data, 1001), BATON_ERR_TOO_LARGE);
    /* The header counts. */
    cr_assert_eq(bench_publish(self, "a", NULL, TRACE, data, 1000), BATON_ERR_TOO_LARGE);
    cr_assert(baton__nats_link_is_connected(bench_link(self)));
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link, sends_what_is_left_when_it_closes)
{
    baton_test_nats *server = start_server(NULL);
    bench *listener = start_bench(server);
    bench *self = start_bench(server);
    enum { SIZE = 500000, COUNT = 40 };
    char *data = calloc(1, SIZE);
    cr_assert_not_null(data);
    (void)bench_subscribe(listener, "last", NULL);
    cr_assert_eq(bench_say(listener, "last", "mine"), BATON_OK);
    cr_assert(bench_wait_messages(listener, 1));
    /* Its own subscription: bytes that nobody reads any more arrive while it closes. */
    (void)bench_subscribe(self, "last", NULL);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(bench_publish(self, "last", NULL, NULL, data, SIZE), BATON_OK);
    }
    bench_stop(self, 5000);
    cr_assert(bench_wait_messages(listener, COUNT + 1));
    free(data);
    bench_stop(listener, 100);
    test_nats_stop(server);
}

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;
    cr_assert_not_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

/* Threads and descriptors of nats.c's go a moment later. */
static bool settles(const char *path, int count)
{
    for (int i = 0; i < 2500 && count_entries(path) > count; i++) {
        (void)usleep(2000);
    }
    return count_entries(path) <= count;
}

Test(nats_link, leaves_nothing_behind, .timeout = 120)
{
    enum { CYCLES = 100 };
    baton_test_nats *server = start_server(NULL);
    bench_stop(start_bench(server), 100);
    (void)usleep(50000);
    int files = count_entries("/proc/self/fd");
    int threads = count_entries("/proc/self/task");
    for (int i = 0; i < CYCLES; i++) {
        bench *self = start_bench(server);
        (void)bench_subscribe(self, "a", NULL);
        bench_stop(self, 100);
    }
    cr_assert(settles("/proc/self/fd", files), "%d, then %d", files,
              count_entries("/proc/self/fd"));
    cr_assert(settles("/proc/self/task", threads), "%d, then %d", threads,
              count_entries("/proc/self/task"));
    test_nats_stop(server);
}

Test(nats_link, closes_before_it_ever_connected)
{
    enum { CYCLES = 50 };
    baton_test_nats *server = start_server(NULL);
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.url = test_nats_url(server);
    /* At every point of the connect, as it happens. */
    for (int i = 0; i < CYCLES; i++) {
        bench *self = bench_start(&options);
        (void)usleep((useconds_t)(i * 50));
        bench_stop(self, 100);
    }
    test_nats_stop(server);
}

Test(nats_link, destroy_of_nothing_is_legal)
{
    baton__nats_link_destroy(NULL);
}

static void refuses(const baton_nats_options *options)
{
    bench *untouched = (bench *)&untouched;
    bench *out = untouched;
    cr_expect_eq(bench_try_start(options, &out), BATON_ERR_INVALID_ARGUMENT);
    cr_expect_eq(out, untouched);
    cr_expect_neq(baton_error_text()[0], '\0');
}

Test(nats_link, refuses_urls_that_are_none)
{
    static const char *const urls[] = {
        "",
        ",",
        "nats://",
        "nats://:4222",
        "nats://host:0",
        "nats://host:65536",
        "nats://host:4222x",
        "nats://host:",
        "http://host",
        "nats://ho st",
        "nats://a:4222,",
        "nats://a:4222,,b",
        "nats://host/path",
        "nats://::1:4222",
        "nats://user:secret@",
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        baton_nats_options options = BATON_NATS_OPTIONS_INIT;
        options.url = urls[i];
        refuses(&options);
        cr_expect_null(strstr(baton_error_text(), "secret"), "%s", baton_error_text());
    }
}

Test(nats_link, refuses_options_that_do_not_go_together)
{
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.tls_certificate_file = "/dev/null";
    refuses(&options);
    options = (baton_nats_options)BATON_NATS_OPTIONS_INIT;
    options.nkey_seed_file = "/dev/null";
    options.credentials_file = "/dev/null";
    refuses(&options);
    options = (baton_nats_options)BATON_NATS_OPTIONS_INIT;
    options.nkey_seed_file = "/dev/null"; /* and no public key */
    refuses(&options);
    options = (baton_nats_options)BATON_NATS_OPTIONS_INIT;
    options.credentials_file = "/nowhere/at/all";
    refuses(&options);
    options = (baton_nats_options)BATON_NATS_OPTIONS_INIT;
    options.tls_ca_file = "/nowhere/at/all";
    refuses(&options);
    options = (baton_nats_options)BATON_NATS_OPTIONS_INIT;
    options.tls_ca_file = "/dev/null"; /* no certificate in it */
    refuses(&options);
    options = (baton_nats_options)BATON_NATS_OPTIONS_INIT;
    options.connect_timeout_ms = 0;
    refuses(&options);
    options = (baton_nats_options)BATON_NATS_OPTIONS_INIT;
    options.struct_size = 7;
    refuses(&options);
}
