/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials files (JWT and seed) against a server with an operator. */
#include "sidechannel/link_bench.h"
#include "support/nats_jwt.h"
#include "support/nats_server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 512, TEXT_SIZE = 4096, HOUR_S = 3600 };

/* An operator with one account, and users of it. */
typedef struct realm {
    test_nkey operator_key;
    test_nkey account;
    test_nkey user;
    char operator_jwt[TEST_JWT_SIZE];
    char account_jwt[TEST_JWT_SIZE];
    char user_jwt[TEST_JWT_SIZE];
} realm;

static void make_realm(realm *it)
{
    cr_assert(test_nkey_make(TEST_NKEY_OPERATOR, &it->operator_key));
    cr_assert(test_nkey_make(TEST_NKEY_ACCOUNT, &it->account));
    cr_assert(test_nkey_make(TEST_NKEY_USER, &it->user));
    cr_assert(test_jwt_operator(&it->operator_key, it->operator_jwt));
    cr_assert(test_jwt_account(&it->operator_key, &it->account, it->account_jwt));
    cr_assert(test_jwt_user(&it->account, &it->user, HOUR_S, it->user_jwt));
}

static baton_test_nats *start_server(const realm *it)
{
    char config[3 * TEXT_SIZE];
    if (!test_nats_available()) {
        cr_skip_test("there is no nats-server to test against");
    }
    (void)snprintf(config, sizeof(config),
                   "operator: %s\nresolver: MEMORY\nresolver_preload: { %s: %s }\n",
                   it->operator_jwt, it->account.public_key, it->account_jwt);
    return test_nats_start(config);
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

static void write_credentials(char path[PATH_SIZE], const baton_test_nats *server, const char *jwt,
                              const char *seed)
{
    char text[TEXT_SIZE];
    cr_assert_lt(test_credentials_print(jwt, seed, text, sizeof(text)), sizeof(text));
    write_file(path, server, "user.creds", text);
}

static baton_nats_options options_for(const baton_test_nats *server, const char *credentials)
{
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.url = test_nats_url(server);
    options.reconnect_wait_ms = 20;
    options.credentials_file = credentials;
    return options;
}

static void works(const baton_nats_options *options)
{
    bench *self = bench_start(options);
    cr_assert_eq(baton__nats_link_wait_connected(bench_link(self), BENCH_WAIT_MS), BATON_OK, "%s",
                 baton_error_text());
    (void)bench_subscribe(self, "round", NULL);
    cr_assert_eq(bench_say(self, "round", "x"), BATON_OK);
    cr_assert(bench_wait_messages(self, 1));
    bench_stop(self, 100);
}

static void is_refused(const baton_nats_options *options, const char *seed)
{
    bench *self = bench_start(options);
    cr_assert_eq(baton__nats_link_wait_connected(bench_link(self), BENCH_WAIT_MS),
                 BATON_ERR_NATS_AUTHENTICATION, "%s", baton_error_text());
    cr_assert_null(strstr(baton_error_text(), seed), "a seed in a text: %s", baton_error_text());
    cr_assert_eq(bench_get(self).connected, 0);
    bench_stop(self, 100);
}

/* A pair from the documentation of NATS. */
Test(nats_link_credentials, the_keys_of_these_tests_are_as_nats_has_them)
{
    static const uint8_t secret[32] = {0x29, 0x49, 0x7b, 0xa0, 0x0f, 0x41, 0xdd, 0x45,
                                       0x93, 0x6b, 0x4c, 0xc4, 0xbd, 0xa1, 0xde, 0xcb,
                                       0x67, 0xc1, 0x28, 0xe6, 0x9f, 0xb3, 0xd4, 0x90,
                                       0xee, 0x82, 0x0d, 0xaf, 0x7c, 0x31, 0x8c, 0x0a};
    test_nkey key;
    cr_assert(test_nkey_of(TEST_NKEY_USER, secret, &key));
    cr_assert_str_eq(key.seed, "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY");
    cr_assert_str_eq(key.public_key, "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4");
}

Test(nats_link_credentials, a_user_of_an_account_of_the_operator_works)
{
    static realm mine;
    char path[PATH_SIZE];
    make_realm(&mine);
    baton_test_nats *server = start_server(&mine);
    write_credentials(path, server, mine.user_jwt, mine.user.seed);
    baton_nats_options options = options_for(server, path);
    works(&options);
    options.credentials_file = NULL;
    is_refused(&options, mine.user.seed);
    test_nats_stop(server);
}

Test(nats_link_credentials, a_user_of_another_operator_is_refused)
{
    static realm mine;
    static realm theirs;
    char path[PATH_SIZE];
    make_realm(&mine);
    make_realm(&theirs);
    baton_test_nats *server = start_server(&mine);
    write_credentials(path, server, theirs.user_jwt, theirs.user.seed);
    baton_nats_options options = options_for(server, path);
    is_refused(&options, theirs.user.seed);
    test_nats_stop(server);
}

Test(nats_link_credentials, the_seed_must_be_that_of_the_jwt)
{
    static realm mine;
    test_nkey other;
    char path[PATH_SIZE];
    make_realm(&mine);
    cr_assert(test_nkey_make(TEST_NKEY_USER, &other));
    baton_test_nats *server = start_server(&mine);
    write_credentials(path, server, mine.user_jwt, other.seed);
    baton_nats_options options = options_for(server, path);
    is_refused(&options, other.seed);
    test_nats_stop(server);
}

Test(nats_link_credentials, a_jwt_that_has_expired_is_refused)
{
    static realm mine;
    char path[PATH_SIZE];
    make_realm(&mine);
    cr_assert(test_jwt_user(&mine.account, &mine.user, -60, mine.user_jwt));
    baton_test_nats *server = start_server(&mine);
    write_credentials(path, server, mine.user_jwt, mine.user.seed);
    baton_nats_options options = options_for(server, path);
    is_refused(&options, mine.user.seed);
    test_nats_stop(server);
}

/* The file is read at each connect: a new one is taken without a new link. */
Test(nats_link_credentials, a_file_that_is_replaced_counts_from_the_next_connect)
{
    static realm mine;
    static realm theirs;
    char path[PATH_SIZE];
    make_realm(&mine);
    make_realm(&theirs);
    baton_test_nats *server = start_server(&mine);
    write_credentials(path, server, mine.user_jwt, mine.user.seed);
    baton_nats_options options = options_for(server, path);
    bench *self = bench_start(&options);
    cr_assert(bench_wait_connected(self, 1));
    write_credentials(path, server, theirs.user_jwt, theirs.user.seed);
    test_nats_kill(server);
    test_nats_restart(server);
    cr_assert(bench_wait_reason(self, BATON_ERR_NATS_AUTHENTICATION));
    write_credentials(path, server, mine.user_jwt, mine.user.seed);
    cr_assert(bench_wait_connected(self, 2));
    bench_stop(self, 100);
    test_nats_stop(server);
}

static void is_no_file(const baton_nats_options *options)
{
    bench *self = NULL;
    cr_assert_eq(bench_try_start(options, &self), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_null(self);
    cr_assert_not_null(strstr(baton_error_text(), "credentials file"), "%s", baton_error_text());
}

Test(nats_link_credentials, a_file_that_cannot_be_read_is_told_at_once)
{
    static realm mine;
    char path[PATH_SIZE];
    make_realm(&mine);
    baton_test_nats *server = start_server(&mine);
    (void)snprintf(path, sizeof(path), "%s/none.creds", test_nats_directory(server));
    baton_nats_options options = options_for(server, path);
    is_no_file(&options);
    options.credentials_file = "";
    is_no_file(&options);
    test_nats_stop(server);
}

/* nats.c looks into the file at each connect, so this is told by the connection. */
static void is_no_use(const baton_nats_options *options)
{
    bench *self = bench_start(options);
    baton_status status = baton__nats_link_wait_connected(bench_link(self), 1000);
    cr_assert(status == BATON_ERR_NATS_AUTHENTICATION ||
                  (status == BATON_ERR_NATS_DISCONNECTED &&
                   strstr(baton_error_text(), "seed found") != NULL),
              "%s: %s", baton_status_name(status), baton_error_text());
    cr_assert_eq(bench_get(self).connected, 0);
    bench_stop(self, 100);
}

Test(nats_link_credentials, a_file_that_lacks_the_jwt_or_the_seed_does_not_connect)
{
    static realm mine;
    char path[PATH_SIZE];
    char cut[TEXT_SIZE];
    make_realm(&mine);
    baton_test_nats *server = start_server(&mine);
    (void)test_credentials_print(mine.user_jwt, mine.user.seed, cut, sizeof(cut));
    *strstr(cut, "-----BEGIN USER NKEY SEED") = '\0';
    const char *texts[] = {"",  "garbage\n",   "-----BEGIN NATS USER JWT-----\n",
                           cut, mine.user_jwt, mine.user.seed};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_file(path, server, "broken.creds", texts[i]);
        baton_nats_options options = options_for(server, path);
        is_no_use(&options);
    }
    baton_nats_options options = options_for(server, test_nats_directory(server));
    is_no_use(&options);
    test_nats_stop(server);
}
