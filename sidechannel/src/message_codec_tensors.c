/* SPDX-License-Identifier: Apache-2.0 */
#include "message_codec_tensors.h"

#include "base/error.h"
#include "tensor_type.h"
#include <stdlib.h>
#include <string.h>

static baton_status decode_shape(const baton__json_value *list, baton_tensor *tensor)
{
    /* All in it are numbers, so they are as many as the row has. */
    if (list == NULL || list->kind != BATON__JSON_ARRAY ||
        list->next - 1 > BATON_TENSOR_DIMENSIONS_MAX) {
        return baton__fail(BATON_ERR_MALFORMED, "message: the shape of a tensor is not valid");
    }
    for (const baton__json_value *item = baton__json_first(list); item != NULL;
         item = baton__json_next(list, item)) {
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

/* tensor: zeroed; it stays so where the item says that there is none. */
static baton_status decode_tensor(const baton__json_value *item, baton_tensor *tensor, size_t *count_out)
{
    baton__json_field fields[] = {{.name = "dtype"}, {.name = "shape"}, {.name = "count"}};
    char type[BATON__JSON_SHORT_SIZE];
    uint64_t count = 1;
    baton_status status = baton__json_fields(item, fields, 3, false);
    if (status == BATON_OK && fields[2].item != NULL) {
        status = baton__json_integer(&fields[2], BATON_DESCRIPTORS_MAX, &count);
    }
    *count_out = (size_t)count;
    if (status == BATON_OK && fields[0].item == NULL && fields[1].item == NULL && fields[2].item != NULL) {
        return BATON_OK; /* no tensors in a row */
    }
    if (status == BATON_OK) {
        status = baton__json_short(&fields[0], type);
    }
    if (status == BATON_OK && !baton__tensor_type_parse(type, tensor)) {
        return baton__json_refuse(&fields[0], "is not an element type");
    }
    return status == BATON_OK ? decode_shape(fields[1].item, tensor) : status;
}

static baton_status decode_list(const baton__json_field *field, baton_tensor *tensors, size_t count, bool *any_out)
{
    size_t at = 0;
    const baton__json_value *list = field->item;
    for (const baton__json_value *item = baton__json_first(list); item != NULL;
         item = baton__json_next(list, item)) {
        baton_tensor tensor = {0};
        size_t alike = 1;
        baton_status status = item->kind == BATON__JSON_NULL ? BATON_OK : decode_tensor(item, &tensor, &alike);
        if (status != BATON_OK) {
            return status;
        }
        if (alike == 0 || alike > count - at) {
            return baton__json_refuse(field, "is not a list as long as that of the descriptors");
        }
        *any_out = *any_out || tensor.type_bits != 0;
        while (alike-- != 0) {
            tensors[at++] = tensor;
        }
    }
    return at == count ? BATON_OK : baton__json_refuse(field, "is not a list as long as that of the descriptors");
}

bool baton__tensor_equal(const baton_tensor *a, const baton_tensor *b)
{
    return a->type_code == b->type_code && a->type_bits == b->type_bits && a->type_lanes == b->type_lanes &&
           a->dimensions == b->dimensions && memcmp(a->shape, b->shape, a->dimensions * sizeof(a->shape[0])) == 0;
}

baton_status baton__tensors_from_value(const baton__json_field *field, size_t count,
                                       baton_tensor **tensors_out)
{
    if (field->item == NULL) {
        return BATON_OK;
    }
    if (field->item->kind != BATON__JSON_ARRAY) {
        return baton__json_refuse(field, "is not a list as long as that of the descriptors");
    }
    baton_tensor *tensors = calloc(count, sizeof(*tensors));
    if (tensors == NULL) {
        return baton__fail_memory("tensors of a message");
    }
    bool any = false;
    baton_status status = decode_list(field, tensors, count, &any);
    if (status != BATON_OK || !any) {
        free(tensors);
        return status;
    }
    *tensors_out = tensors;
    return BATON_OK;
}
