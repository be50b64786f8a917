/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_ENVELOPE_H
#define BATON_BASE_ENVELOPE_H

#include "base/wire.h"

#include <baton/status.h>

/*
 * What stands before the fields of an encoding that is kept or carried by others: 4 bytes of magic,
 * u16 version, u32 length of the fields, u32 CRC-32C of the fields. The encoding ends with the
 * fields.
 */
#define BATON__ENVELOPE_SIZE 14

typedef struct baton__envelope {
    char magic[4];
    uint16_t version;
    const char *what; /* for error texts */
} baton__envelope;

/* Writes the header at buffer; the fields, length bytes, are already behind it. */
void baton__envelope_seal(const baton__envelope *envelope, void *buffer, size_t length);

/* Checks the header and leaves the reader with exactly the fields ahead of it.
 * Errors: ERR_MALFORMED (also for trailing bytes), ERR_VERSION, ERR_CHECKSUM. */
baton_status baton__envelope_open(const baton__envelope *envelope, baton__reader *reader);

#endif
