/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_path.h"

#include "perf_failure.h"
#include <string.h>

/* As reports name it; NULL: any will do. */
static const char *wanted_path(const perf_options *options, baton_device device)
{
    if (strcmp(options->path, "auto") == 0 || (perf_options_staged(options) && device.kind == BATON_DEVICE_KIND_HOST)) {
        return NULL;
    }
    return perf_options_view(options) ? "map" : options->path;
}

baton_status perf_path_check(const perf_options *options, baton_device device, const char *path, const char *why)
{
    char text[BATON_DEVICE_TEXT_SIZE];
    const char *wanted = wanted_path(options, device);
    if (wanted == NULL || strcmp(path, wanted) == 0) {
        return BATON_OK;
    }
    if (why[0] != '\0') {
        return perf_fail(BATON_ERR_NOT_SUPPORTED, "the path was %s and not %s: %s", path, wanted, why);
    }
    baton_device_print(device, text);
    return perf_fail(BATON_ERR_NOT_SUPPORTED, "the path was %s and not %s: the memory is of %s", path, wanted, text);
}
