/* SPDX-License-Identifier: Apache-2.0 */
/* Which verbs device the path rma takes. */
#include "transport/ucx_rma.h"

#include "base/error.h"
#include "base/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reliable connections alone: one queue pair for each peer, which can be ended. The first is the better one. */
static const struct {
    const char *name;
    const char *const aliases[5]; /* in UCX_TLS */
} transports[] = {
    {"rc_mlx5", {"rc_mlx5", "rc_x", "rc", "ib", NULL}},
    {"rc_verbs", {"rc_verbs", "rc_v", "rc", "ib", NULL}},
};
enum { TRANSPORTS = sizeof(transports) / sizeof(transports[0]) };

static bool is_in(const char *list, const char *name)
{
    size_t length = strlen(name);
    while (*list != '\0') {
        size_t here = strcspn(list, ",");
        if (here == length && strncmp(list, name, length) == 0) {
            return true;
        }
        list += here + (list[here] == ',');
    }
    return false;
}

bool baton__rma_list_has(const char *list, const char *const *names)
{
    if (list == NULL || is_in(list, "all")) {
        return true;
    }
    bool negated = list[0] == '^';
    for (; *names != NULL; names++) {
        if (is_in(list + negated, *names)) {
            return !negated;
        }
    }
    return negated;
}

typedef struct search {
    size_t transport; /* index of the present one */
    bool seen;        /* there is such a device, but the environment leaves it out */
    baton__rma_device *device;
} search;

static bool take(search *s, const uct_tl_resource_desc_t *resource)
{
    if (strcmp(resource->tl_name, transports[s->transport].name) != 0) {
        return false;
    }
    const char *const devices[] = {resource->dev_name, NULL};
    if (!baton__rma_list_has(getenv("UCX_TLS"), transports[s->transport].aliases) ||
        !baton__rma_list_has(getenv("UCX_NET_DEVICES"), devices)) {
        s->seen = true;
        return false;
    }
    (void)snprintf(s->device->transport, sizeof(s->device->transport), "%s", resource->tl_name);
    (void)snprintf(s->device->name, sizeof(s->device->name), "%s", resource->dev_name);
    return true;
}

static ucs_status_t open_domain(uct_component_h component, const char *name, uct_md_h *md_out)
{
    uct_md_config_t *config;
    ucs_status_t status = uct_md_config_read(component, NULL, NULL, &config);
    if (status != UCS_OK) {
        return status;
    }
    /* What is deregistered is to be gone, not cached. UCX that has no such setting caches nothing here. */
    if (uct_config_modify(config, "REG_METHODS", "direct") != UCS_OK) {
        BATON__DEBUG("ucx: this version has no REG_METHODS");
    }
    status = uct_md_open(component, name, config, md_out);
    uct_config_release(config);
    return status;
}

static bool search_domain(search *s, uct_component_h component, const char *name)
{
    uct_md_h md;
    uct_tl_resource_desc_t *resources;
    unsigned count;
    if (open_domain(component, name, &md) != UCS_OK) {
        return false;
    }
    bool found = false;
    if (uct_md_query_tl_resources(md, &resources, &count) == UCS_OK) {
        for (unsigned i = 0; i < count && !found; i++) {
            found = take(s, &resources[i]);
        }
        uct_release_tl_resource_list(resources);
    }
    if (!found) {
        uct_md_close(md);
        return false;
    }
    s->device->component = component;
    s->device->md = md;
    return true;
}

static bool search_component(search *s, uct_component_h component)
{
    uct_component_attr_t attributes = {.field_mask = UCT_COMPONENT_ATTR_FIELD_NAME |
                                                     UCT_COMPONENT_ATTR_FIELD_MD_RESOURCE_COUNT};
    if (uct_component_query(component, &attributes) != UCS_OK || strcmp(attributes.name, "ib") != 0 ||
        attributes.md_resource_count == 0) {
        return false;
    }
    uct_md_resource_desc_t *domains = calloc(attributes.md_resource_count, sizeof(*domains));
    if (domains == NULL) {
        return false;
    }
    attributes.field_mask = UCT_COMPONENT_ATTR_FIELD_MD_RESOURCES;
    attributes.md_resources = domains;
    bool found = false;
    if (uct_component_query(component, &attributes) == UCS_OK) {
        for (unsigned i = 0; i < attributes.md_resource_count && !found; i++) {
            found = search_domain(s, component, domains[i].md_name);
        }
    }
    free(domains);
    return found;
}

baton_status baton__rma_device_open(baton__rma_device *device, const char **why_out)
{
    uct_component_h *components;
    unsigned count;
    ucs_status_t status = uct_query_components(&components, &count);
    if (status != UCS_OK) {
        return baton__fail(BATON_ERR_TRANSPORT, "UCX cannot list its components: %s", ucs_status_string(status));
    }
    search s = {.device = device};
    bool found = false;
    for (s.transport = 0; s.transport < TRANSPORTS && !found; s.transport++) {
        for (unsigned i = 0; i < count && !found; i++) {
            found = search_component(&s, components[i]);
        }
    }
    uct_release_component_list(components);
    if (found) {
        return BATON_OK;
    }
    *why_out = s.seen ? "UCX_TLS or UCX_NET_DEVICES leave the verbs device of this host out"
                      : "UCX has no verbs device with an active port on this host";
    return BATON_ERR_NOT_SUPPORTED;
}
