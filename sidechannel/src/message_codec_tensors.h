/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MESSAGE_CODEC_TENSORS_H
#define BATON_MESSAGE_CODEC_TENSORS_H

#include "metadata_json_value.h"
#include <baton/descriptor.h>

/* The tensors of an OFFER: a list as long as that of the descriptors, null where there is none; an item with a count
 * stands for as many in a row, and without a type says that these have none. The output stays as it is where the field is missing or all are null; otherwise it is freed with
 * free(). Errors: ERR_MALFORMED, ERR_OUT_OF_MEMORY. */
baton_status baton__tensors_from_value(const baton__json_field *field, size_t count,
                                       baton_tensor **tensors_out);
bool baton__tensor_equal(const baton_tensor *a, const baton_tensor *b);

#endif
