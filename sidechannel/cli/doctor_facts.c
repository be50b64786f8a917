/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_facts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Descriptors of the larger metadata, from whose size the cost of each is taken. */
/* So many that their list is folded, and each of another size, so that it does not help. */
enum { DESCRIPTORS = 256, DESCRIPTOR_BYTES = 1 << 20 };

bool doctor_words_of_ucx(const char *line, char *text, size_t size)
{
    static const char begin[] = "ucx: ";
    if (strncmp(line, begin, sizeof(begin) - 1) != 0) {
        return false;
    }
    line += sizeof(begin) - 1;
    size_t length = strlen(line);
    const char *place = strrchr(line, '(');
    if (place != NULL && place > line && line[length - 1] == ')' && strchr(place, ':') != NULL) {
        length = (size_t)(place - 1 - line);
    }
    (void)snprintf(text, size, "%.*s", (int)length, line);
    return true;
}

/* One thread of ours opens UCX while this is the sink. */
static void keep_line(baton_log_level level, const char *line, void *context)
{
    doctor_facts *facts = context;
    char text[DOCTOR_LINE_SIZE];
    (void)level;
    if (facts->lines == DOCTOR_LINES_MAX) {
        return;
    }
    if (!doctor_words_of_ucx(line, text, sizeof(text))) {
        (void)snprintf(text, sizeof(text), "%s", line);
    }
    for (unsigned i = 0; i < facts->lines; i++) {
        if (strcmp(facts->line[i], text) == 0) {
            return;
        }
    }
    (void)snprintf(facts->line[facts->lines++], DOCTOR_LINE_SIZE, "%s", text);
}

static bool folder_has_entries(const char *path)
{
    bool found = false;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && !found && (entry = readdir(folder)) != NULL;) {
        found = entry->d_name[0] != '.';
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return found;
}

static void take_transports(doctor_facts *facts)
{
    facts->rma = baton_transport_rma(facts->rma_text) == BATON_OK;
    if (baton_transport_query(&facts->transports) != BATON_OK) {
        (void)snprintf(facts->failure, sizeof(facts->failure), "%s", baton_error_text());
        return;
    }
    const char *failure = baton_transport_list_failure(facts->transports);
    if (failure != NULL) {
        (void)snprintf(facts->failure, sizeof(facts->failure), "%s", failure);
    }
    for (size_t i = 0; i < baton_transport_list_count(facts->transports); i++) {
        const baton_transport_info *info = baton_transport_list_at(facts->transports, i);
        bool used = info->use == BATON_TRANSPORT_USED;
        facts->shared_memory |= used && info->kind == BATON_TRANSPORT_HOST;
        facts->network |= used && info->kind == BATON_TRANSPORT_NETWORK && strcmp(info->device, "lo") != 0;
        facts->rdma |= used && info->kind == BATON_TRANSPORT_NETWORK && strcmp(info->name, "tcp") != 0;
    }
}

/* Bytes of the JSON of a readable; 0 if it cannot be made. */
static size_t measure(baton_connector *connector, baton_descriptor *const *descriptors, size_t count)
{
    baton_operation *operation = NULL;
    baton_metadata *metadata = NULL;
    char *text = NULL;
    size_t length = 0;
    if (baton_connector_create_readable(connector, descriptors, count, NULL, &operation) == BATON_OK &&
        baton_operation_metadata(operation, &metadata) == BATON_OK &&
        baton_metadata_to_json(metadata, &text) == BATON_OK) {
        length = strlen(text);
    }
    free(text);
    baton_metadata_destroy(metadata);
    baton_operation_destroy(operation);
    return length;
}

static void take_sizes(doctor_facts *facts, baton_connector *connector)
{
    baton_descriptor *descriptors[DESCRIPTORS] = {NULL};
    char *memory = malloc(DESCRIPTOR_BYTES); /* never touched: the sizes in the text are what counts */
    bool made = memory != NULL;
    for (size_t i = 0; i < DESCRIPTORS && made; i++) {
        made = baton_descriptor_from_pointer(memory, DESCRIPTOR_BYTES - i, BATON_DEVICE_HOST, NULL, NULL,
                                             &descriptors[i]) == BATON_OK;
    }
    if (made) {
        size_t one = measure(connector, descriptors, 1);
        size_t half = measure(connector, descriptors, DESCRIPTORS / 2);
        size_t all = measure(connector, descriptors, DESCRIPTORS);
        if (one != 0 && all > half) {
            facts->metadata_bytes = one;
            facts->descriptor_bytes = (all - half + DESCRIPTORS / 2 - 1) / (DESCRIPTORS / 2);
        }
    }
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        baton_descriptor_release(descriptors[i]);
    }
    free(memory);
}

void doctor_facts_init(doctor_facts *facts)
{
    *facts = (doctor_facts){.rdma_devices = folder_has_entries("/sys/class/infiniband")};
    (void)sscanf(baton_transport_version(), "%u.%u", &facts->ucx_major, &facts->ucx_minor);
    baton_log_set_sink(keep_line, facts, BATON_LOG_WARN);
    take_transports(facts);
    if (facts->failure[0] == '\0') {
        baton_connector *connector = NULL;
        if (baton_connector_create(NULL, &connector) == BATON_OK) {
            take_sizes(facts, connector);
        } else {
            (void)snprintf(facts->failure, sizeof(facts->failure), "%s", baton_error_text());
        }
        baton_connector_destroy(connector);
    }
    baton_log_set_sink(NULL, NULL, BATON_LOG_ERROR);
}

void doctor_facts_fini(doctor_facts *facts)
{
    baton_transport_list_destroy(facts->transports);
}
