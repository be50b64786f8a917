/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char origin_help[] =
    "usage: relay origin [OPTION]... [PATH]...\n"
    "\n"
    "Hands every file under the paths to a pool of workers (relay worker), which answer with its\n"
    "SHA-256, and compares that with the one computed here. Without a path: the programs and\n"
    "shared libraries of this machine.\n"
    "\n"
    "Folders are walked to the bottom. Symbolic links are followed where they are named on the\n"
    "command line and nowhere else; a file with several names is handed over once.\n"
    "\n"
    "  --nats URL      NATS servers, separated by commas (default: $BATON_NATS_URL, $NATS_URL,\n"
    "                  nats://127.0.0.1:4222)\n"
    "  --pool NAME     pool of workers to offer to (default: relay)\n"
    "  --name NAME     name of this side (default: host name and process id)\n"
    "  --wait SECONDS  longest wait for the NATS server, and for somebody who takes what is\n"
    "                  offered (default: 30)\n"
    "  --offers N      most hand-offs at a time (default: 8)\n"
    "  --memory MIB    most file contents held in memory at a time; a larger file goes alone\n"
    "                  (default: 1024)\n"
    "  --kill-one NAME=PID[,NAME=PID]...\n"
    "                  for demonstrations: sends SIGKILL to one of these workers of this machine,\n"
    "                  once, when it has got some but not all bytes of a file of 8 MiB or more; "
    "if\n"
    "                  there is no such moment, between two hand-offs. The table says which.\n"
    "\n"
    "Empty files, files that cannot be read and paths that do not exist are named on stderr and "
    "do\n"
    "not stop the rest. The last line on stdout is\n"
    "\n"
    "  relay: N hand-offs, N bytes, N wrong, N lost, N redelivered\n"
    "\n"
    "wrong: the digests differ; lost: read, offered and never acknowledged; redelivered: attempts\n"
    "beyond the first.\n"
    "\n"
    "Exit status: 0 if every file that could be read was handed over and every digest was right;\n"
    "1 if one was wrong or lost, or if a path could not be read and nothing was handed over;\n"
    "2 for a wrong command line; 130 or 143 after SIGINT or SIGTERM.\n";

static const char worker_help[] =
    "usage: relay worker [OPTION]...\n"
    "\n"
    "Serves a pool: takes what relay origin offers and answers with its SHA-256, until SIGINT\n"
    "or SIGTERM.\n"
    "\n"
    "  --nats URL       NATS servers, separated by commas (default: $BATON_NATS_URL, $NATS_URL,\n"
    "                   nats://127.0.0.1:4222)\n"
    "  --pool NAME      pool to serve (default: relay)\n"
    "  --name NAME      name of this worker (default: host name and process id)\n"
    "  --concurrency N  most hand-offs at a time (default: 8)\n"
    "  --wait SECONDS   longest wait for the NATS server at the start (default: 30)\n"
    "\n"
    "Exit status: 0 after SIGINT or SIGTERM; 1 if it could not serve; 2 for a wrong command\n"
    "line.\n";

enum {
    OPTION_HELP = 'h',
    OPTION_NATS = 256,
    OPTION_POOL,
    OPTION_NAME,
    OPTION_WAIT,
    OPTION_OFFERS,
    OPTION_MEMORY,
    OPTION_KILL_ONE,
    OPTION_CONCURRENCY
};

static const struct option origin_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"nats", required_argument, NULL, OPTION_NATS},
    {"pool", required_argument, NULL, OPTION_POOL},
    {"name", required_argument, NULL, OPTION_NAME},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"offers", required_argument, NULL, OPTION_OFFERS},
    {"memory", required_argument, NULL, OPTION_MEMORY},
    {"kill-one", required_argument, NULL, OPTION_KILL_ONE},
    {NULL, 0, NULL, 0},
};

static const struct option worker_options[] = {
    {"help", no_argument, NULL, OPTION_HELP},
    {"nats", required_argument, NULL, OPTION_NATS},
    {"pool", required_argument, NULL, OPTION_POOL},
    {"name", required_argument, NULL, OPTION_NAME},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"concurrency", required_argument, NULL, OPTION_CONCURRENCY},
    {NULL, 0, NULL, 0},
};

static bool parse_number(const char *option, const char *text, uint64_t least, uint64_t most,
                         uint64_t *number_out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < least ||
        number > most) {
        (void)fprintf(stderr, "relay: --%s takes a number from %llu to %llu, not '%s'\n", option,
                      (unsigned long long)least, (unsigned long long)most, text);
        return false;
    }
    *number_out = number;
    return true;
}

static bool set_number(int option, const char *text, relay_options *options)
{
    uint64_t number = 0;
    switch (option) {
    case OPTION_WAIT:
        if (!parse_number("wait", text, 1, 3600, &number)) {
            return false;
        }
        options->wait_ms = (uint32_t)number * 1000;
        return true;
    case OPTION_OFFERS:
        if (!parse_number("offers", text, 1, 256, &number)) {
            return false;
        }
        options->offers = (uint32_t)number;
        return true;
    case OPTION_CONCURRENCY:
        if (!parse_number("concurrency", text, 1, 256, &number)) {
            return false;
        }
        options->concurrency = (uint32_t)number;
        return true;
    default:
        if (!parse_number("memory", text, 1, UINT64_C(1) << 30, &number)) {
            return false;
        }
        options->memory_bytes = number << 20;
        return true;
    }
}

static bool set_option(int option, char *text, relay_options *options)
{
    switch (option) {
    case OPTION_NATS:
        options->nats_url = text;
        return true;
    case OPTION_POOL:
        options->pool = text;
        return true;
    case OPTION_NAME:
        options->name = text;
        return true;
    case OPTION_KILL_ONE:
        options->victims = text;
        return true;
    case '?':
        return false; /* getopt has said what is wrong */
    default:
        return set_number(option, text, options);
    }
}

static options_result parse(int argc, char **argv, const struct option *table, const char *help,
                            relay_options *options)
{
    *options = (relay_options){
        .pool = "relay",
        .wait_ms = 30000,
        .offers = 8,
        .concurrency = 8,
        .memory_bytes = UINT64_C(1) << 30,
    };
    int option = 0;
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        if (option == OPTION_HELP) {
            return fputs(help, stdout) < 0 ? OPTIONS_WRONG : OPTIONS_DONE;
        }
        if (!set_option(option, optarg, options)) {
            (void)fprintf(stderr, "Try 'relay %s --help'.\n",
                          strstr(help, "worker [") ? "worker" : "origin");
            return OPTIONS_WRONG;
        }
    }
    options->paths = argv + optind;
    return OPTIONS_OK;
}

options_result options_parse_origin(int argc, char **argv, relay_options *options_out)
{
    return parse(argc, argv, origin_options, origin_help, options_out);
}

options_result options_parse_worker(int argc, char **argv, relay_options *options_out)
{
    options_result result = parse(argc, argv, worker_options, worker_help, options_out);
    if (result == OPTIONS_OK && options_out->paths[0] != NULL) {
        (void)fprintf(stderr, "relay: a worker takes no path: '%s'\n", options_out->paths[0]);
        return OPTIONS_WRONG;
    }
    return result;
}
