/* SPDX-License-Identifier: Apache-2.0 */
/* baton_nats_query: servers that are there, and all the ways of not being one. */
#include "nats_link_greet.h"
#include "support/nats_server.h"

#include <arpa/inet.h>
#include <baton/baton.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void need_server(void)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server to test against");
    }
}

static baton_status ask(const char *url, baton_nats_server *server)
{
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.url = url;
    options.connect_timeout_ms = 300;
    return baton_nats_query(&options, server);
}

/* It fails so, says that, and leaves the output alone. */
static void check_failure(const char *url, baton_status wanted, const char *words)
{
    baton_nats_server server = {.struct_size = sizeof(server), .max_payload_bytes = 77, .version = "old"};
    baton_status status = ask(url, &server);
    cr_assert_eq(status, wanted, "%s: %s", baton_status_name(status), baton_error_text());
    cr_assert_not_null(strstr(baton_error_text(), words), "%s", baton_error_text());
    cr_assert_eq(server.max_payload_bytes, 77);
    cr_assert_str_eq(server.version, "old");
}

/* Listens on a free port. Its url is in text. */
static int listen_somewhere(char text[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 4), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(text, 64, "nats://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

Test(nats_query, tells_what_a_server_is)
{
    need_server();
    baton_test_nats *nats = test_nats_start("max_payload: 70000\n");
    baton_nats_server server = BATON_NATS_SERVER_INIT;
    cr_assert_eq(ask(test_nats_url(nats), &server), BATON_OK, "%s", baton_error_text());
    unsigned major;
    cr_assert_eq(sscanf(server.version, "%u.", &major), 1, "%s", server.version);
    cr_assert_eq(server.max_payload_bytes, 70000);
    cr_assert(server.headers);
    cr_assert_not(server.tls);
    cr_assert_not(server.authentication);
    cr_assert_gt(server.round_trip_ns, 1000);
    cr_assert_lt(server.round_trip_ns, 300000000);
    char address[64];
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", test_nats_port(nats));
    cr_assert_str_eq(server.address, address);
    test_nats_stop(nats);
}

Test(nats_query, asks_the_next_one_where_the_first_is_away)
{
    need_server();
    baton_test_nats *nats = test_nats_start(NULL);
    char urls[256];
    (void)snprintf(urls, sizeof(urls), "nats://127.0.0.1:9,%s", test_nats_url(nats));
    baton_nats_server server = BATON_NATS_SERVER_INIT;
    cr_assert_eq(ask(urls, &server), BATON_OK, "%s", baton_error_text());
    cr_assert_eq(server.max_payload_bytes, 1048576);
    test_nats_stop(nats);
}

Test(nats_query, says_that_it_is_not_let_in)
{
    need_server();
    baton_test_nats *nats = test_nats_start("authorization { user: \"u\", password: \"right\" }\n");
    char url[128];
    (void)snprintf(url, sizeof(url), "nats://u:wrong@127.0.0.1:%d", test_nats_port(nats));
    check_failure(url, BATON_ERR_NATS_AUTHENTICATION, "version ");
    cr_assert_null(strstr(baton_error_text(), "wrong"), "a password is in \"%s\"", baton_error_text());
    (void)snprintf(url, sizeof(url), "nats://u:right@127.0.0.1:%d", test_nats_port(nats));
    baton_nats_server server = BATON_NATS_SERVER_INIT;
    cr_assert_eq(ask(url, &server), BATON_OK, "%s", baton_error_text());
    cr_assert(server.authentication);
    test_nats_stop(nats);
}

Test(nats_query, does_not_wait_for_a_server_that_is_stopped)
{
    need_server();
    baton_test_nats *nats = test_nats_start(NULL);
    test_nats_pause(nats);
    double begin = seconds();
    check_failure(test_nats_url(nats), BATON_ERR_NATS_DISCONNECTED, "says nothing within 300 ms");
    cr_assert_lt(seconds() - begin, 2);
    test_nats_resume(nats);
    test_nats_stop(nats);
}

Test(nats_query, says_that_nobody_listens)
{
    check_failure("nats://127.0.0.1:9", BATON_ERR_NATS_DISCONNECTED, "127.0.0.1:9: nobody listens there");
}

Test(nats_query, says_that_a_name_means_nothing)
{
    check_failure("nats://no-such-host.invalid:4222", BATON_ERR_NATS_DISCONNECTED, "cannot be resolved");
}

Test(nats_query, tells_another_service_from_a_server)
{
    char url[64];
    int fd = listen_somewhere(url);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        int peer = accept(fd, NULL, NULL);
        static const char greeting[] = "220 mail.example ESMTP\r\n";
        (void)!write(peer, greeting, sizeof(greeting) - 1);
        (void)sleep(1);
        _exit(0);
    }
    check_failure(url, BATON_ERR_NATS_DISCONNECTED, "does not answer like a NATS server");
    (void)close(fd);
}

Test(nats_query, refuses_what_is_no_url_and_no_place)
{
    baton_nats_server server = {.struct_size = 0};
    check_failure("nats://host:99999", BATON_ERR_INVALID_ARGUMENT, "");
    cr_assert_eq(ask("nats://127.0.0.1:9", &server), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_nats_query(NULL, NULL), BATON_ERR_INVALID_ARGUMENT);
}

static bool parse(const char *line, baton__nats_greeting *out)
{
    return baton__nats_greeting_parse(line, strlen(line), out);
}

Test(nats_query, reads_greetings)
{
    baton__nats_greeting got = {.version = "old"};
    cr_assert_not(parse("", &got));
    cr_assert_not(parse("INFO", &got));
    cr_assert_not(parse("INFO {}", &got));
    cr_assert_not(parse("INFO {\"version\":1}", &got));
    cr_assert_not(parse("INFO {\"version\":\"2.9.0\"", &got));
    cr_assert_not(parse("HTTP/1.1 400 Bad Request", &got));
    cr_assert_str_eq(got.version, "old");
    cr_assert(parse("INFO {\"version\":\"2.9.0\",\"headers\":true,\"auth_required\":true,\"tls_required\":true}", &got));
    cr_assert_str_eq(got.version, "2.9.0");
    cr_assert(got.headers && got.authentication && got.tls);
    cr_assert(parse("INFO {\"version\":\"2.1\",\"headers\":false}", &got));
    cr_assert_not(got.headers || got.authentication || got.tls);
}

Test(nats_query, knows_its_own_version)
{
    unsigned major;
    unsigned minor;
    cr_assert_eq(sscanf(baton_nats_client_version(), "%u.%u", &major, &minor), 2);
    cr_assert_geq(major, 3);
}
