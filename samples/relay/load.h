/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELAY_LOAD_H
#define RELAY_LOAD_H

#include <baton/descriptor.h>
#include <stdatomic.h>

typedef enum load_result { LOAD_OK, LOAD_EMPTY, LOAD_UNREADABLE, LOAD_STOPPED } load_result;

/*
 * Reads a file into memory of its own. What is handed over is that copy, at most as long as the
 * file was when it was opened: a file that is written to or truncated meanwhile makes no digest
 * wrong, and no SIGBUS as a mapping would. Says on stderr why there is nothing. Ownership: the
 * descriptor is a reference for the caller.
 */
load_result load_file(const char *path, const atomic_bool *stop, baton_descriptor **contents_out);

#endif
