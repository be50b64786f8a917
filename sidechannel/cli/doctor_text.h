/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_DOCTOR_TEXT_H
#define BATON_CLI_DOCTOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small texts: reading and printing them. */

enum { DOCTOR_SIZE_TEXT = 32 };

/* "512 bytes", "64 KiB", "1.5 GiB", "no limit" for UINT64_MAX. Returns text. */
const char *doctor_print_size(uint64_t bytes, char text[DOCTOR_SIZE_TEXT]);

/* A size as UCX takes it: "8256", "64k", "1M", "inf" (UINT64_MAX). False for any other text. */
bool doctor_parse_size(const char *text, uint64_t *bytes_out);
/* A time as UCX takes it: "1s", "200ms", "1m", "5us", "inf" (UINT64_MAX). */
bool doctor_parse_time(const char *text, uint64_t *us_out);
/* A switch as UCX takes it: y, yes, on, 1 or n, no, off, 0. */
bool doctor_parse_switch(const char *text, bool *on_out);

/* Comma-separated URLs without users and passwords, which nobody should read on a screen: "tls://u:p@host:4222" is
 * "tls://host:4222". Any other text stays as it is, up to an @. */
void doctor_print_urls(const char *urls, char *text, size_t size);

/* A file, cut at size - 1 bytes and terminated. False if it cannot be read. */
bool doctor_read_file(const char *path, char *text, size_t size);
/* The number at the beginning of a file; "max" is UINT64_MAX. False if there is none. */
bool doctor_read_number(const char *path, uint64_t *value_out);

#endif
