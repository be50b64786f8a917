/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C, eight bytes a step: by the processor's instruction where it has one, else "slicing by 8".
 *
 * A CRC is linear, so an entry of a table is the exclusive or of the entries for its single bits.
 * The compiler makes each table of 256 from eight numbers: entries 1, 2, 4 .. 128. tables[k][n] is
 * what the byte n does to the remainder when k more bytes of zero follow it.
 */
#include "base/crc32c.h"

#include <string.h>

#define BIT(n, bit, value) ((((n) >> (bit)) & 1U) != 0 ? (value) : 0U)
#define ENTRY(n, b0, b1, b2, b3, b4, b5, b6, b7)                                     \
    (BIT(n, 0, b0) ^ BIT(n, 1, b1) ^ BIT(n, 2, b2) ^ BIT(n, 3, b3) ^ BIT(n, 4, b4) ^ \
     BIT(n, 5, b5) ^ BIT(n, 6, b6) ^ BIT(n, 7, b7))
#define ENTRIES_4(n, ...)                                                                \
    ENTRY((n), __VA_ARGS__), ENTRY((n) + 1U, __VA_ARGS__), ENTRY((n) + 2U, __VA_ARGS__), \
        ENTRY((n) + 3U, __VA_ARGS__)
#define ENTRIES_16(n, ...)                                         \
    ENTRIES_4((n), __VA_ARGS__), ENTRIES_4((n) + 4U, __VA_ARGS__), \
        ENTRIES_4((n) + 8U, __VA_ARGS__), ENTRIES_4((n) + 12U, __VA_ARGS__)
#define ENTRIES_64(n, ...)                                            \
    ENTRIES_16((n), __VA_ARGS__), ENTRIES_16((n) + 16U, __VA_ARGS__), \
        ENTRIES_16((n) + 32U, __VA_ARGS__), ENTRIES_16((n) + 48U, __VA_ARGS__)
#define SLICE(...)                                                                            \
    ENTRIES_64(0U, __VA_ARGS__), ENTRIES_64(64U, __VA_ARGS__), ENTRIES_64(128U, __VA_ARGS__), \
        ENTRIES_64(192U, __VA_ARGS__)

static const uint32_t tables[8][256] = {
    {SLICE(0xF26B8303U, 0xE13B70F7U, 0xC79A971FU, 0x8AD958CFU, 0x105EC76FU, 0x20BD8EDEU,
           0x417B1DBCU, 0x82F63B78U)},
    {SLICE(0x13A29877U, 0x274530EEU, 0x4E8A61DCU, 0x9D14C3B8U, 0x3FC5F181U, 0x7F8BE302U,
           0xFF17C604U, 0xFBC3FAF9U)},
    {SLICE(0xA541927EU, 0x4F6F520DU, 0x9EDEA41AU, 0x38513EC5U, 0x70A27D8AU, 0xE144FB14U,
           0xC76580D9U, 0x8B277743U)},
    {SLICE(0xDD45AAB8U, 0xBF672381U, 0x7B2231F3U, 0xF64463E6U, 0xE964B13DU, 0xD725148BU,
           0xABA65FE7U, 0x52A0C93FU)},
    {SLICE(0x38116FACU, 0x7022DF58U, 0xE045BEB0U, 0xC5670B91U, 0x8F2261D3U, 0x1BA8B557U,
           0x37516AAEU, 0x6EA2D55CU)},
    {SLICE(0xEF306B19U, 0xDB8CA0C3U, 0xB2F53777U, 0x6006181FU, 0xC00C303EU, 0x85F4168DU,
           0x0E045BEBU, 0x1C08B7D6U)},
    {SLICE(0x68032CC8U, 0xD0065990U, 0xA5E0C5D1U, 0x4E2DFD53U, 0x9C5BFAA6U, 0x3D5B83BDU,
           0x7AB7077AU, 0xF56E0EF4U)},
    {SLICE(0x493C7D27U, 0x9278FA4EU, 0x211D826DU, 0x423B04DAU, 0x847609B4U, 0x0D006599U,
           0x1A00CB32U, 0x34019664U)},
};

static uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static uint32_t step_8(uint32_t crc, const uint8_t *bytes)
{
    uint32_t low = crc ^ load_u32(bytes);
    uint32_t high = load_u32(bytes + 4);
    return tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
           tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^
           tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
}

uint32_t baton__crc32c_by_tables(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)data;
    crc = ~crc;
    for (; size >= 8; size -= 8) {
        crc = step_8(crc, bytes);
        bytes += 8;
    }
    for (; size > 0; size--) {
        crc = tables[0][(crc ^ *bytes) & 0xff] ^ (crc >> 8);
        bytes++;
    }
    return ~crc;
}

#if defined(__x86_64__)
/* x86 from 2008 on; looked for at run time, since the library is built for all of them. */
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)data;
    crc = ~crc;
    for (; size >= 8; size -= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word));
        crc = (uint32_t)__builtin_ia32_crc32di(crc, word);
        bytes += 8;
    }
    for (; size > 0; size--) {
        crc = __builtin_ia32_crc32qi(crc, *bytes);
        bytes++;
    }
    return ~crc;
}

uint32_t baton__crc32c(uint32_t crc, const void *data, size_t size)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data, size)
                                            : baton__crc32c_by_tables(crc, data, size);
}
#else
uint32_t baton__crc32c(uint32_t crc, const void *data, size_t size)
{
    return baton__crc32c_by_tables(crc, data, size);
}
#endif
