/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_LINK_H
#define BATON_CLI_PERF_LINK_H

#include "perf_options.h"

/* Sets UCX_TLS for --link, for this process and those that it starts; before there is a connector.
 * Says so on stderr if the environment says something else. */
void perf_link_apply(const perf_options *options);
/* UCX_TLS as it is now; NULL: it is not set, and UCX takes what it finds. */
const char *perf_link_tls(void);

#endif
