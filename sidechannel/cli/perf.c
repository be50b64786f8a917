/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `baton perf`: measures what this library does, with its public headers alone. Files by what they
 * own:
 *
 *   perf_options, perf_options_line, perf_size, perf_path   what is asked for
 *   perf_peer, perf_process       the other process; perf_tcp and perf_serve: the other machine
 *   perf_channel                  how the two talk
 *   perf_transfer, perf_passive   transfers, from the active and from the passive side
 *   perf_slots, perf_buffers      their memory; perf_mirror: what of it the CPU cannot reach
 *   perf_handoff, perf_consumer   hand-offs over NATS, and the other side of them; perf_nats_server, perf_worker
 *   perf_idle                     what peers cost that do nothing
 *   perf_live                     what operations cost that wait; perf_live_work, _deadline, _lookup: its parts
 *   perf_connector, perf_link     a connector as the options want it
 *   perf_meter, perf_statistics, perf_report   clocks, percentiles, output
 *   perf_failure                  why it failed
 */
#include "cli.h"
#include "perf_failure.h"
#include "perf_handoff.h"
#include "perf_idle.h"
#include "perf_link.h"
#include "perf_live.h"
#include "perf_peer.h"
#include "perf_report.h"
#include "perf_serve.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: baton perf [TRANSFER OPTION...]           transfers to a process of its own\n"
    "       baton perf --connect HOST:PORT [...]      ... to another machine\n"
    "       baton perf --serve [ADDRESS:PORT]         the other machine (" PERF_SERVE_DEFAULT ")\n"
    "       baton perf --handoff [--nats URL] [...]   whole hand-offs over NATS, and pings over "
    "NATS\n"
    "       baton perf --idle SECONDS [--peers N]     a connector with peers and nothing to do\n"
    "       baton perf --live N                       N passive operations in one connector\n"
    "\n"
    "  --link any|shm|tcp             sets UCX_TLS for both sides\n"
    "  --progress thread|application  who drives progress\n"
    "  --json                         one object a line\n"
    "\n"
    "  transfers, and those of these that make sense for hand-offs:\n"
    "  --op read|write     from the side that begins it (read)\n"
    "  --path auto|am|map|view|rma|staged\n"
    "                      map: reads of 64KiB or more, from a pool; view: looked at in place; rma: 64KiB or more, over verbs;\n"
    "                      staged: memory of a device, through pinned memory\n"
    "  --device cpu|cuda:N       where the memory of this side is (cpu)\n"
    "  --peer-device cpu|cuda:N  where that of the other side is (as --device)\n"
    "  --size SIZE         such as 4096, 64KiB, 1MB (1MiB; a hand-off 4KiB)\n"
    "  --count N           how many are measured (1000)\n"
    "  --depth D           so many in flight at a time (1)\n"
    "  --segments K        pieces that one is made of, a descriptor each (1)\n"
    "  --stride SIZE       the pieces are one descriptor, so far from each other\n"
    "  --warmup W          so many before them (20)\n"
    "  --timeout SECONDS   for each batch, or hand-off (60)\n";

/* Sockets must not take the places of these. */
static void hold_standard_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDWR);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static baton_status transfer(const perf_options *options)
{
    perf_peer peer = {0};
    perf_transfers transfers;
    baton_status status = options->connect != NULL ? perf_peer_connect(options->connect, &peer)
                                                   : perf_peer_start(&peer);
    if (status == BATON_OK) {
        status = perf_transfer_run(options, &peer.channel, &transfers);
    }
    perf_peer_end(&peer);
    if (status == BATON_OK) {
        perf_report_transfers(options, &transfers);
    }
    return status;
}

static baton_status run(const perf_options *options)
{
    switch (options->mode) {
    case PERF_MODE_SERVE:
        return perf_serve(options);
    case PERF_MODE_HANDOFF:
        return perf_handoff(options);
    case PERF_MODE_IDLE:
        return perf_idle(options);
    case PERF_MODE_LIVE:
        return perf_live(options);
    case PERF_MODE_TRANSFER:
        break;
    }
    return transfer(options);
}

int cli_perf(int count, char **arguments)
{
    perf_options options;
    perf_parsed parsed = perf_options_parse(count, arguments, &options);
    if (parsed == PERF_WRONG || options.help) {
        (void)fputs(usage, parsed == PERF_WRONG ? stderr : stdout);
        return parsed == PERF_WRONG ? CLI_USAGE : CLI_OK;
    }
    if (options.role != NULL) {
        return perf_peer_main(options.role);
    }
    hold_standard_descriptors();
    perf_interrupts_catch();
    perf_link_apply(&options);
    baton_status status = run(&options);
    if (options.mode == PERF_MODE_SERVE && status == BATON_ERR_CANCELLED) {
        return CLI_OK; /* a signal is how it ends */
    }
    if (status != BATON_OK) {
        perf_failure_print(options.json);
    }
    return status == BATON_OK ? CLI_OK : CLI_FAILED;
}
