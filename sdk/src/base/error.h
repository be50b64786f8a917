/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_ERROR_H
#define BATON_BASE_ERROR_H

#include <baton/status.h>

/* Sets the calling thread's baton_error_text to the formatted text (cut at 511 bytes) and returns
 * status. status: a failure. The first detector calls it, propagators only return what they got. */
baton_status baton__fail(baton_status status, const char *format, ...) BATON_PRINTF(2, 3);

/* As baton__fail, with a text as it is: for what polls ask for and do not get. */
baton_status baton__fail_as_is(baton_status status, const char *text);

/* As baton__fail, with ": <strerror(error_number)>" appended; returns ERR_SYSTEM (ERR_OUT_OF_MEMORY
 * for ENOMEM). */
baton_status baton__fail_errno(int error_number, const char *format, ...) BATON_PRINTF(2, 3);

/* ERR_OUT_OF_MEMORY with a text that names what was to be allocated. */
baton_status baton__fail_memory(const char *what);

#endif
