/* SPDX-License-Identifier: Apache-2.0 */
/* Two connectors over the fake transport, each with a fake device. */
#ifndef BATON_TEST_RMA_PAIR_H
#define BATON_TEST_RMA_PAIR_H

#include "core/rma_state.h"
#include "support/fake_pair.h"
#include "support/fake_rma.h"

enum { SIZE = 3 * BATON__CHUNK_BYTES + 5 };

static handed h;

static inline void open_pair(bool origin, bool consumer)
{
    const bool wanted[2] = {origin, consumer};
    static const char *const names[2] = {"origin", "consumer"};
    fake_reset();
    for (int i = 0; i < 2; i++) {
        baton_connector_options options = {BATON_CONNECTOR_DEFAULTS};
        options.name = names[i];
        options.progress = BATON_PROGRESS_APPLICATION;
        options.spin_us = 0;
        options.rma = wanted[i];
        cr_assert_eq(baton__connector_create_with(&options, &fake_transport_table, &fake_clock, &connectors[i]), BATON_OK);
    }
}

static inline void open_both(void)
{
    fake_rma_reset();
    open_pair(true, true);
}

static inline void close_both(void)
{
    fake_rma_hold(false);
    if (connectors[0] != NULL) {
        pair_close();
    }
    cr_assert_eq(fake_rma_regions(), 0, "%u registrations are left", fake_rma_regions());
    cr_assert_eq(fake_rma_links(), 0);
    fake_rma_reset();
}

static inline baton_operation_report report(const baton_operation *op)
{
    baton_operation_report found = {.struct_size = sizeof(found)};
    cr_assert_eq(baton_operation_get_report(op, &found), BATON_OK);
    return found;
}

static inline void went(const char *path)
{
    cr_assert_str_eq(report(h.active).path, path, "%s", report(h.active).why_not_rma);
    cr_assert_str_eq(report(h.passive).path, path);
}

static inline void end_well(const char *path)
{
    pair_expect(&h, BATON_OK, BATON_OK);
    cr_assert(pair_is_right(&h));
    went(path);
    pair_end(&h);
    cr_assert_eq(fake_rma_regions(), 0);
    cr_assert_eq(pair_stats(ORIGIN).quarantined, 0);
}

static inline void why_not(const char *words)
{
    char text[400];
    (void)baton_operation_explain(h.active, text, sizeof(text));
    cr_assert_not_null(strstr(text, words), "%s", text);
}

#endif
