/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of JSON: what it takes, cJSON takes too, and both see the same values. */
#include "support/json_compare.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    char *copy = malloc(size); /* of its exact size, for AddressSanitizer */
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    if (json_compare(copy, size) != NULL) {
        abort();
    }
    free(copy);
    return 0;
}
