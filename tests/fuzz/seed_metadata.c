/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_metadata: seed_metadata DIRECTORY, which must exist. */
#include "support/metadata_sample.h"

#include <stdio.h>
#include <stdlib.h>

static void write_file(const char *directory, const char *name, uint8_t flags, const uint8_t *data,
                       size_t size)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fputc(flags, file) == EOF || fwrite(data, 1, size, file) != size ||
        fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* A long list, which is folded. */
static size_t encode_long(const uint8_t *block, size_t block_size, uint8_t *buffer)
{
    baton_metadata_descriptor descriptors[100];
    baton_metadata *metadata = NULL;
    size_t size = 0;
    for (size_t i = 0; i < 100; i++) {
        descriptors[i] = (baton_metadata_descriptor){{BATON_DEVICE_KIND_HOST, 0}, 4096, i < 90 ? 32768 : 1000 * i};
    }
    if (baton_metadata_create(BATON_METADATA_READABLE, descriptors, 100, "", block, block_size, &metadata) != BATON_OK ||
        baton_metadata_encode(metadata, buffer, SAMPLE_BUFFER_SIZE, &size) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        exit(1);
    }
    baton_metadata_destroy(metadata);
    return size;
}

static size_t encode_metadata(baton_metadata_kind kind, size_t count, const char *key,
                              const uint8_t *block, size_t block_size, uint8_t *buffer)
{
    static const baton_metadata_descriptor descriptors[] = {
        {{BATON_DEVICE_KIND_HOST, 0}, 4096, 100},
        {{BATON_DEVICE_KIND_CUDA, 1}, 8192, 200},
        {{BATON_DEVICE_KIND_HOST, 0}, UINT64_MAX - 1, 1},
    };
    baton_metadata *metadata = NULL;
    size_t size = 0;
    if (baton_metadata_create(kind, descriptors, count, key, block, block_size, &metadata) !=
            BATON_OK ||
        baton_metadata_encode(metadata, buffer, SAMPLE_BUFFER_SIZE, &size) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        exit(1);
    }
    baton_metadata_destroy(metadata);
    return size;
}

int main(int argc, char **argv)
{
    uint8_t block[SAMPLE_BUFFER_SIZE];
    uint8_t data[SAMPLE_BUFFER_SIZE];
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_metadata DIRECTORY\n");
        return 2;
    }
    size_t block_size = sample_encoded_block(block);
    write_file(argv[1], "block", 1, block, block_size);
    write_file(argv[1], "block_resealed", 3, block, block_size);
    size_t size = encode_metadata(BATON_METADATA_READABLE, 1, "", block, block_size, data);
    write_file(argv[1], "readable", 0, data, size);
    write_file(argv[1], "readable_resealed", 2, data, size);
    size = encode_metadata(BATON_METADATA_WRITABLE, 3, "key", block, block_size, data);
    write_file(argv[1], "writable_resealed", 2, data, size);
    size = encode_long(block, block_size, data);
    write_file(argv[1], "long_resealed", 2, data, size);
    return 0;
}
