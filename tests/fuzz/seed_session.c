/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_session: seed_session DIRECTORY, which must exist. Every message
 * of a consumer for every offer, spoiled in one place each and then sound; offers that come in. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { TYPES = 7, OFFERS = 3, SAY = 0, OFFER = 160, DECIDE = 190, TURN = 250 };

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_session DIRECTORY\n");
        return 2;
    }
    for (unsigned type = 0; type < TYPES; type++) {
        for (unsigned offer = 0; offer < OFFERS; offer++) {
            uint8_t script[100];
            size_t used = 0;
            char path[4096];
            for (uint8_t bit = 0; bit < 8; bit++) {
                script[used++] = SAY;
                script[used++] = (uint8_t)type;
                script[used++] = (uint8_t)offer;
                if (type == 3 || type == 4) {
                    script[used++] = 1; /* with a result */
                }
                script[used++] = bit == 7 ? 0 : (uint8_t)(1U << bit);
                if (bit == 6) {
                    script[used++] = 128; /* half of it */
                }
            }
            const uint8_t rest[] = {OFFER,  (uint8_t)(16 + type * 2), 1,
                                    DECIDE, (uint8_t)offer,           TURN};
            for (size_t i = 0; i < sizeof(rest); i++) {
                script[used++] = rest[i];
            }
            (void)snprintf(path, sizeof(path), "%s/message_%u_%u", argv[1], type, offer);
            FILE *file = fopen(path, "wb");
            if (file == NULL || fwrite(script, 1, used, file) != used || fclose(file) != 0) {
                perror(path);
                return 1;
            }
        }
    }
    return 0;
}
