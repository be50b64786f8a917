/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor_type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* DLPack's codes; the ones without a name here are opaque handles and types of later versions. */
static const char *const code_names[] = {
    [0] = "int", [1] = "uint", [2] = "float", [4] = "bfloat", [5] = "complex", [6] = "bool"};
#define CODE_NAMES (sizeof(code_names) / sizeof(code_names[0]))

void baton__tensor_type_print(const baton_tensor *tensor, char text[BATON__TENSOR_TYPE_SIZE])
{
    char code[16];
    char lanes[8] = "";
    if (tensor->type_code < CODE_NAMES && code_names[tensor->type_code] != NULL) {
        (void)snprintf(code, sizeof(code), "%s", code_names[tensor->type_code]);
    } else {
        (void)snprintf(code, sizeof(code), "code%u_", (unsigned)tensor->type_code);
    }
    if (tensor->type_lanes != 1) {
        (void)snprintf(lanes, sizeof(lanes), "x%u", (unsigned)tensor->type_lanes);
    }
    (void)snprintf(text, BATON__TENSOR_TYPE_SIZE, "%s%u%s", code, (unsigned)tensor->type_bits,
                   lanes);
}

/* Takes a number up to max from *text, which moves behind it. */
static bool take_number(const char **text, unsigned long max, unsigned long *number_out)
{
    char *end;
    if (**text < '0' || **text > '9') {
        return false;
    }
    *number_out = strtoul(*text, &end, 10);
    *text = end;
    return *number_out <= max;
}

static bool take_code(const char **text, unsigned long *code_out)
{
    for (size_t i = 0; i < CODE_NAMES; i++) {
        size_t length = code_names[i] == NULL ? 0 : strlen(code_names[i]);
        if (length != 0 && strncmp(*text, code_names[i], length) == 0) {
            *text += length;
            *code_out = i;
            return true;
        }
    }
    if (strncmp(*text, "code", 4) != 0) {
        return false;
    }
    *text += 4;
    return take_number(text, UINT8_MAX, code_out) && *(*text)++ == '_';
}

bool baton__tensor_type_parse(const char *text, baton_tensor *tensor_out)
{
    const char *rest = text;
    unsigned long code;
    unsigned long bits;
    unsigned long lanes = 1;
    if (!take_code(&rest, &code) || !take_number(&rest, UINT8_MAX, &bits) || bits == 0) {
        return false;
    }
    if (*rest == 'x') {
        rest++;
        if (!take_number(&rest, UINT16_MAX, &lanes)) {
            return false;
        }
    }
    baton_tensor parsed = {
        .type_code = (uint8_t)code, .type_bits = (uint8_t)bits, .type_lanes = (uint16_t)lanes};
    /* One type has one text: no leading zeros, no "x1", nothing behind it. */
    char again[BATON__TENSOR_TYPE_SIZE];
    baton__tensor_type_print(&parsed, again);
    if (lanes == 0 || strcmp(text, again) != 0) {
        return false;
    }
    tensor_out->type_code = parsed.type_code;
    tensor_out->type_bits = parsed.type_bits;
    tensor_out->type_lanes = parsed.type_lanes;
    return true;
}
