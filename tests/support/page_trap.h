/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TEST_PAGE_TRAP_H
#define BATON_TEST_PAGE_TRAP_H

#include <baton/sdk.h>

/* This process gets the signal when the connector's owner thread first touches the page of that byte, maybe in the middle of a message,
 * and goes on where it was. One trap at a time. Says "trapped" on stdout once it is set; what is begun afterwards finds it. */
void page_trap_set(baton_connector *connector, void *byte, int signal);

#endif
