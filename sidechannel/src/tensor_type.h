/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TENSOR_TYPE_H
#define BATON_TENSOR_TYPE_H

#include <baton/descriptor.h>

/* Room for the longest printed element type: "code255_255x65535" and a zero. */
#define BATON__TENSOR_TYPE_SIZE 32

/* Prints the element type as people write it: "float16", "bfloat16", "int8x4" (lanes), and
 * "code<n>_<bits>" for a type code without a name. */
void baton__tensor_type_print(const baton_tensor *tensor, char text[BATON__TENSOR_TYPE_SIZE]);
/* Takes exactly what print prints. Fills the three type fields; false leaves them as they were. */
bool baton__tensor_type_parse(const char *text, baton_tensor *tensor_out);

#endif
