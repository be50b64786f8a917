/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_CRC32C_H
#define BATON_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in RFC 3720 B.4. crc: 0 to begin, the
 * last result to go on. It finds accidents, not attackers. */
uint32_t baton__crc32c(uint32_t crc, const void *data, size_t size);
/* The same, without the processor's instruction for it. */
uint32_t baton__crc32c_by_tables(uint32_t crc, const void *data, size_t size);

#endif
