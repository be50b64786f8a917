/* SPDX-License-Identifier: Apache-2.0 */
/* What an offer refuses: arguments that are not valid, and what is too large. */
#include <baton/baton.h>

#include "support/workers.h"
#include <criterion/criterion.h>
#include <string.h>

static unsigned char seed = 3;
static baton_offer *const untouched = (baton_offer *)(void *)&seed;

#define REFUSED(expected, worker, to, descriptors, count, options)                            \
    do {                                                                                      \
        baton_offer *refused = untouched;                                                     \
        cr_assert_eq(baton_offer_readable(worker, to, descriptors, count, options, &refused), \
                     expected);                                                               \
        cr_assert_eq(refused, untouched);                                                     \
        cr_assert_str_neq(baton_error_text(), "");                                            \
    } while (0)

Test(offer_arguments, arguments_that_are_not_valid_are_refused)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    baton_descriptor *none = NULL;
    baton_worker *a = pair.a;
    REFUSED(BATON_ERR_INVALID_ARGUMENT, NULL, "pool", &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, NULL, &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "a.b", &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "", &memory, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", NULL, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &none, 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 0, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, BATON_DESCRIPTORS_MAX + 1, NULL);
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, &(baton_offer_options){0});
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.deadline_ms = 0));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.deadline_ms = 86400001));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.attempts = 0));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.claim_ms = 0));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.target = (baton_target)2));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.user_json = "{"));
    REFUSED(BATON_ERR_INVALID_ARGUMENT, a, "pool", &memory, 1, OPTIONS(.traceparent = "a\r\nb: c"));
    cr_assert_eq(baton_offer_readable(a, "pool", &memory, 1, NULL, NULL),
                 BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_offer_wait(NULL, 0, NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_offer_cancel(NULL), BATON_ERR_INVALID_ARGUMENT);
    cr_assert_eq(baton_offer_close(NULL, 0), BATON_ERR_INVALID_ARGUMENT);
    baton_offer_destroy(NULL);
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}

enum { MANY = 40000 };

Test(offer_arguments, what_is_too_large_is_refused)
{
    test_pair pair;
    test_pair_start(&pair);
    baton_descriptor *memory = test_memory(100, seed);
    static char json[65540];
    memset(json, ' ', sizeof(json) - 1);
    json[0] = '1';
    REFUSED(BATON_ERR_TOO_LARGE, pair.a, "pool", &memory, 1, OPTIONS(.user_json = json));
    /* Beyond max_payload: that many tensors, each of another shape. Descriptors alone never are. */
    static baton_descriptor *many[MANY];
    for (size_t i = 0; i < MANY; i++) {
        baton_tensor tensor = {.type_code = 1, .type_bits = 8, .type_lanes = 1, .dimensions = 1, .shape = {(int64_t)i + 1}};
        cr_assert_eq(baton_descriptor_from_tensor(json, i + 1, BATON_DEVICE_HOST, &tensor, NULL, NULL, &many[i]), BATON_OK);
    }
    baton_offer *made = NULL;
    cr_assert_eq(baton_offer_readable(pair.a, "pool", many, MANY, NULL, &made), BATON_OK);
    (void)test_outcome(made, BATON_ERR_TOO_LARGE); /* seen when it is printed */
    baton_offer_destroy(made);
    for (size_t i = 0; i < MANY; i++) {
        baton_descriptor_release(many[i]);
    }
    baton_descriptor_release(memory);
    test_pair_stop(&pair);
}
