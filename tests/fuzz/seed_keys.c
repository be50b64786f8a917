/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_keys: seed_keys DIRECTORY, which must exist. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A change of one byte at each place of a message with one pool and one piece, for a copy and a view. */
int main(int argc, char **argv)
{
    enum { LENGTH = 70 };
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_keys DIRECTORY\n");
        return 2;
    }
    for (unsigned i = 0; i < 2 * LENGTH; i++) {
        char path[4096];
        uint8_t input[] = {(uint8_t)(i % 2), (uint8_t)(i / 2), (uint8_t)(i % 3 == 0 ? 0x80 : 0x10)};
        (void)snprintf(path, sizeof(path), "%s/keys-%u", argv[1], i);
        FILE *file = fopen(path, "wb");
        if (file == NULL || fwrite(input, 1, sizeof(input), file) != sizeof(input) || fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}
