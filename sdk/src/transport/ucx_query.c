/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists what UCX has on this machine. UCT lists every device, whatever the environment leaves out; a context that is
 * opened as a connector's says what is left; and what is left is tried, one by one (ucx_trial.c).
 */
#include <baton/transport.h>

#include "base/error.h"
#include "transport/ucx.h"
#include "transport/ucx_domain.h"
#include "transport/ucx_trial.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uct/api/uct.h>

struct baton_transport_list {
    baton_transport_info *items;
    size_t count;
    char *failure;
};

typedef struct query {
    baton_transport_list *list;
    char *printed; /* the context as UCX prints it; NULL if there is none */
} query;

static void item_fini(const baton_transport_info *item)
{
    free((char *)item->name);
    free((char *)item->device);
    free((char *)item->reason);
}

static baton_status add(baton_transport_list *list, const char *name, const char *device,
                        baton_transport_kind kind, baton_transport_use use, const char *format, ...)
    BATON_PRINTF(6, 7);

static baton_status add(baton_transport_list *list, const char *name, const char *device,
                        baton_transport_kind kind, baton_transport_use use, const char *format, ...)
{
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    baton_transport_info item = {.name = strdup(name),
                                 .device = strdup(device),
                                 .kind = kind,
                                 .use = use,
                                 .reason = strdup(reason)};
    baton_transport_info *items = realloc(list->items, (list->count + 1) * sizeof(*items));
    list->items = items != NULL ? items : list->items;
    if (items == NULL || item.name == NULL || item.device == NULL || item.reason == NULL) {
        item_fini(&item);
        return baton__fail_memory("the list of transports");
    }
    items[list->count++] = item;
    return BATON_OK;
}

/* Opens UCX as a connector does; the context in words. *text_out: NULL if UCX cannot be opened. */
static baton_status print_context(char **text_out, char **failure_out)
{
    static const baton__transport_callbacks no_callbacks;
    baton__transport *transport;
    *text_out = NULL;
    if (baton__transport_ucx.open("query", &no_callbacks, NULL, &transport) != BATON_OK) {
        *failure_out = strdup(baton_error_text());
        return *failure_out != NULL ? BATON_OK : baton__fail_memory("a text");
    }
    size_t size;
    FILE *stream = open_memstream(text_out, &size);
    if (stream != NULL) {
        ucp_context_print_info(transport->context, stream);
        (void)fclose(stream);
    }
    baton__transport_ucx.close(transport);
    return *text_out != NULL ? BATON_OK : baton__fail_memory("a text");
}

/* A line "#      resource 1  :  md 1  dev 1  flags -- tcp/eth0" of the context. */
static bool is_in_context(const char *printed, const char *name, const char *device)
{
    char wanted[128];
    int length = snprintf(wanted, sizeof(wanted), " %s/%s\n", name, device);
    for (const char *line = printed; (line = strstr(line, " resource ")) != NULL; line++) {
        const char *end = strchr(line, '\n');
        if (end != NULL && end - line >= length - 1 &&
            strncmp(end - length + 1, wanted, (size_t)length) == 0) {
            return true;
        }
    }
    return false;
}

static baton_transport_kind kind_of(uct_device_type_t type)
{
    switch (type) {
    case UCT_DEVICE_TYPE_SELF:
        return BATON_TRANSPORT_SELF;
    case UCT_DEVICE_TYPE_SHM:
        return BATON_TRANSPORT_HOST;
    case UCT_DEVICE_TYPE_ACC:
        return BATON_TRANSPORT_DEVICE;
    default:
        return BATON_TRANSPORT_NETWORK;
    }
}

/* What is not in the context. opened: there is one. */
static baton_status add_excluded(baton_transport_list *list, const uct_tl_resource_desc_t *resource, bool opened)
{
    static const char *const devices[] = {
        [BATON_TRANSPORT_SELF] = "UCX_SELF_DEVICES",
        [BATON_TRANSPORT_HOST] = "UCX_SHM_DEVICES",
        [BATON_TRANSPORT_NETWORK] = "UCX_NET_DEVICES",
        [BATON_TRANSPORT_DEVICE] = "UCX_ACC_DEVICES",
    };
    baton_transport_kind kind = kind_of(resource->dev_type);
    const char *tls = getenv("UCX_TLS");
    const char *device = getenv(devices[kind]);
    if (tls == NULL && device == NULL && !opened) {
        return add(list, resource->tl_name, resource->dev_name, kind, BATON_TRANSPORT_BROKEN,
                   "not tried, since UCX cannot be opened");
    }
    if (tls == NULL && device == NULL) {
        return add(list, resource->tl_name, resource->dev_name, kind, BATON_TRANSPORT_EXCLUDED,
                   "UCX leaves it out by itself, or a configuration file of UCX does; UCX_LOG_LEVEL=info tells more");
    }
    return add(list, resource->tl_name, resource->dev_name, kind, BATON_TRANSPORT_EXCLUDED,
               "left out by %s%s%s%s%s%s", tls != NULL ? "UCX_TLS=" : "", tls != NULL ? tls : "",
               tls != NULL && device != NULL ? " or " : "", device != NULL ? devices[kind] : "",
               device != NULL ? "=" : "", device != NULL ? device : "");
}

static const char *words_for_used(const uct_tl_resource_desc_t *resource)
{
    if (kind_of(resource->dev_type) != BATON_TRANSPORT_NETWORK) {
        return "carries messages and data between processes of this host";
    }
    if (strcmp(resource->tl_name, "tcp") != 0) {
        return "carries baton's active messages; RDMA with keys of baton's own is not in this version";
    }
    return strcmp(resource->dev_name, "lo") == 0
               ? "carries messages and data, within this host alone"
               : "carries messages and data between hosts, and on this one where shared memory does not";
}

static baton_status add_tried(baton_transport_list *list, const uct_tl_resource_desc_t *resource)
{
    char words[BATON__UCX_WORDS_SIZE];
    baton_transport_kind kind = kind_of(resource->dev_type);
    baton_transport_use use = baton__ucx_try(resource->tl_name, resource->dev_name,
                                             kind == BATON_TRANSPORT_NETWORK, words);
    switch (use) {
    case BATON_TRANSPORT_USED:
        return add(list, resource->tl_name, resource->dev_name, kind, use, "%s",
                   words_for_used(resource));
    case BATON_TRANSPORT_NO_FAILURES:
        return add(list, resource->tl_name, resource->dev_name, kind, use,
                   "does not report the death of a peer, which baton needs");
    case BATON_TRANSPORT_NO_MESSAGES:
        return add(list, resource->tl_name, resource->dev_name, kind, use,
                   "carries no messages; UCX takes it for copies alone, and those cannot be revoked");
    default:
        return add(list, resource->tl_name, resource->dev_name, kind, use, "UCX cannot open it: %s",
                   words);
    }
}

static baton_status add_resources(query *self, uct_md_h md)
{
    uct_tl_resource_desc_t *resources;
    unsigned count;
    if (uct_md_query_tl_resources(md, &resources, &count) != UCS_OK) {
        return BATON_OK;
    }
    baton_status status = BATON_OK;
    for (unsigned i = 0; i < count && status == BATON_OK; i++) {
        bool there = self->printed != NULL &&
                     is_in_context(self->printed, resources[i].tl_name, resources[i].dev_name);
        status = there ? add_tried(self->list, &resources[i]) : add_excluded(self->list, &resources[i], self->printed != NULL);
    }
    uct_release_tl_resource_list(resources);
    return status;
}

static baton_status add_domain(query *self, uct_component_h component, const char *name,
                               const char *domain)
{
    uct_md_h md;
    ucs_status_t status = baton__ucx_open_domain(component, domain, &md);
    if (status != UCS_OK) {
        return add(self->list, name, domain, BATON_TRANSPORT_UNKNOWN, BATON_TRANSPORT_BROKEN,
                   "UCX cannot open it: %s", ucs_status_string(status));
    }
    baton_status result = add_resources(self, md);
    uct_md_close(md);
    return result;
}

static baton_status add_domains(query *self, uct_component_h component,
                                const uct_component_attr_t *attributes)
{
    uct_component_attr_t more = {.field_mask = UCT_COMPONENT_ATTR_FIELD_MD_RESOURCES};
    more.md_resources = calloc(attributes->md_resource_count, sizeof(*more.md_resources));
    if (more.md_resources == NULL) {
        return baton__fail_memory("the list of transports");
    }
    baton_status result = BATON_OK;
    if (uct_component_query(component, &more) == UCS_OK) {
        for (unsigned i = 0; i < attributes->md_resource_count && result == BATON_OK; i++) {
            result = add_domain(self, component, attributes->name, more.md_resources[i].md_name);
        }
    }
    free(more.md_resources);
    return result;
}

/* What is worth telling that it is missing: what people look for. */
static const char *const expected[] = {"ib", "cma", "knem", "xpmem", "cuda_cpy"};
enum { EXPECTED = sizeof(expected) / sizeof(expected[0]) };

static baton_status add_component(query *self, uct_component_h component, unsigned *seen)
{
    uct_component_attr_t attributes = {.field_mask = UCT_COMPONENT_ATTR_FIELD_NAME |
                                                     UCT_COMPONENT_ATTR_FIELD_FLAGS |
                                                     UCT_COMPONENT_ATTR_FIELD_MD_RESOURCE_COUNT};
    if (uct_component_query(component, &attributes) != UCS_OK) {
        return BATON_OK;
    }
    for (unsigned i = 0; i < EXPECTED; i++) {
        *seen |= strcmp(attributes.name, expected[i]) == 0 ? 1u << i : 0;
    }
    if (attributes.md_resource_count != 0) {
        return add_domains(self, component, &attributes);
    }
    if ((attributes.flags & UCT_COMPONENT_FLAG_CM) != 0) {
        return BATON_OK; /* makes connections, moves nothing */
    }
    return add(self->list, attributes.name, "", BATON_TRANSPORT_UNKNOWN, BATON_TRANSPORT_NO_DEVICE,
               "UCX has it, and finds no device for it or may not use one");
}

static baton_status add_all(query *self)
{
    uct_component_h *components;
    unsigned count;
    unsigned seen = 0;
    ucs_status_t got = uct_query_components(&components, &count);
    if (got != UCS_OK) {
        return baton__fail(BATON_ERR_TRANSPORT, "UCX cannot list its transports: %s",
                           ucs_status_string(got));
    }
    baton_status status = BATON_OK;
    for (unsigned i = 0; i < count && status == BATON_OK; i++) {
        status = add_component(self, components[i], &seen);
    }
    uct_release_component_list(components);
    for (unsigned i = 0; i < EXPECTED && status == BATON_OK; i++) {
        if ((seen & 1u << i) == 0) {
            status = add(self->list, expected[i], "", BATON_TRANSPORT_UNKNOWN,
                         BATON_TRANSPORT_NOT_BUILT, "UCX as it is installed does not have it");
        }
    }
    return status;
}

baton_status baton_transport_query(baton_transport_list **list_out)
{
    if (list_out == NULL) {
        return baton__fail(BATON_ERR_INVALID_ARGUMENT, "transports: no place for the result");
    }
    query self = {.list = calloc(1, sizeof(*self.list))};
    if (self.list == NULL) {
        return baton__fail_memory("the list of transports");
    }
    baton_status status = print_context(&self.printed, &self.list->failure);
    if (status == BATON_OK) {
        status = add_all(&self);
    }
    free(self.printed);
    if (status != BATON_OK) {
        baton_transport_list_destroy(self.list);
        return status;
    }
    *list_out = self.list;
    return BATON_OK;
}

void baton_transport_list_destroy(baton_transport_list *list)
{
    if (list == NULL) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        item_fini(&list->items[i]);
    }
    free(list->items);
    free(list->failure);
    free(list);
}

size_t baton_transport_list_count(const baton_transport_list *list)
{
    return list != NULL ? list->count : 0;
}

const baton_transport_info *baton_transport_list_at(const baton_transport_list *list, size_t index)
{
    return index < baton_transport_list_count(list) ? &list->items[index] : NULL;
}

const char *baton_transport_list_failure(const baton_transport_list *list)
{
    return list != NULL ? list->failure : NULL;
}

const char *baton_transport_kind_name(baton_transport_kind kind)
{
    static const char *const names[] = {"UNKNOWN", "SELF", "HOST", "NETWORK", "DEVICE"};
    return (size_t)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "UNKNOWN";
}

const char *baton_transport_use_name(baton_transport_use use)
{
    static const char *const names[] = {"USED",        "NOT_BUILT",   "NO_DEVICE", "EXCLUDED",
                                        "NO_MESSAGES", "NO_FAILURES", "BROKEN"};
    return (size_t)use < sizeof(names) / sizeof(names[0]) ? names[use] : "?";
}
