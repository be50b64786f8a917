/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side of a hand-off as a process of its own, for tests that kill, stop and cut off processes.
 * A line on stdin asks, a line on stdout answers:
 *
 *   readable SIZE SEED LEASE_MS COMPLETION      -> metadata N HEX
 *   writable SIZE SEED LEASE_MS COMPLETION      -> metadata N HEX
 *   read HEX SEED DEADLINE_MS                   -> begun N, or refused STATUS
 *   write HEX SEED DEADLINE_MS                  -> begun N, or refused STATUS
 *   shape COUNT SIZE SIZES_SEED LAYOUT_SEED     -> shaped (what follows is of COUNT descriptors, see shape.h; SIZE of an offer is
 *                                                  then not looked at. A pool's lie as it gives them out. COUNT 0: no more)
 *   cancel N                                    -> cancelled N
 *   view HEX SEED DEADLINE_MS                   -> begun N, and once it can be read: viewed N right|wrong
 *   look N                                      -> seen N right|wrong
 *   release N                                   -> released N
 *   drop N                                      -> dropped N (its handle)
 *   trap N OFFSET SIGNAL                        -> trapped (gets the signal when it first touches that byte, and goes on
 *                                                  where it was after SIGCONT)
 *   read-trapped OFFSET SIGNAL HEX SEED DEADLINE_MS -> begun N (gets the signal when it first touches that byte of its memory)
 *   remake                                      -> remade (another connector in the same process)
 *   quit
 *
 * With BATON_TEST_DEVICE its memory is of a device, with BATON_TEST_POOL of a pool (any_memory.h). With BATON_TEST_RMA its connector has rma switched on. With BATON_TEST_GROUP its connector has that map_group, and what it offers as readable lies in a pool of that group.
 *
 * and when operation N is over, unasked: "end N STATUS REASON right|wrong|view".
 */
#include "support/hex.h"
#include "support/page_trap.h"
#include "support/any_memory.h"
#include "support/shape.h"

#include <baton/sdk.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { OPERATIONS_MAX = 4096, LINE = 262144 };

static struct entry {
    baton_operation *operation;
    baton_descriptor *descriptor; /* the first */
    shape shape;                  /* count 0: there is one */
    uint64_t seed;
} entries[OPERATIONS_MAX];
static int count;
static baton_connector *connector;
static baton_pool *pool;
static char line[LINE];
static struct {
    size_t count;
    size_t size;
    uint64_t sizes;
    uint64_t layout;
} shaped;

static void die(const char *what)
{
    (void)fprintf(stderr, "sdk_peer: %s: %s\n", what, baton_error_text());
    _Exit(3);
}

static void must(baton_status status, const char *what)
{
    if (status != BATON_OK) {
        die(what);
    }
}

static const char *judge(const void *pointer, size_t size, uint64_t seed)
{
    return pattern_is(pointer, size, seed) ? "right" : "wrong";
}

static void on_complete(baton_operation *operation, void *context)
{
    const struct entry *entry = context;
    baton_operation_report report = {.struct_size = sizeof(report)};
    must(baton_operation_get_report(operation, &report), "report");
    const char *verdict = "view";
    if (entry->shape.count != 0) {
        verdict = shape_is_right(&entry->shape, entry->seed) ? "right" : "wrong";
    } else if (entry->descriptor != NULL) {
        verdict = any_is_right(entry->descriptor, entry->seed) ? "right" : "wrong";
    }
    (void)printf("end %d %s %s %s\n", (int)(entry - entries),
                 baton_operation_status_name(report.status), baton_status_name(report.reason),
                 verdict);
    (void)fflush(stdout);
}

static void look(const char *answer, const struct entry *entry, const baton_operation *operation)
{
    const void *pointer = NULL;
    size_t size = 0;
    must(baton_operation_view(operation, 0, &pointer, &size), answer);
    (void)printf("%s %d %s\n", answer, (int)(entry - entries), judge(pointer, size, entry->seed));
    (void)fflush(stdout);
}

static void on_view_event(baton_operation *operation, baton_operation_event event, void *context)
{
    if (event == BATON_EVENT_MOVED) {
        look("viewed", context, operation);
    }
}

static struct entry *new_entry(size_t size, uint64_t seed, bool fill)
{
    if (count == OPERATIONS_MAX) {
        die("too many operations");
    }
    struct entry *entry = &entries[count];
    must(fill && pool != NULL ? baton_pool_allocate(pool, size, &entry->descriptor)
                              : any_allocate(size, "there", &entry->descriptor),
         "memory");
    entry->seed = seed;
    if (fill) {
        any_fill(entry->descriptor, seed);
    }
    return entry;
}

/* metadata: NULL for an offer. */
static struct entry *new_shaped(const baton_metadata *metadata, uint64_t seed, bool fill)
{
    struct entry *entry = &entries[count];
    size_t *sizes = shape_sizes(shaped.count, shaped.size == 0 ? 1 : shaped.size, shaped.sizes);
    for (size_t i = 0; metadata != NULL && i < shaped.count; i++) {
        sizes[i] = (size_t)baton_metadata_descriptor_at(metadata, i)->size_bytes;
    }
    entry->shape = fill && pool != NULL ? shape_of_pool(sizes, shaped.count, pool) : shape_make(sizes, shaped.count, shaped.layout);
    free(sizes);
    entry->descriptor = baton_descriptor_acquire(entry->shape.descriptors[0]);
    entry->seed = seed;
    if (fill) {
        shape_fill(&entry->shape, seed);
    }
    return entry;
}

static baton_descriptor **list_of(struct entry *entry, size_t *count_out)
{
    *count_out = entry->shape.count != 0 ? entry->shape.count : 1;
    return entry->shape.count != 0 ? entry->shape.descriptors : &entry->descriptor;
}

static void set_shape(const char *arguments)
{
    if (sscanf(arguments, "%zu %zu %" SCNu64 " %" SCNu64, &shaped.count, &shaped.size, &shaped.sizes, &shaped.layout) != 4) {
        die("bad request");
    }
    (void)printf("shaped\n");
}

static baton_operation_options options_for(struct entry *entry)
{
    baton_operation_options options = BATON_OPERATION_OPTIONS_INIT;
    options.on_complete = on_complete;
    options.context = entry;
    return options;
}

static void offer(const char *arguments, bool readable)
{
    size_t size = 0;
    uint64_t seed = 0;
    unsigned lease = 0;
    unsigned completion = 0;
    if (sscanf(arguments, "%zu %" SCNu64 " %u %u", &size, &seed, &lease, &completion) != 4) {
        die("bad request");
    }
    struct entry *entry = shaped.count != 0 ? new_shaped(NULL, seed, readable) : new_entry(size, seed, readable);
    size_t pieces = 0;
    baton_descriptor **list = list_of(entry, &pieces);
    baton_operation_options options = options_for(entry);
    options.lease_ms = lease;
    options.completion = (baton_completion)completion;
    must(readable ? baton_connector_create_readable(connector, list, pieces, &options,
                                                    &entry->operation)
                  : baton_connector_create_writable(connector, list, pieces, &options,
                                                    &entry->operation),
         "create");
    baton_metadata *metadata = NULL;
    must(baton_operation_metadata(entry->operation, &metadata), "metadata");
    static uint8_t bytes[LINE / 2];
    size_t length = 0;
    must(baton_metadata_encode(metadata, bytes, sizeof(bytes), &length), "encode");
    baton_metadata_destroy(metadata);
    (void)printf("metadata %d ", count++);
    for (size_t i = 0; i < length; i++) {
        (void)printf("%02x", bytes[i]);
    }
    (void)printf("\n");
}

static baton_metadata *parse(char *hex, char **rest)
{
    static uint8_t bytes[LINE / 2];
    const char *end;
    size_t length = hex_read(hex, bytes, sizeof(bytes), &end);
    *rest = hex + (end - hex);
    baton_metadata *metadata = NULL;
    must(baton_metadata_decode(bytes, length, &metadata), "decode");
    return metadata;
}

static void set_trap_in(const struct entry *entry, size_t offset);
static size_t trap_offset; /* of the next read; 0: none */
static int trap_signal;

static void take(char *arguments, bool read)
{
    char *rest = NULL;
    uint64_t seed = 0;
    unsigned deadline = 0;
    baton_metadata *metadata = parse(arguments, &rest);
    if (sscanf(rest, "%" SCNu64 " %u", &seed, &deadline) != 2) {
        die("bad request");
    }
    struct entry *entry = shaped.count != 0 ? new_shaped(metadata, seed, !read)
                                            : new_entry(baton_metadata_total_size(metadata), seed, !read);
    size_t pieces = 0;
    baton_descriptor **list = list_of(entry, &pieces);
    baton_operation_options options = options_for(entry);
    options.deadline_ms = deadline;
    int number = count++;
    (void)printf("begun %d\n", number);
    (void)fflush(stdout);
    if (trap_offset != 0) {
        set_trap_in(entry, trap_offset); /* the owner thread does it before it begins the read */
        trap_offset = 0;
    }
    must(read ? baton_connector_begin_read(connector, metadata, list, pieces, &options,
                                           &entry->operation)
              : baton_connector_begin_write(connector, metadata, list, pieces, &options,
                                            &entry->operation),
         "begin");
    baton_metadata_destroy(metadata);
}

static void view(char *arguments)
{
    char *rest = NULL;
    unsigned deadline = 0;
    baton_metadata *metadata = parse(arguments, &rest);
    struct entry *entry = &entries[count];
    if (count == OPERATIONS_MAX || sscanf(rest, "%" SCNu64 " %u", &entry->seed, &deadline) != 2) {
        die("bad request");
    }
    baton_operation_options options = options_for(entry);
    options.deadline_ms = deadline;
    options.on_event = on_view_event;
    (void)printf("begun %d\n", count++);
    (void)fflush(stdout);
    must(baton_connector_begin_view(connector, metadata, &options, &entry->operation), "view");
    baton_metadata_destroy(metadata);
}

static void release(const char *arguments)
{
    int number = atoi(arguments);
    must(baton_operation_release_view(entries[number].operation), "release");
    (void)printf("released %d\n", number);
}

static void drop(const char *arguments)
{
    int number = atoi(arguments);
    baton_operation_destroy(entries[number].operation);
    entries[number].operation = NULL;
    (void)printf("dropped %d\n", number);
}

static void cancel(const char *arguments)
{
    int number = atoi(arguments);
    (void)printf("cancelled %d\n", number);
    must(baton_operation_cancel(entries[number].operation), "cancel");
}

static void set_trap_in(const struct entry *entry, size_t offset)
{
    page_trap_set(connector, (uint8_t *)baton_descriptor_pointer(entry->descriptor) + offset, trap_signal);
}

static void trap(const char *arguments)
{
    int number = 0;
    size_t offset = 0;
    if (sscanf(arguments, "%d %zu %d", &number, &offset, &trap_signal) != 3) {
        die("bad request");
    }
    set_trap_in(&entries[number], offset);
}

static void take_trapped(char *arguments)
{
    size_t offset = 0;
    int used = 0;
    if (sscanf(arguments, "%zu %d %n", &offset, &trap_signal, &used) != 2) {
        die("bad request");
    }
    trap_offset = offset;
    take(arguments + used, true);
}

static void open_connector(void)
{
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.drain_ms = any_drain_ms(options.drain_ms);
    options.name = "peer";
    options.map_group = getenv("BATON_TEST_GROUP");
    options.rma = getenv("BATON_TEST_RMA") != NULL;
    if (options.map_group != NULL && pool == NULL) {
        baton_pool_options pool_options = BATON_POOL_OPTIONS_INIT;
        pool_options.capacity_bytes = (size_t)512 * 1024 * 1024;
        pool_options.group = options.map_group;
        must(baton_pool_create(&pool_options, &pool), "pool");
    }
    must(baton_connector_create(&options, &connector), "connector");
}

static bool obey(void)
{
    char *arguments = strchr(line, ' ');
    arguments = arguments == NULL ? line + strlen(line) : arguments + 1;
    if (strncmp(line, "readable ", 9) == 0 || strncmp(line, "writable ", 9) == 0) {
        offer(arguments, line[0] == 'r');
    } else if (strncmp(line, "read ", 5) == 0 || strncmp(line, "write ", 6) == 0) {
        take(arguments, line[0] == 'r');
    } else if (strncmp(line, "shape ", 6) == 0) {
        set_shape(arguments);
    } else if (strncmp(line, "cancel ", 7) == 0) {
        cancel(arguments);
    } else if (strncmp(line, "view ", 5) == 0) {
        view(arguments);
    } else if (strncmp(line, "look ", 5) == 0) {
        look("seen", &entries[atoi(arguments)], entries[atoi(arguments)].operation);
    } else if (strncmp(line, "release ", 8) == 0) {
        release(arguments);
    } else if (strncmp(line, "drop ", 5) == 0) {
        drop(arguments);
    } else if (strncmp(line, "read-trapped ", 13) == 0) {
        take_trapped(arguments);
    } else if (strncmp(line, "trap ", 5) == 0) {
        trap(arguments);
    } else if (strncmp(line, "remake", 6) == 0) {
        baton_connector_destroy(connector);
        open_connector();
        (void)printf("remade\n");
    } else {
        return false;
    }
    (void)fflush(stdout);
    return true;
}

int main(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_connector();
    while (fgets(line, sizeof(line), stdin) != NULL && obey()) {
    }
    baton_connector_destroy(connector);
    for (int i = 0; i < count; i++) {
        baton_operation_destroy(entries[i].operation);
        baton_descriptor_release(entries[i].descriptor);
        shape_free(&entries[i].shape);
    }
    baton_pool_destroy(pool);
    return 0;
}
