/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_SIZE_H
#define BATON_CLI_PERF_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Sizes and numbers as people write them: "4096", "64KiB", "1MB". KiB, MiB and GiB are powers of
 * 1024; kB, MB and GB of 1000; B is a byte.
 */

/* False, and the output untouched, for anything else: signs, spaces, fractions, other suffixes,
 * beyond 64 bits. */
bool perf_size_parse(const char *text, uint64_t *bytes_out);
/* The same without a suffix, from least to most. */
bool perf_number_parse(const char *text, uint64_t least, uint64_t most, uint64_t *number_out);

enum { PERF_SIZE_TEXT = 32 };
/* In the largest of B, KiB, MiB and GiB that divides it: "64 KiB". */
void perf_size_print(uint64_t bytes, char text[PERF_SIZE_TEXT]);

#endif
