/* SPDX-License-Identifier: Apache-2.0 */
/* As much of JSON as the two sides say to each other: {"name":"/usr/lib/x.so","size":123} and
 * {"sha256":"..."}. */
#ifndef RELAY_JSON_H
#define RELAY_JSON_H

#include "sha256.h"

#include <stdint.h>

/*
 * {"name":...,"size":...}. A path is bytes and JSON is text: what is not UTF-8 is replaced by
 * U+FFFD. Freed with free(); NULL: out of memory.
 */
char *json_of_file(const char *path, uint64_t size);

/* Value of "sha256" in an object as a worker answers. False if there is none. */
bool json_find_sha256(const char *json, char text_out[SHA256_TEXT_SIZE]);

#endif
