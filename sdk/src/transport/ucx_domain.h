/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_TRANSPORT_UCX_DOMAIN_H
#define BATON_TRANSPORT_UCX_DOMAIN_H

#include <uct/api/uct.h>

/* A memory domain of a component, as UCX is configured; end it with uct_md_close. */
static inline ucs_status_t baton__ucx_open_domain(uct_component_h component, const char *name, uct_md_h *md_out)
{
    uct_md_config_t *config;
    ucs_status_t status = uct_md_config_read(component, NULL, NULL, &config);
    if (status == UCS_OK) {
        status = uct_md_open(component, name, config, md_out);
        uct_config_release(config);
    }
    return status;
}

#endif
