/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_PERF_TCP_H
#define BATON_CLI_PERF_TCP_H

#include <baton/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Plain TCP sockets for two machines. "HOST:PORT"; an IPv6 address stands in brackets. Failures are
 * recorded. */

baton_status perf_tcp_connect(const char *where, uint32_t timeout_ms, int *socket_out);
/* Listens; port 0 takes a free one. name: what it listens at, in numbers. */
baton_status perf_tcp_listen(const char *where, int *socket_out, char *name, size_t size);
/* Who is at the other end, in numbers; "?" if that is not known. */
void perf_tcp_peer_name(int socket, char *name, size_t size);

#endif
