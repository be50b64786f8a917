/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_BASE_DESCRIPTOR_LIST_H
#define BATON_BASE_DESCRIPTOR_LIST_H

#include "base/wire.h"
#include <baton/metadata.h>

/*
 * Devices and sizes of a long list of descriptors, folded; addresses are left out, since nobody reads memory by one. In a binary
 * metadata, and in base64 in its JSON. Groups follow each other to the end, each:
 *
 *   varint  2 n + 1: one size for n descriptors; 2 n: n sizes. n is not 0
 *        1  device kind
 *   varint  device id
 *   varint  the size, or each of the n sizes
 *
 * A varint is LEB128: seven bits a byte, the lowest first, the highest bit set in all but the last, in the shortest form. A list
 * has one encoding: four or more descriptors in a row that are alike are folded, as many as there are; a group of sizes
 * goes on until such a row, another device or the end.
 */

/* Bytes that a list takes. */
size_t baton__descriptor_list_size(const baton_metadata_descriptor *list, size_t count);
void baton__descriptor_list_write(baton__writer *writer, const baton_metadata_descriptor *list, size_t count);
/*
 * Reads all of data. list: room for capacity descriptors, which get address 0; NULL: they are only counted. False, with
 * what list holds undefined, if it is malformed, or if there are more than capacity; whether a device or a size can be is not looked at.
 */
bool baton__descriptor_list_read(const void *data, size_t size, baton_metadata_descriptor *list, size_t capacity,
                                 size_t *count_out);

#endif
