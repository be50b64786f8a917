/* SPDX-License-Identifier: Apache-2.0 */
/* What a link does while its server is away, silent, or another one. */
#include "sidechannel/link_bench.h"
#include "support/nats_server.h"

#include <arpa/inet.h>
#include <baton/log.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD(word) "authorization { user: \"u\", password: \"" word "\" }\n"

static void need_server(void)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server to test against");
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bench *start_bench(const char *url, uint32_t ping_ms)
{
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.url = url;
    options.user = "u";
    options.password = "right";
    options.connect_timeout_ms = 500;
    options.reconnect_wait_ms = 20;
    options.ping_interval_ms = ping_ms;
    return bench_start(&options);
}

Test(nats_link_failure, connects_once_the_server_comes)
{
    need_server();
    baton_test_nats *server = test_nats_prepare();
    bench *self = start_bench(test_nats_url(server), 5000);
    (void)bench_subscribe(self, "early", NULL);
    cr_assert_eq(baton__nats_link_wait_connected(bench_link(self), 100),
                 BATON_ERR_NATS_DISCONNECTED);
    cr_assert_not_null(strstr(baton_error_text(), "127.0.0.1"), "%s", baton_error_text());
    cr_assert(bench_wait_disconnected(self, 1));
    cr_assert_eq(bench_get(self).reason, BATON_ERR_NATS_DISCONNECTED);
    cr_assert_not(baton__nats_link_is_connected(bench_link(self)));
    cr_assert_eq(bench_say(self, "early", "x"), BATON_ERR_NATS_DISCONNECTED);
    cr_assert_eq(bench_max_payload(self), 0);
    test_nats_restart(server);
    cr_assert_eq(baton__nats_link_wait_connected(bench_link(self), BENCH_WAIT_MS), BATON_OK);
    cr_assert(bench_wait_connected(self, 1));
    cr_assert_eq(bench_get(self).disconnected, 1, "told again without news");
    cr_assert_eq(bench_say(self, "early", "x"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link_failure, comes_back_after_a_restart)
{
    need_server();
    baton_test_nats *server = test_nats_start(NULL);
    bench *self = start_bench(test_nats_url(server), 5000);
    (void)bench_subscribe(self, "before", NULL);
    cr_assert(bench_wait_connected(self, 1));
    for (unsigned round = 1; round <= 3; round++) {
        test_nats_kill(server);
        cr_assert(bench_wait_disconnected(self, round));
        cr_assert_eq(bench_get(self).reason, BATON_ERR_NATS_DISCONNECTED);
        cr_assert_not(baton__nats_link_is_connected(bench_link(self)));
        cr_assert_eq(bench_say(self, "before", "late"), BATON_ERR_NATS_DISCONNECTED);
        if (round == 1) {
            (void)bench_subscribe(self, "meanwhile", NULL);
        }
        test_nats_restart(server);
        cr_assert(bench_wait_connected(self, round + 1));
        cr_assert(baton__nats_link_is_connected(bench_link(self)));
        cr_assert_eq(bench_say(self, "before", "again"), BATON_OK);
        cr_assert(bench_wait_messages(self, round * 2 - 1));
        cr_assert_str_eq(bench_get(self).data, "again");
        cr_assert_eq(bench_say(self, "meanwhile", "new"), BATON_OK);
        cr_assert(bench_wait_messages(self, round * 2));
        cr_assert_eq(bench_publish(self, "nobody", "t", NULL, "", 0), BATON_OK);
        cr_assert(bench_wait_unheard(self, round));
        cr_assert_eq(bench_get(self).disconnected, round);
    }
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link_failure, outlives_refusals)
{
    need_server();
    baton_test_nats *server = test_nats_start(PASSWORD("right"));
    bench *self = start_bench(test_nats_url(server), 5000);
    (void)bench_subscribe(self, "a", NULL);
    cr_assert(bench_wait_connected(self, 1));
    test_nats_kill(server);
    cr_assert(bench_wait_disconnected(self, 1));
    test_nats_restart_with(server, PASSWORD("wrong"));
    cr_assert(bench_wait_reason(self, BATON_ERR_NATS_AUTHENTICATION));
    /* Long enough for several refusals: nats.c itself would have given up after two. */
    (void)usleep(300000);
    test_nats_kill(server);
    test_nats_restart_with(server, PASSWORD("right"));
    cr_assert(bench_wait_connected(self, 2));
    cr_assert_eq(bench_say(self, "a", "back"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link_failure, says_that_the_server_revoked_it)
{
    need_server();
    baton_test_nats *server = test_nats_start(PASSWORD("right"));
    bench *self = start_bench(test_nats_url(server), 5000);
    cr_assert(bench_wait_connected(self, 1));
    test_nats_reload(server, PASSWORD("wrong"));
    cr_assert(bench_wait_reason(self, BATON_ERR_NATS_AUTHENTICATION));
    test_nats_reload(server, PASSWORD("right"));
    cr_assert(bench_wait_connected(self, 2));
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link_failure, gives_up_a_silent_server)
{
    need_server();
    baton_test_nats *server = test_nats_start(NULL);
    bench *self = start_bench(test_nats_url(server), 100);
    cr_assert(bench_wait_connected(self, 1));
    (void)usleep(500000);
    cr_assert_eq(bench_get(self).disconnected, 0, "given up though it answers");
    test_nats_pause(server);
    int64_t start = now_ms();
    cr_assert(bench_wait_disconnected(self, 1));
    cr_assert_lt(now_ms() - start, 3000);
    test_nats_resume(server);
    cr_assert(bench_wait_connected(self, 2));
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link_failure, closes_in_time_though_the_server_is_stuck)
{
    need_server();
    baton_test_nats *server = test_nats_start(NULL);
    bench *self = start_bench(test_nats_url(server), 5000);
    static char data[1024 * 1024];
    cr_assert(bench_wait_connected(self, 1));
    test_nats_pause(server);
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(bench_publish(self, "a", NULL, NULL, data, sizeof(data)), BATON_OK);
    }
    int64_t start = now_ms();
    bench_stop(self, 200);
    cr_assert_lt(now_ms() - start, 2000);
    test_nats_resume(server);
    test_nats_stop(server);
}

Test(nats_link_failure, bounds_what_waits_for_a_stuck_server)
{
    need_server();
    baton_test_nats *server = test_nats_start(NULL);
    bench *self = start_bench(test_nats_url(server), 5000);
    static char data[1024 * 1024];
    cr_assert(bench_wait_connected(self, 1));
    test_nats_pause(server);
    baton_status status = BATON_OK;
    for (int i = 0; i < 150 && status == BATON_OK; i++) {
        status = bench_publish(self, "a", NULL, NULL, data, sizeof(data));
    }
    cr_assert_eq(status, BATON_ERR_NATS);
    test_nats_resume(server);
    for (int i = 0; i < 5000 && status != BATON_OK; i++) {
        (void)usleep(2000);
        status = bench_publish(self, "a", NULL, NULL, data, sizeof(data));
    }
    cr_assert_eq(status, BATON_OK);
    bench_stop(self, 100);
    test_nats_stop(server);
}

Test(nats_link_failure, goes_to_another_server_of_the_list)
{
    need_server();
    baton_test_nats *first = test_nats_start(NULL);
    baton_test_nats *second = test_nats_prepare();
    char urls[200];
    (void)snprintf(urls, sizeof(urls), " %s , 127.0.0.1:%d", test_nats_url(first),
                   test_nats_port(second));
    bench *self = start_bench(urls, 5000);
    (void)bench_subscribe(self, "a", NULL);
    cr_assert(bench_wait_connected(self, 1));
    test_nats_restart(second);
    test_nats_kill(first);
    cr_assert(bench_wait_connected(self, 2));
    cr_assert_eq(bench_say(self, "a", "x"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    bench_stop(self, 100);
    test_nats_stop(first);
    test_nats_stop(second);
}

/* The servers of a cluster tell of each other. */
Test(nats_link_failure, goes_to_a_server_that_it_was_told_of)
{
    need_server();
    baton_test_nats *first = test_nats_prepare();
    baton_test_nats *second = test_nats_prepare();
    baton_test_nats *routes = test_nats_prepare(); /* for its port alone */
    char config[512];
    static const char form[] =
        "cluster { name: c, listen: \"127.0.0.1:%d\", routes: [\"nats://127.0.0.1:%d\"] }\n";
    (void)snprintf(config, sizeof(config), form, test_nats_port(routes), test_nats_port(routes));
    test_nats_restart_with(first, config);
    (void)snprintf(config, sizeof(config), form, test_nats_port(routes) + 1,
                   test_nats_port(routes));
    test_nats_restart_with(second, config);
    bench *self = start_bench(test_nats_url(first), 5000);
    bench *other = start_bench(test_nats_url(second), 5000);
    cr_assert(bench_wait_connected(self, 1));
    cr_assert(bench_wait_connected(other, 1));
    (void)bench_subscribe(self, "a", NULL);
    /* Once a message crosses, the servers know each other; INFO has gone out before. */
    for (int i = 0; i < 5000 && bench_get(self).messages == 0; i++) {
        cr_assert_eq(bench_say(other, "a", "x"), BATON_OK);
        (void)usleep(2000);
    }
    cr_assert_gt(bench_get(self).messages, 0);
    (void)usleep(100000);
    test_nats_kill(first);
    cr_assert(bench_wait_connected(self, 2));
    bench_stop(self, 100);
    bench_stop(other, 100);
    test_nats_stop(first);
    test_nats_stop(second);
    test_nats_stop(routes);
}

/* A listener that plays a part of a server. */
typedef struct mock {
    int fd;
    int port;
    const char *lines[3]; /* after accept, after CONNECT and PING, and then */
    unsigned accepted;
    pthread_t thread;
} mock;

static void *mock_main(void *argument)
{
    mock *self = argument;
    char buffer[4096];
    for (;;) {
        int client = accept(self->fd, NULL, NULL);
        if (client < 0) {
            return NULL;
        }
        (void)__atomic_add_fetch(&self->accepted, 1, __ATOMIC_ACQ_REL);
        for (int i = 0; i < 3 && self->lines[i] != NULL; i++) {
            (void)send(client, self->lines[i], strlen(self->lines[i]), MSG_NOSIGNAL);
            if (i < 2 && recv(client, buffer, sizeof(buffer), 0) <= 0) {
                break;
            }
        }
        while (recv(client, buffer, sizeof(buffer), 0) > 0) {
        }
        (void)close(client);
    }
}

static void mock_start(mock *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(self->fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(self->fd, 8), 0);
    cr_assert_eq(getsockname(self->fd, (struct sockaddr *)&address, &size), 0);
    self->port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&self->thread, NULL, mock_main, self), 0);
}

static void mock_stop(mock *self)
{
    (void)shutdown(self->fd, SHUT_RDWR);
    (void)pthread_join(self->thread, NULL);
    (void)close(self->fd);
}

#define INFO_LINE \
    "INFO "       \
    "{\"server_id\":\"m\",\"version\":\"2.9.10\",\"headers\":true,\"max_payload\":1048576}\r\n"

Test(nats_link_failure, rebuilds_after_an_error_that_nobody_knows)
{
    mock server = {.lines = {INFO_LINE, "PONG\r\n", "-ERR 'Something New'\r\n"}};
    mock_start(&server);
    char url[64];
    (void)snprintf(url, sizeof(url), "127.0.0.1:%d", server.port);
    bench *self = start_bench(url, 5000);
    cr_assert(bench_wait_connected(self, 3));
    cr_assert(bench_wait_disconnected(self, 3));
    cr_assert_eq(bench_get(self).reason, BATON_ERR_NATS);
    cr_assert_not_null(strstr(bench_get(self).text, "Something New"), "%s", bench_get(self).text);
    bench_stop(self, 100);
    mock_stop(&server);
}

Test(nats_link_failure, ends_in_time_while_it_connects)
{
    mock server = {.lines = {NULL}}; /* accepts and never says a word */
    mock_start(&server);
    char url[64];
    (void)snprintf(url, sizeof(url), "127.0.0.1:%d", server.port);
    bench *self = start_bench(url, 5000);
    for (int i = 0; i < 5000 && __atomic_load_n(&server.accepted, __ATOMIC_ACQUIRE) == 0; i++) {
        (void)usleep(2000);
    }
    int64_t start = now_ms();
    bench_stop(self, 100);
    cr_assert_lt(now_ms() - start, 2000);
    mock_stop(&server);
}

Test(nats_link_failure, prints_nothing)
{
    need_server();
    char path[] = "/tmp/baton-stderr-XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    (void)unlink(path);
    int before = dup(2);
    cr_assert_eq(dup2(file, 2), 2);
    baton_log_set_sink(NULL, NULL, BATON_LOG_ERROR);
    baton_test_nats *server = test_nats_start(PASSWORD("right"));
    bench *self = start_bench(test_nats_url(server), 5000);
    cr_assert(bench_wait_connected(self, 1));
    test_nats_kill(server);
    test_nats_restart_with(server, PASSWORD("wrong"));
    cr_assert(bench_wait_reason(self, BATON_ERR_NATS_AUTHENTICATION));
    test_nats_kill(server);
    test_nats_restart_with(server, "authorization { users: [ { user: \"u\", password: \"right\", "
                                   "permissions: { publish: { deny: \">\" } } } ] }\n");
    cr_assert(bench_wait_connected(self, 2));
    cr_assert_eq(bench_say(self, "denied", "x"), BATON_OK);
    cr_assert(bench_wait_denied(self, 1));
    bench_stop(self, 100);
    test_nats_stop(server);
    (void)dup2(before, 2);
    struct stat status;
    cr_assert_eq(fstat(file, &status), 0);
    cr_assert_eq(status.st_size, 0);
    (void)close(before);
    (void)close(file);
}
