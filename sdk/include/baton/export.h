/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_EXPORT_H
#define BATON_EXPORT_H

#include <stdint.h>

/** Marks what the shared library exports. */
#define BATON_API __attribute__((visibility("default")))

/** The result must be looked at. */
#define BATON_CHECKED __attribute__((warn_unused_result))

/** Marks a function whose arguments follow printf. */
#define BATON_PRINTF(format_index, first_index)                                                    \
    __attribute__((format(printf, format_index, first_index)))

/** For a wait without end. Every operation has a deadline of its own, so the wait ends with it. */
#define BATON_FOREVER UINT32_MAX

#endif
