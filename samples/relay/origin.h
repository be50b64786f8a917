/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RELAY_ORIGIN_H
#define RELAY_ORIGIN_H

#include "options.h"

/* Hands the files over; returns the exit status. */
int relay_origin(const relay_options *options);

#endif
