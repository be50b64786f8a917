/* SPDX-License-Identifier: Apache-2.0 */
/* Who may connect, how, and what they may do. */
#include "sidechannel/link_bench.h"
#include "support/certificates.h"
#include "support/nats_server.h"

#include <criterion/criterion.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pair from the documentation of NATS. */
#define SEED       "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
#define PUBLIC_KEY "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
#define OTHER_PUBLIC_KEY "UAZZYBIN4MVNA5ZPCJNRMUXJIFUZW34F3HTPC7HG4AEL7HAIYW5IUPNB"

enum { PATH_SIZE = 512 };

static void need_server(void)
{
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server to test against");
    }
}

static baton_nats_options options_for(const baton_test_nats *server)
{
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.url = test_nats_url(server);
    options.connect_timeout_ms = 1000;
    options.reconnect_wait_ms = 20;
    return options;
}

/* A message that goes round says that it works. */
static void works(const baton_nats_options *options)
{
    bench *self = bench_start(options);
    cr_assert_eq(baton__nats_link_wait_connected(bench_link(self), BENCH_WAIT_MS), BATON_OK, "%s",
                 baton_error_text());
    cr_assert(bench_wait_connected(self, 1));
    (void)bench_subscribe(self, "round", NULL);
    cr_assert_eq(bench_say(self, "round", "x"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    cr_assert_eq(bench_publish(self, "nobody", "t", NULL, "", 0), BATON_OK);
    cr_assert(bench_wait_unheard(self, 1));
    bench_stop(self, 100);
}

static void is_refused(const baton_nats_options *options, uint32_t wait_ms, baton_status status)
{
    bench *self = bench_start(options);
    cr_assert_eq(baton__nats_link_wait_connected(bench_link(self), wait_ms), status, "%s",
                 baton_error_text());
    cr_assert_eq(bench_get(self).connected, 0);
    cr_assert_null(strstr(baton_error_text(), "secret"), "%s", baton_error_text());
    bench_stop(self, 100);
}

static void write_file(char path[PATH_SIZE], const baton_test_nats *server, const char *name,
                       const char *text)
{
    (void)snprintf(path, PATH_SIZE, "%s/%s", test_nats_directory(server), name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    cr_assert_geq(fputs(text, file), 0);
    cr_assert_eq(fclose(file), 0);
}

Test(nats_link_security, user_and_password)
{
    need_server();
    baton_test_nats *server =
        test_nats_start("authorization { user: \"me\", password: \"secret\" }\n");
    baton_nats_options options = options_for(server);
    is_refused(&options, BENCH_WAIT_MS, BATON_ERR_NATS_AUTHENTICATION);
    options.user = "me";
    options.password = "a secret that is wrong";
    is_refused(&options, BENCH_WAIT_MS, BATON_ERR_NATS_AUTHENTICATION);
    options.password = "secret";
    works(&options);
    test_nats_stop(server);
}

Test(nats_link_security, user_and_password_in_the_url)
{
    need_server();
    baton_test_nats *server =
        test_nats_start("authorization { user: \"me\", password: \"secret\" }\n");
    baton_nats_options options = options_for(server);
    char url[128];
    options.url = url;
    (void)snprintf(url, sizeof(url), "nats://me:secret2@127.0.0.1:%d", test_nats_port(server));
    is_refused(&options, BENCH_WAIT_MS, BATON_ERR_NATS_AUTHENTICATION);
    (void)snprintf(url, sizeof(url), "nats://me:secret@127.0.0.1:%d/", test_nats_port(server));
    works(&options);
    test_nats_stop(server);
}

Test(nats_link_security, the_url_of_the_environment)
{
    need_server();
    baton_test_nats *server = test_nats_start(NULL);
    baton_nats_options options = options_for(server);
    options.url = NULL;
    cr_assert_eq(setenv("NATS_URL", test_nats_url(server), 1), 0);
    works(&options);
    cr_assert_eq(setenv("BATON_NATS_URL", "nats://", 1), 0);
    bench *self = NULL;
    cr_assert_eq(bench_try_start(&options, &self), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(setenv("NATS_URL", "nats://", 1), 0);
    cr_assert_eq(setenv("BATON_NATS_URL", test_nats_url(server), 1), 0);
    works(&options);
    test_nats_stop(server);
}

Test(nats_link_security, token)
{
    need_server();
    baton_test_nats *server = test_nats_start("authorization { token: \"secret\" }\n");
    baton_nats_options options = options_for(server);
    options.token = "a secret that is wrong";
    is_refused(&options, BENCH_WAIT_MS, BATON_ERR_NATS_AUTHENTICATION);
    options.token = "secret";
    works(&options);
    test_nats_stop(server);
}

Test(nats_link_security, nkey)
{
    need_server();
    baton_test_nats *server =
        test_nats_start("authorization { users: [ { nkey: " PUBLIC_KEY " } ] }\n");
    baton_nats_options options = options_for(server);
    char path[PATH_SIZE];
    is_refused(&options, BENCH_WAIT_MS, BATON_ERR_NATS_AUTHENTICATION);
    write_file(path, server, "me.nk", SEED "\n");
    options.nkey_seed_file = path;
    options.nkey_public_key = PUBLIC_KEY;
    works(&options);
    options.nkey_public_key = OTHER_PUBLIC_KEY;
    is_refused(&options, BENCH_WAIT_MS, BATON_ERR_NATS_AUTHENTICATION);
    test_nats_stop(server);
}

static const char *path_in(const baton_test_nats *server, const char *name)
{
    static char paths[8][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, PATH_SIZE, "%s/%s", test_nats_directory(server), name);
    return path;
}

/* A server with TLS; verify: it asks for a certificate of the client's. */
static baton_test_nats *start_tls(bool verify)
{
    need_server();
    baton_test_nats *server = test_nats_prepare();
    if (!test_certificates_make(test_nats_directory(server))) {
        test_nats_stop(server);
        cr_skip_test("there is no openssl command to make certificates");
    }
    char config[4 * PATH_SIZE];
    (void)snprintf(config, sizeof(config),
                   "tls { cert_file: \"%s\", key_file: \"%s\", ca_file: \"%s\", verify: %s }\n",
                   path_in(server, "server.pem"), path_in(server, "server-key.pem"),
                   path_in(server, "ca.pem"), verify ? "true" : "false");
    test_nats_restart_with(server, config);
    return server;
}

Test(nats_link_security, tls)
{
    baton_test_nats *server = start_tls(false);
    baton_nats_options options = options_for(server);
    options.tls_ca_file = path_in(server, "ca.pem");
    works(&options);
    options.tls_hostname = "localhost";
    works(&options);
    options.tls_hostname = "somebody.else";
    is_refused(&options, 500, BATON_ERR_NATS_DISCONNECTED);
    options.tls_hostname = NULL;
    options.tls_ca_file = path_in(server, "other.pem");
    is_refused(&options, 500, BATON_ERR_NATS_DISCONNECTED);
    options.tls_ca_file = NULL;
    options.tls = true; /* the machine's own authorities do not know it */
    is_refused(&options, 500, BATON_ERR_NATS_DISCONNECTED);
    options.tls = false; /* the server insists */
    is_refused(&options, 500, BATON_ERR_NATS_DISCONNECTED);
    test_nats_stop(server);
}

Test(nats_link_security, tls_is_not_given_up_for_a_server_without_it)
{
    need_server();
    baton_test_nats *server = test_nats_start(NULL);
    baton_nats_options options = options_for(server);
    char url[64];
    (void)snprintf(url, sizeof(url), "tls://127.0.0.1:%d", test_nats_port(server));
    options.url = url;
    is_refused(&options, 500, BATON_ERR_NATS_DISCONNECTED);
    test_nats_stop(server);
}

Test(nats_link_security, tls_carries_messages_of_a_megabyte)
{
    baton_test_nats *server = start_tls(false);
    baton_nats_options options = options_for(server);
    options.tls_ca_file = path_in(server, "ca.pem");
    enum { SIZE = 1024 * 1024, COUNT = 20 };
    char *data = calloc(1, SIZE);
    cr_assert_not_null(data);
    bench *self = bench_start(&options);
    (void)bench_subscribe(self, "large", NULL);
    cr_assert(bench_wait_connected(self, 1));
    for (unsigned i = 1; i <= COUNT; i++) {
        cr_assert_eq(bench_publish(self, "large", NULL, NULL, data, SIZE), BATON_OK);
        cr_assert_eq(bench_say(self, "large", "small"), BATON_OK);
        cr_assert(bench_wait_messages(self, 2 * i));
    }
    cr_assert_eq(bench_get(self).bytes, (size_t)COUNT * (SIZE + 5));
    free(data);
    /* And it comes back with its own reader and writer. */
    test_nats_kill(server);
    cr_assert(bench_wait_disconnected(self, 1));
    test_nats_restart(server);
    cr_assert(bench_wait_connected(self, 2));
    cr_assert_eq(bench_say(self, "large", "again"), BATON_OK);
    cr_assert(bench_wait_messages(self, 2 * COUNT + 1));
    bench_stop(self, 1000);
    test_nats_stop(server);
}

Test(nats_link_security, mutual_tls)
{
    baton_test_nats *server = start_tls(true);
    baton_nats_options options = options_for(server);
    options.tls_ca_file = path_in(server, "ca.pem");
    is_refused(&options, 500, BATON_ERR_NATS_DISCONNECTED);
    options.tls_certificate_file = path_in(server, "client.pem");
    options.tls_key_file = path_in(server, "client-key.pem");
    works(&options);
    options.tls_certificate_file = path_in(server, "other.pem");
    options.tls_key_file = path_in(server, "other-key.pem");
    is_refused(&options, 500, BATON_ERR_NATS_DISCONNECTED);
    options.tls_key_file = path_in(server, "client-key.pem"); /* of another certificate */
    bench *self = NULL;
    cr_assert_eq(bench_try_start(&options, &self), BATON_ERR_INVALID_ARGUMENT);
    test_nats_stop(server);
}

Test(nats_link_security, tells_what_the_server_denies)
{
    need_server();
    baton_test_nats *server = test_nats_start(
        "authorization { users: [ { user: \"me\", password: \"x\", permissions: {\n"
        "  publish: { allow: [\"mine.>\"] }\n"
        "  subscribe: { allow: [\"mine.>\", \"shared.> pool\", \"_INBOX_bench_1.>\"] } } } ] }\n");
    baton_nats_options options = options_for(server);
    options.user = "me";
    options.password = "x";
    bench *self = bench_start(&options);
    (void)bench_subscribe(self, "mine.>", NULL);
    cr_assert(bench_wait_connected(self, 1));
    cr_assert_eq(bench_say(self, "theirs.1", "x"), BATON_OK);
    cr_assert(bench_wait_denied(self, 1));
    cr_assert(bench_get(self).denied_publish);
    cr_assert_str_eq(bench_get(self).denied_subject, "theirs.1");
    (void)bench_subscribe(self, "theirs.*", NULL);
    cr_assert(bench_wait_denied(self, 2));
    cr_assert_not(bench_get(self).denied_publish);
    cr_assert_str_eq(bench_get(self).denied_subject, "theirs.*");
    /* A queue only. */
    (void)bench_subscribe(self, "shared.a", NULL);
    cr_assert(bench_wait_denied(self, 3));
    cr_assert_str_eq(bench_get(self).denied_subject, "shared.a");
    (void)bench_subscribe(self, "shared.b", "pool");
    /* It goes on, its own inbox included. */
    cr_assert_eq(bench_say(self, "mine.1", "x"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    cr_assert_eq(bench_publish(self, "mine", "t", NULL, "", 0), BATON_OK);
    cr_assert(bench_wait_denied(self, 4));
    cr_assert_eq(bench_get(self).disconnected, 0);
    bench_stop(self, 100);
    test_nats_stop(server);
}
