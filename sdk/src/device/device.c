/* SPDX-License-Identifier: Apache-2.0 */
#include "device/device.h"

#include "base/copy_text.h"
#include "base/error.h"
#include "base/options.h"
#include "device/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct device_row {
    const char *name;
    const char *alias;
    bool has_ids; /* prints and parses "name:id" */
    const baton__device_table *table;
} device_row;

static const device_row rows[] = {
    [BATON_DEVICE_KIND_HOST] = {"cpu", "host", false, &baton__device_host},
#ifdef BATON_WITH_CUDA
    [BATON_DEVICE_KIND_CUDA] = {"cuda", "gpu", true, &baton__device_cuda},
#else
    [BATON_DEVICE_KIND_CUDA] = {"cuda", "gpu", true, &baton__device_none},
#endif
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

/* NULL for an unknown kind; 0 is none. */
static const device_row *find_row(baton_device_kind kind)
{
    unsigned index = (unsigned)kind;
    return index < ROW_COUNT && rows[index].name != NULL ? &rows[index] : NULL;
}

const baton__device_table *baton__device_find(baton_device_kind kind)
{
    const device_row *row = find_row(kind);
    return row == NULL ? NULL : row->table;
}

const char *baton__device_native_text(int native)
{
    const baton__lane_table *lanes = rows[BATON_DEVICE_KIND_CUDA].table->lanes;
    return lanes == NULL ? "" : lanes->native_text(native);
}

bool baton__device_is_wellformed(baton_device device)
{
    const device_row *row = find_row(device.kind);
    return row != NULL && (row->has_ids || device.id == 0);
}

/* The one spelling of a number: digits, no sign, no leading zero, at most UINT32_MAX. */
static bool parse_id(const char *text, uint32_t *id_out)
{
    uint64_t id = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        id = id * 10 + (uint64_t)(*text - '0');
        if (id > UINT32_MAX) {
            return false;
        }
    }
    *id_out = (uint32_t)id;
    return true;
}

static bool parse_as(const char *text, const char *name, bool has_ids, uint32_t *id_out)
{
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0) {
        return false;
    }
    text += length;
    if (*text == '\0') {
        *id_out = 0;
        return true;
    }
    return has_ids && *text == ':' && parse_id(text + 1, id_out);
}

baton_status baton_device_parse(const char *text, baton_device *device_out)
{
    if (text == NULL || device_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_device_parse: NULL");
    }
    for (unsigned kind = 0; kind < ROW_COUNT; kind++) {
        const device_row *row = &rows[kind];
        uint32_t id = 0;
        if (row->name != NULL && (parse_as(text, row->name, row->has_ids, &id) ||
                                  parse_as(text, row->alias, row->has_ids, &id))) {
            *device_out = (baton_device){.kind = (baton_device_kind)kind, .id = id};
            return BATON_OK;
        }
    }
    return baton__fail(BATON_ERR_MALFORMED,
                       "\"%.32s\" is no device; devices are cpu, host, cuda, gpu, cuda:1, gpu:1",
                       text);
}

void baton_device_print(baton_device device, char text[BATON_DEVICE_TEXT_SIZE])
{
    const device_row *row = find_row(device.kind);
    if (row == NULL) {
        (void)baton__copy_text(text, BATON_DEVICE_TEXT_SIZE, "unknown");
    } else if (row->has_ids) {
        (void)snprintf(text, BATON_DEVICE_TEXT_SIZE, "%s:%" PRIu32, row->name, device.id);
    } else {
        (void)baton__copy_text(text, BATON_DEVICE_TEXT_SIZE, row->name);
    }
}

bool baton_device_equal(baton_device a, baton_device b)
{
    return a.kind == b.kind && a.id == b.id;
}

baton_status baton_device_check(baton_device device)
{
    const baton__device_table *table = baton__device_find(device.kind);
    if (table == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "%d is no kind of device", (int)device.kind);
    }
    return table->check(device.id);
}

baton_status baton_cuda_describe(baton_cuda_info *info_out)
{
    if (info_out == NULL || !baton__output_is_sized(info_out)) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "baton_cuda_describe: NULL, or struct_size is not set");
    }
    baton_cuda_info info = {.struct_size = sizeof(info)};
    baton__cuda_describe(&info);
    baton__output_copy(info_out, &info, sizeof(info));
    return BATON_OK;
}
