/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_NAME_H
#define BATON_BASE_NAME_H

#include <stdbool.h>
#include <stddef.h>

/* 1 .. 63 of A-Z a-z 0-9 _ - : one NATS token, safe in a log line and a file name. NULL is not
 * valid. */
bool baton__name_is_valid(const char *name);

/* "<host>-<pid>-<4 random hex digits>", made valid and cut to fit. text has 64 bytes. */
void baton__name_default(char text[64]);

#endif
