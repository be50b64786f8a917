/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_MESSAGE_CODEC_MORE_H
#define BATON_MESSAGE_CODEC_MORE_H

#include "message.h"
#include "metadata_json_value.h"

/* Further attempts that one DONE acknowledges, as strings: "<id>/<attempt>/<key>". Included by message_codec*.c alone. */
void baton__more_print(baton__text *text, const baton__message_end *more, uint32_t count);
/* NULL and 0 where the field is not there. Errors: ERR_MALFORMED (also none, and more than BATON__MESSAGE_MORE_MAX),
 * ERR_OUT_OF_MEMORY. Ownership: free(). */
baton_status baton__more_from_value(const baton__json_field *field, baton__message_end **more_out, uint32_t *count_out);

#endif
