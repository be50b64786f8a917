/* SPDX-License-Identifier: Apache-2.0 */
/*
 * give FILE | take FILE: the sdk alone, without NATS and without a side channel.
 *
 * give makes the file's contents readable and writes the metadata, what it takes to reach them, to
 * its standard output. Whatever carries that to the other side will do: here it is a shell's pipe.
 * The bytes themselves do not go through it, take reads them by UCX, and each side learns from the
 * library how it ended.
 */
#include <baton/sdk.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const char *what)
{
    (void)fprintf(stderr, "give: %s: %s\n", what, baton_error_text());
    return false;
}

/* Reads the file into memory of baton's. */
static bool load(const char *path, baton_descriptor **contents_out)
{
    struct stat status;
    baton_descriptor *contents = NULL;
    FILE *in = fopen(path, "rb");
    if (in == NULL || fstat(fileno(in), &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)fprintf(stderr, "give: %s cannot be read\n", path);
    } else if (baton_descriptor_allocate((size_t)status.st_size, BATON_DEVICE_HOST, &contents) !=
               BATON_OK) {
        (void)complain(path); /* also for an empty one */
    } else if (fread(baton_descriptor_pointer(contents), 1, baton_descriptor_size(contents), in) !=
               baton_descriptor_size(contents)) {
        (void)fprintf(stderr, "give: %s cannot be read to its end\n", path);
        baton_descriptor_release(contents);
        contents = NULL;
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    *contents_out = contents;
    return contents != NULL;
}

/* Writes the binary form of the operation's metadata to standard output, behind a line with its
 * length: who reads does not have to wait for the end of the pipe, which others may hold open too.
 */
static bool send_metadata(const baton_operation *readable)
{
    baton_metadata *metadata = NULL;
    if (baton_operation_metadata(readable, &metadata) != BATON_OK) {
        return complain("metadata");
    }
    size_t size = baton_metadata_encoded_size(metadata);
    void *encoded = malloc(size);
    bool sent = encoded != NULL &&
                baton_metadata_encode(metadata, encoded, size, &size) == BATON_OK &&
                printf("%zu\n", size) > 0 && fwrite(encoded, 1, size, stdout) == size;
    sent = fclose(stdout) == 0 && sent;
    if (!sent) {
        (void)fprintf(stderr, "give: the metadata cannot be written\n");
    }
    free(encoded);
    baton_metadata_destroy(metadata);
    return sent;
}

/* Waits for the end, and says how it was. */
static bool wait_for_reader(baton_operation *readable)
{
    baton_operation_report report = {.struct_size = sizeof report};
    baton_status status = baton_operation_wait(readable, BATON_FOREVER);
    if (baton_operation_get_report(readable, &report) != BATON_OK) {
        return complain("report");
    }
    (void)fprintf(stderr, "give: %s, %llu of %llu bytes to '%s' by %s (%s)%s%s\n",
                  baton_operation_status_name(report.status),
                  (unsigned long long)report.bytes_moved, (unsigned long long)report.bytes_total,
                  report.peer, report.path, report.transport, status == BATON_OK ? "" : ": ",
                  status == BATON_OK ? "" : baton_status_text(status));
    return status == BATON_OK;
}

static bool give(const char *path)
{
    baton_connector *connector = NULL;
    baton_descriptor *contents = NULL;
    baton_operation *readable = NULL;
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.completion = BATON_COMPLETION_COMMIT; /* COMPLETE on both sides or on neither */
    bool given = load(path, &contents);
    if (given && (baton_connector_create(NULL, &connector) != BATON_OK ||
                  baton_connector_create_readable(connector, &contents, 1, &options, &readable) !=
                      BATON_OK)) {
        given = complain(path);
    }
    given = given && send_metadata(readable) && wait_for_reader(readable);
    baton_operation_destroy(readable);
    baton_descriptor_release(contents);
    baton_connector_destroy(connector);
    return given;
}

int main(int argc, char **argv)
{
    if (argc != 2 || isatty(STDOUT_FILENO)) {
        (void)fprintf(stderr, "usage: give FILE | take FILE\n");
        return 2;
    }
    return give(argv[1]) ? 0 : 1;
}
