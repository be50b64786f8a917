/* SPDX-License-Identifier: Apache-2.0 */
#include "message_codec_tensors.h"

#include "base/error.h"
#include "tensor_type.h"
#include <stdlib.h>

static baton_status decode_shape(const cJSON *list, baton_tensor *tensor)
{
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > BATON_TENSOR_DIMENSIONS_MAX) {
        return baton__fail(BATON_ERR_MALFORMED, "message: the shape of a tensor is not valid");
    }
    for (const cJSON *item = list->child; item != NULL; item = item->next) {
        baton__json_field field = {.name = "shape", .item = item};
        uint64_t extent;
        baton_status status = baton__json_uint(&field, INT64_MAX, &extent);
        if (status != BATON_OK) {
            return status;
        }
        tensor->shape[tensor->dimensions++] = (int64_t)extent;
    }
    return BATON_OK;
}

static baton_status decode_tensor(const cJSON *item, baton_tensor *tensor)
{
    baton__json_field fields[] = {{.name = "dtype"}, {.name = "shape"}};
    const char *type;
    baton_status status = baton__json_fields(item, fields, 2, false);
    if (status == BATON_OK) {
        status = baton__json_string(&fields[0], &type);
    }
    if (status == BATON_OK && !baton__tensor_type_parse(type, tensor)) {
        return baton__json_refuse(&fields[0], "is not an element type");
    }
    return status == BATON_OK ? decode_shape(fields[1].item, tensor) : status;
}

static baton_status decode_list(const cJSON *list, baton_tensor *tensors, bool *any_out)
{
    for (const cJSON *item = list->child; item != NULL; item = item->next, tensors++) {
        if (cJSON_IsNull(item)) {
            continue;
        }
        baton_status status = decode_tensor(item, tensors);
        if (status != BATON_OK) {
            return status;
        }
        *any_out = true;
    }
    return BATON_OK;
}

baton_status baton__tensors_from_value(const baton__json_field *field, size_t count,
                                       baton_tensor **tensors_out)
{
    if (field->item == NULL) {
        return BATON_OK;
    }
    if (!cJSON_IsArray(field->item) || (size_t)cJSON_GetArraySize(field->item) != count) {
        return baton__json_refuse(field, "is not a list as long as that of the descriptors");
    }
    baton_tensor *tensors = calloc(count, sizeof(*tensors));
    if (tensors == NULL) {
        return baton__fail_memory("tensors of a message");
    }
    bool any = false;
    baton_status status = decode_list(field->item, tensors, &any);
    if (status != BATON_OK || !any) {
        free(tensors);
        return status;
    }
    *tensors_out = tensors;
    return BATON_OK;
}
