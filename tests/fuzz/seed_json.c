/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_json: seed_json DIRECTORY, which must exist. */
#include <stdio.h>

int main(int argc, char **argv)
{
    static const char *const texts[] = {
        "{\"v\":1,\"type\":\"offer\",\"metadata\":{\"descriptors\":[{\"device\":\"cpu\",\"ptr\":\"1\"}]},\"user\":null}",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u20ac\\ud83d\\ude00\",true,false]",
        "[0,-0,1e2,100e-2,1.50e1,0.5e1,1E+0,-1,1.5,9007199254740992,0e99999]",
        "{\"\\u0061\":1,\"a\":{\"a\":[[],{}]},\"\":2}"};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_json DIRECTORY\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%zu", argv[1], i);
        FILE *file = fopen(path, "wb");
        if (file == NULL || fputs(texts[i], file) == EOF || fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}
