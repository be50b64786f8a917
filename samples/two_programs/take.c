/* SPDX-License-Identifier: Apache-2.0 */
/* give FILE | take FILE: reads the metadata from standard input, then the bytes by UCX. See give.c.
 */
#include <baton/sdk.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool complain(const char *what)
{
    (void)fprintf(stderr, "take: %s: %s\n", what, baton_error_text());
    return false;
}

/* Reads what give writes: a line with the length, and so many bytes. The decoder checks the rest.
 */
static bool receive_metadata(baton_metadata **metadata_out)
{
    static const size_t limit = (size_t)1 << 20; /* one descriptor takes some hundred bytes */
    char line[32];
    char *end = NULL;
    size_t size = fgets(line, sizeof line, stdin) != NULL ? strtoul(line, &end, 10) : 0;
    bool expected = size > 0 && size <= limit && *end == '\n';
    char *encoded = expected ? malloc(size) : NULL;
    bool received = encoded != NULL && fread(encoded, 1, size, stdin) == size;
    if (!received) {
        (void)fprintf(stderr, "take: metadata: not what give writes, or not all of it\n");
    } else if (baton_metadata_decode(encoded, size, metadata_out) != BATON_OK) {
        received = complain("metadata");
    }
    free(encoded);
    return received;
}

/* Waits for the end, and says how it was. */
static bool wait_for_bytes(baton_operation *read)
{
    baton_operation_report report = {.struct_size = sizeof report};
    baton_status status = baton_operation_wait(read, BATON_FOREVER);
    if (baton_operation_get_report(read, &report) != BATON_OK) {
        return complain("report");
    }
    (void)fprintf(stderr, "take: %s, %llu of %llu bytes from '%s' by %s (%s)%s%s\n",
                  baton_operation_status_name(report.status),
                  (unsigned long long)report.bytes_moved, (unsigned long long)report.bytes_total,
                  report.peer, report.path, report.transport, status == BATON_OK ? "" : ": ",
                  status == BATON_OK ? "" : baton_status_text(status));
    return status == BATON_OK;
}

static bool store(const char *path, const baton_descriptor *contents)
{
    FILE *out = fopen(path, "wb");
    bool stored = out != NULL &&
                  fwrite(baton_descriptor_pointer(contents), 1, baton_descriptor_size(contents),
                         out) == baton_descriptor_size(contents);
    stored = out != NULL && fclose(out) == 0 && stored;
    if (!stored) {
        (void)fprintf(stderr, "take: %s cannot be written\n", path);
    }
    return stored;
}

static bool take(const char *path)
{
    baton_metadata *metadata = NULL;
    baton_connector *connector = NULL;
    baton_descriptor *contents = NULL;
    baton_operation *read = NULL;
    bool taken = receive_metadata(&metadata);
    if (taken &&
        (baton_connector_create(NULL, &connector) != BATON_OK ||
         baton_descriptor_allocate((size_t)baton_metadata_total_size(metadata), BATON_DEVICE_HOST,
                                   &contents) != BATON_OK ||
         baton_connector_begin_read(connector, metadata, &contents, 1, NULL, &read) != BATON_OK)) {
        taken = complain(path);
    }
    taken = taken && wait_for_bytes(read) && store(path, contents);
    baton_operation_destroy(read);
    baton_descriptor_release(contents);
    baton_connector_destroy(connector);
    baton_metadata_destroy(metadata);
    return taken;
}

int main(int argc, char **argv)
{
    if (argc != 2 || isatty(STDIN_FILENO)) {
        (void)fprintf(stderr, "usage: give FILE | take FILE\n");
        return 2;
    }
    return take(argv[1]) ? 0 : 1;
}
