/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/id.h>

#include <criterion/criterion.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char uuid_text[] = "00112233-4455-6677-8899-aabbccddeeff";
static const char key_text[] = "00112233445566778899aabbccddeeff";
static const uint8_t id_bytes[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

Test(id, a_random_uuid_has_version_4_and_the_variant)
{
    for (int i = 0; i < 1000; i++) {
        baton_uuid uuid = baton_uuid_random();
        cr_assert_eq(uuid.bytes[6] >> 4, 4);
        cr_assert_eq(uuid.bytes[8] >> 6, 2);
    }
}

/* Each of the 122 random bits is seen as 0 and as 1: a stuck one passes with chance 2^-999. */
Test(id, every_other_bit_of_a_uuid_is_random)
{
    baton_uuid ones = {{0}};
    baton_uuid zeros = {{0}};
    for (int i = 0; i < 1000; i++) {
        baton_uuid uuid = baton_uuid_random();
        for (int j = 0; j < 16; j++) {
            ones.bytes[j] |= uuid.bytes[j];
            zeros.bytes[j] |= (uint8_t)~uuid.bytes[j];
        }
    }
    for (int j = 0; j < 16; j++) {
        cr_assert_eq(ones.bytes[j], j == 6 ? 0x4f : j == 8 ? 0xbf : 0xff);
        cr_assert_eq(zeros.bytes[j], j == 6 ? 0xbf : j == 8 ? 0x7f : 0xff);
    }
}

Test(id, uuids_do_not_repeat)
{
    enum { COUNT = 300 };
    baton_uuid seen[COUNT];
    for (int i = 0; i < COUNT; i++) {
        seen[i] = baton_uuid_random();
        for (int j = 0; j < i; j++) {
            cr_assert_not(baton_uuid_equal(&seen[i], &seen[j]));
        }
    }
}

Test(id, keys_do_not_repeat)
{
    baton_key a = baton_key_random();
    baton_key b = baton_key_random();
    cr_assert_not(baton_key_equal(&a, &b));
}

enum { AFTER_FORK = 40 };

static void draw(baton_uuid *uuids)
{
    for (int i = 0; i < AFTER_FORK; i++) {
        uuids[i] = baton_uuid_random();
    }
}

static void draw_in_child(baton_uuid *uuids)
{
    int ends[2];
    int status = 0;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        baton_uuid drawn[AFTER_FORK];
        draw(drawn);
        _exit(write(ends[1], drawn, sizeof(drawn)) == (ssize_t)sizeof(drawn) ? 0 : 1);
    }
    cr_assert_gt(child, 0);
    cr_assert_eq(read(ends[0], uuids, AFTER_FORK * sizeof(*uuids)),
                 (ssize_t)(AFTER_FORK * sizeof(*uuids)));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

Test(id, a_child_does_not_draw_the_uuids_of_its_parent)
{
    baton_uuid parents[AFTER_FORK];
    baton_uuid childs[AFTER_FORK];
    (void)baton_uuid_random(); /* the buffer is partly used */
    draw_in_child(childs);
    draw(parents);
    for (int i = 0; i < AFTER_FORK; i++) {
        for (int j = 0; j < AFTER_FORK; j++) {
            cr_assert_not(baton_uuid_equal(&parents[i], &childs[j]));
        }
    }
}

static void *draw_in_thread(void *uuids)
{
    draw(uuids);
    return NULL;
}

Test(id, threads_do_not_draw_each_others_uuids)
{
    baton_uuid theirs[AFTER_FORK];
    baton_uuid ours[AFTER_FORK];
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, draw_in_thread, theirs), 0);
    draw(ours);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    for (int i = 0; i < AFTER_FORK; i++) {
        for (int j = 0; j < AFTER_FORK; j++) {
            cr_assert_not(baton_uuid_equal(&ours[i], &theirs[j]));
        }
    }
}

Test(id, equality_looks_at_every_byte)
{
    for (size_t i = 0; i < 16; i++) {
        baton_uuid a = {{0}};
        baton_uuid b = {{0}};
        baton_key c = {{0}};
        baton_key d = {{0}};
        cr_assert(baton_uuid_equal(&a, &b));
        cr_assert(baton_key_equal(&c, &d));
        b.bytes[i] = 0x80;
        d.bytes[i] = 1;
        cr_assert_not(baton_uuid_equal(&a, &b));
        cr_assert_not(baton_key_equal(&c, &d));
    }
}

Test(id, a_uuid_prints_in_five_groups)
{
    baton_uuid uuid;
    char text[BATON_UUID_TEXT_SIZE];
    memcpy(uuid.bytes, id_bytes, sizeof(id_bytes));
    baton_uuid_print(&uuid, text);
    cr_assert_str_eq(text, uuid_text);
}

Test(id, a_uuid_parses_in_either_case)
{
    baton_uuid uuid = {{0}};
    cr_assert_eq(baton_uuid_parse(uuid_text, &uuid), BATON_OK);
    cr_assert_arr_eq(uuid.bytes, id_bytes, 16);
    memset(&uuid, 0, sizeof(uuid));
    cr_assert_eq(baton_uuid_parse("00112233-4455-6677-8899-AABBCCDDEEFF", &uuid), BATON_OK);
    cr_assert_arr_eq(uuid.bytes, id_bytes, 16);
}

Test(id, a_printed_uuid_parses_to_itself)
{
    for (int i = 0; i < 100; i++) {
        baton_uuid uuid = baton_uuid_random();
        baton_uuid again = {{0}};
        char text[BATON_UUID_TEXT_SIZE];
        baton_uuid_print(&uuid, text);
        cr_assert_eq(baton_uuid_parse(text, &again), BATON_OK);
        cr_assert(baton_uuid_equal(&uuid, &again));
    }
}

static void check_uuid_is_refused(const char *text)
{
    baton_uuid uuid;
    baton_uuid before;
    memset(&uuid, 0xa5, sizeof(uuid));
    before = uuid;
    cr_assert_eq(baton_uuid_parse(text, &uuid), BATON_ERR_MALFORMED, "%s", text);
    cr_assert(baton_uuid_equal(&uuid, &before));
}

/* In a buffer of exactly its size, so that reading on is seen. */
static void check_prefixes(const char *text, void (*check)(const char *prefix))
{
    for (size_t length = 0; length < strlen(text); length++) {
        char *prefix = strndup(text, length);
        check(prefix);
        free(prefix);
    }
}

Test(id, what_is_no_uuid_is_refused_and_the_output_untouched)
{
    check_prefixes(uuid_text, check_uuid_is_refused);
    check_uuid_is_refused("00112233-4455-6677-8899-aabbccddeeff0");
    check_uuid_is_refused("00112233-4455-6677-8899-aabbccddeeff ");
    check_uuid_is_refused(" 0112233-4455-6677-8899-aabbccddeeff");
    check_uuid_is_refused("{0112233-4455-6677-8899-aabbccddeef}");
    check_uuid_is_refused("001122334-455-6677-8899-aabbccddeeff");
    check_uuid_is_refused("00112233445566778899aabbccddeeff");
    check_uuid_is_refused("0x112233-4455-6677-8899-aabbccddeeff");
}

Test(id, every_character_of_a_uuid_counts)
{
    for (size_t i = 0; i < sizeof(uuid_text) - 1; i++) {
        char text[sizeof(uuid_text)];
        memcpy(text, uuid_text, sizeof(text));
        for (int c = 1; c < 256; c++) {
            text[i] = (char)c;
            if (uuid_text[i] == '-' ? c != '-' : !isxdigit(c)) {
                check_uuid_is_refused(text);
            }
        }
    }
}

Test(id, a_key_prints_and_parses)
{
    baton_key key;
    baton_key again = {{0}};
    char text[BATON_KEY_TEXT_SIZE];
    memcpy(key.bytes, id_bytes, sizeof(id_bytes));
    baton_key_print(&key, text);
    cr_assert_str_eq(text, key_text);
    cr_assert_eq(baton_key_parse(text, &again), BATON_OK);
    cr_assert(baton_key_equal(&key, &again));
    cr_assert_eq(baton_key_parse("00112233445566778899AABBCCDDEEFF", &again), BATON_OK);
    cr_assert(baton_key_equal(&key, &again));
}

static void check_key_is_refused(const char *text)
{
    baton_key key;
    baton_key before;
    memset(&key, 0xa5, sizeof(key));
    before = key;
    cr_assert_eq(baton_key_parse(text, &key), BATON_ERR_MALFORMED);
    cr_assert(baton_key_equal(&key, &before));
}

Test(id, what_is_no_key_is_refused_and_the_output_untouched)
{
    check_prefixes(key_text, check_key_is_refused);
    check_key_is_refused("00112233445566778899aabbccddeeff0");
    check_key_is_refused("00112233445566778899aabbccddeefg");
    check_key_is_refused("g0112233445566778899aabbccddeeff");
    check_key_is_refused(uuid_text);
}

Test(id, every_character_of_a_key_counts)
{
    for (size_t i = 0; i < sizeof(key_text) - 1; i++) {
        char text[sizeof(key_text)];
        memcpy(text, key_text, sizeof(text));
        for (int c = 1; c < 256; c++) {
            baton_key key;
            text[i] = (char)c;
            if (!isxdigit(c)) {
                check_key_is_refused(text);
            } else {
                cr_assert_eq(baton_key_parse(text, &key), BATON_OK);
            }
        }
    }
}

/* Against the C library's printing and reading. */
Test(id, every_byte_in_every_place_prints_and_parses)
{
    for (unsigned value = 0; value < 256; value++) {
        for (size_t place = 0; place < 16; place++) {
            baton_key key = {{0}};
            baton_key again;
            baton_uuid uuid = {{0}};
            baton_uuid uuid_again;
            char digits[BATON_KEY_TEXT_SIZE];
            char text[BATON_UUID_TEXT_SIZE];
            char wanted[BATON_UUID_TEXT_SIZE];
            memset(key.bytes, (int)(value * 7 + 5) & 0xFF, sizeof(key.bytes));
            key.bytes[place] = (uint8_t)value;
            memcpy(uuid.bytes, key.bytes, sizeof(uuid.bytes));
            for (size_t i = 0; i < 16; i++) {
                (void)snprintf(digits + 2 * i, 3, "%02x", key.bytes[i]);
            }
            (void)snprintf(wanted, sizeof(wanted), "%.8s-%.4s-%.4s-%.4s-%s", digits, digits + 8,
                           digits + 12, digits + 16, digits + 20);
            baton_uuid_print(&uuid, text);
            cr_assert_str_eq(text, wanted);
            cr_assert_eq(baton_uuid_parse(text, &uuid_again), BATON_OK);
            cr_assert(baton_uuid_equal(&uuid, &uuid_again));
            baton_key_print(&key, text);
            cr_assert_str_eq(text, digits);
            cr_assert_eq(baton_key_parse(text, &again), BATON_OK);
            cr_assert(baton_key_equal(&key, &again));
        }
    }
}

Test(id, null_is_refused)
{
    baton_uuid uuid;
    baton_key key;
    cr_assert_eq(baton_uuid_parse(NULL, &uuid), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_uuid_parse(uuid_text, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_key_parse(NULL, &key), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_key_parse(key_text, NULL), BATON_ERR_INVALID_ARGUMENT);
}
