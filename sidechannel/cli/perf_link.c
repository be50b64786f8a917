/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void perf_link_apply(const perf_options *options)
{
    const char *wanted = perf_options_tls(options);
    const char *set = perf_link_tls();
    if (wanted == NULL || (set != NULL && strcmp(set, wanted) == 0)) {
        return;
    }
    if (set != NULL) {
        (void)fprintf(stderr,
                      "baton perf: --link %s means UCX_TLS=%s; UCX_TLS=%s of the environment does "
                      "not count\n",
                      options->link, wanted, set);
    }
    (void)setenv("UCX_TLS", wanted, 1);
}

const char *perf_link_tls(void)
{
    return getenv("UCX_TLS");
}
