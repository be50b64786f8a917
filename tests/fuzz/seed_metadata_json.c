/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_metadata_json: seed_metadata_json DIRECTORY, which must exist. */
#include "sidechannel/message_sample.h"

#include <baton/metadata_json.h>
#include <stdio.h>
#include <stdlib.h>

static void write_file(const char *directory, const char *name, int flags, const char *text)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fputc(flags, file) == EOF || fputs(text, file) == EOF ||
        fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_metadata_json DIRECTORY\n");
        return 2;
    }
    baton__message offer = sample_offer();
    char *text = NULL;
    if (baton_metadata_to_json(offer.metadata, &text) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        return 1;
    }
    write_file(argv[1], "metadata", 0, text);
    write_file(argv[1], "before_block", 1,
               "{\"descriptors\":[{\"device\":\"cpu\",\"ptr\":4096,\"size\":1e2},{\"device\":"
               "\"cuda:1\",\"ptr\":\"1\",\"size\":\"1\"}],\"notification_key\":\"k\\\"\\\\\","
               "\"operation_kind\":2");
    /* 100 of 4096 bytes, folded. */
    write_file(argv[1], "folded_before_block", 1,
               "{\"descriptors\":\"b64:yQEBAIAg\",\"notification_key\":\"\",\"operation_kind\":1");
    write_file(argv[1], "base64", 2,
               "QmFzZTY0IGdvZXMgc2l4dGVlbiBjaGFyYWN0ZXJzIGEgc3RlcCwgYW5kIHdoYXQgaXMgbGVmdCBieSBmb3VyLvv/vw==");
    free(text);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
    return 0;
}
