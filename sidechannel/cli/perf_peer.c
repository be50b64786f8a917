/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_peer.h"

#include "cli.h"
#include "perf_failure.h"
#include "perf_handoff.h"
#include "perf_idle.h"
#include "perf_link.h"
#include "perf_process.h"
#include "perf_tcp.h"
#include "perf_transfer.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { END_MS = 5000, FAILED_END_MS = 200 };

static baton_status serve(const perf_options *options, perf_channel *channel, bool is_session)
{
    if (options->mode == PERF_MODE_TRANSFER) {
        return perf_transfer_serve(options, channel);
    }
    if (options->mode == PERF_MODE_HANDOFF && !is_session) {
        return perf_handoff_consume(options, channel);
    }
    if (options->mode == PERF_MODE_IDLE && !is_session) {
        return perf_idle_peers(options, channel);
    }
    return perf_fail(BATON_ERR_NOT_SUPPORTED, "that is not for this side to do");
}

/* The options point into a copy of the line, which the caller keeps. */
static baton_status hear_options(perf_channel *channel, char *line, size_t size,
                                 perf_options *options_out)
{
    baton_status status = perf_channel_greet(channel, PERF_ANSWER_MS);
    if (status == BATON_OK) {
        status = perf_channel_expect(channel, PERF_FRAME_OPTIONS, PERF_ANSWER_MS);
    }
    if (status != BATON_OK) {
        return status;
    }
    if (channel->size >= size) {
        return perf_fail(BATON_ERR_TOO_LARGE, "the options are %zu bytes", channel->size);
    }
    memcpy(line, channel->data, channel->size + 1);
    return perf_options_parse_line(line, options_out) == PERF_PARSED
               ? BATON_OK
               : perf_fail(BATON_ERR_INVALID_ARGUMENT,
                           "options that this side does not understand");
}

int perf_peer_main(const char *role)
{
    char line[1024];
    perf_channel channel;
    perf_options options = {0};
    bool is_session = strcmp(role, "session") == 0;
    if (!is_session && strcmp(role, "peer") != 0) {
        (void)fprintf(stderr, "baton perf: there is no role \"%s\"\n", role);
        return CLI_USAGE;
    }
    perf_channel_init(&channel, STDIN_FILENO);
    baton_status status = hear_options(&channel, line, sizeof(line), &options);
    if (status == BATON_OK) {
        perf_link_apply(&options);
        status = serve(&options, &channel, is_session);
    } else {
        perf_channel_send_failure(&channel);
    }
    if (is_session && status != BATON_OK) {
        perf_failure_print(false);
    }
    perf_channel_fini(&channel);
    return status == BATON_OK ? CLI_OK : CLI_FAILED;
}

static baton_status greet(perf_peer *peer)
{
    baton_status status = perf_channel_greet(&peer->channel, PERF_ANSWER_MS);
    if (status != BATON_OK) {
        perf_peer_end(peer);
    }
    return status;
}

baton_status perf_peer_start(perf_peer *peer_out)
{
    int socket = -1;
    baton_status status = perf_process_start_role("peer", &peer_out->pid, &socket);
    if (status != BATON_OK) {
        return status;
    }
    perf_channel_init(&peer_out->channel, socket);
    return greet(peer_out);
}

baton_status perf_peer_connect(const char *where, perf_peer *peer_out)
{
    int socket = -1;
    baton_status status = perf_tcp_connect(where, PERF_ANSWER_MS, &socket);
    if (status != BATON_OK) {
        return status;
    }
    peer_out->pid = 0;
    perf_channel_init(&peer_out->channel, socket);
    return greet(peer_out);
}

void perf_peer_end(perf_peer *peer)
{
    if (peer->channel.fd > 0) {
        perf_channel_fini(&peer->channel);
    }
    perf_process_end(peer->pid, perf_failure_status() == BATON_OK ? END_MS : FAILED_END_MS);
    *peer = (perf_peer){.channel.fd = -1};
}
