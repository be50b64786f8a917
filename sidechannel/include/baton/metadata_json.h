/* SPDX-License-Identifier: Apache-2.0 */
/** RdmaMetadata as JSON. Usable without a NATS server. */
#ifndef BATON_METADATA_JSON_H
#define BATON_METADATA_JSON_H

#include <baton/metadata.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Prints as one line of JSON with the fields of Dynamo's RdmaMetadata:
 *   {"descriptors":[{"device":"cpu","ptr":"140703128616960","size":"4096"}],
 *    "notification_key":"...","operation_kind":1,"ucx_metadata":"b64:..."}
 * 64-bit numbers are decimal strings, since a JSON number is a double. More than BATON_METADATA_ADDRESSES_MAX descriptors are one
 * string, "b64:..." with devices and sizes folded as in the binary form.
 * Ownership: the caller frees the text with free(). Errors: ERR_OUT_OF_MEMORY. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_metadata_to_json(const baton_metadata *metadata, char **text_out);

/**
 * Parses it. Unknown fields, missing fields, repeated fields, null pointers, sizes of 0 and text behind
 * the object are refused; ptr and size may be strings or integers up to 2^53.
 * Errors: ERR_MALFORMED, ERR_CHECKSUM, ERR_VERSION, ERR_TOO_LARGE, ERR_OUT_OF_MEMORY. Threads: any. Blocking: no.
 */
BATON_API BATON_CHECKED baton_status baton_metadata_from_json(const char *text, size_t size,
                                                              baton_metadata **metadata_out);

#ifdef __cplusplus
}
#endif
#endif
