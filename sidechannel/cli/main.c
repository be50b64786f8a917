/* SPDX-License-Identifier: Apache-2.0 */
/* The program `baton`. */
#include "cli.h"
#include "json_line.h"

#include <baton/baton.h>
#include <stdio.h>
#include <string.h>

typedef struct command {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *text;
} command;

static const command commands[] = {
    {"doctor", cli_doctor, "whether this machine is fit for baton, and what to do if not; --nats URL, --json"},
    {"perf", cli_perf, "latency, rate and cost of transfers, hand-offs, peers and operations; --json"},
    {"version", cli_version, "the versions of baton and of what it runs on; --json"},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int usage(FILE *to)
{
    (void)fputs("usage: baton COMMAND [OPTION...]\n\n", to);
    for (int i = 0; i < COMMANDS; i++) {
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].text);
    }
    (void)fputs("\nbaton COMMAND --help tells more.\n", to);
    return to == stdout ? CLI_OK : CLI_USAGE;
}

int cli_version(int count, char **arguments)
{
    bool json = count == 2 && strcmp(arguments[1], "--json") == 0;
    if (count > 1 && !json) {
        (void)fputs("usage: baton version [--json]\n", count == 2 && strcmp(arguments[1], "--help") == 0 ? stdout : stderr);
        return count == 2 && strcmp(arguments[1], "--help") == 0 ? CLI_OK : CLI_USAGE;
    }
    if (json) {
        json_line *line = json_line_begin("version");
        json_line_text(line, "baton", baton_version());
        json_line_text(line, "ucx", baton_transport_version());
        json_line_end(line);
    } else {
        (void)printf("baton %s, UCX %s\n", baton_version(), baton_transport_version());
    }
    return CLI_OK;
}

int main(int count, char **arguments)
{
    if (count < 2) {
        return usage(stderr);
    }
    if (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "help") == 0) {
        return usage(stdout);
    }
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(arguments[1], commands[i].name) == 0) {
            return commands[i].run(count - 1, arguments + 1);
        }
    }
    (void)fprintf(stderr, "baton: there is no command '%s'\n", arguments[1]);
    return usage(stderr);
}
