/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of fuzz_message: seed_message DIRECTORY, which must exist. */
#include "sidechannel/message_sample.h"

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

static void write_message(const char *directory, const char *name, const baton__message *message)
{
    char *text = NULL;
    size_t size = 0;
    if (baton__message_encode(message, &text, &size) != BATON_OK) {
        (void)fprintf(stderr, "%s\n", baton_error_text());
        exit(1);
    }
    write_file(directory, name, 0, text);
    free(text);
}

int main(int argc, char **argv)
{
    static const baton_tensor tensors[2] = {
        {.type_code = 2, .type_bits = 16, .type_lanes = 2, .dimensions = 2, .shape = {1, 577}}};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: seed_message DIRECTORY\n");
        return 2;
    }
    baton__message offer = sample_offer();
    offer.tensors = tensors;
    offer.user = "{\"a\":[1.5e3,null,\"\\ud83d\\ude00\"]}";
    write_message(argv[1], "offer", &offer);
    baton_metadata_destroy((baton_metadata *)offer.metadata);
    baton__message fail = sample_answer(BATON__MESSAGE_FAIL);
    fail.reason = BATON_ERR_DEADLINE;
    fail.text = "a \"text\"\n";
    write_message(argv[1], "fail", &fail);
    baton__message done = sample_answer(BATON__MESSAGE_DONE);
    done.result = "[true]";
    write_message(argv[1], "done", &done);
    baton__message_end more[2] = {{done.id, 1, done.key}, {done.id, UINT32_MAX, done.key}};
    done.more = more;
    done.more_count = 2;
    write_message(argv[1], "done_more", &done);
    write_file(argv[1], "behind_metadata", 1,
               ",\"v\":1,\"type\":\"offer\",\"id\":\"" SAMPLE_ID "\",\"attempt\":7,"
               "\"origin\":\"a-1\",\"key\":\"" SAMPLE_KEY "\",\"epoch\":\"123\",\"ttl_ms\":500,"
               "\"deadline_ms\":1,\"lease_ms\":2,\"acknowledge\":\"application\","
               "\"tensors\":[null,{\"dtype\":\"code9_8\",\"shape\":[3]}],\"user\":1}");
    return 0;
}
