/* SPDX-License-Identifier: Apache-2.0 */
/* `baton doctor`: arguments, the order of the checks, exit status. */
#include "cli.h"

#include "doctor_checks.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct arguments {
    const char *nats; /* NULL: not given */
    bool json;
    bool help;
} arguments;

static int usage(FILE *to)
{
    (void)fputs("usage: baton doctor [--nats URL] [--json]\n"
                "\n"
                "Says whether this machine is fit to run baton: versions, CUDA, transports, limits, NATS and environment.\n"
                "Each line is ok, a note, a warning or an error, and says what to do if it is not ok.\n"
                "\n"
                "  --nats URL   server to ask; a comma-separated list asks each\n"
                "               (default: BATON_NATS_URL, NATS_URL, nats://127.0.0.1:4222)\n"
                "  --json       one JSON object a line: checks, transports, and a summary at the end\n"
                "\n"
                "Exit status: 0 nothing above a note, 1 an error, 2 wrong arguments, 3 a warning and no error.\n",
                to);
    return to == stdout ? CLI_OK : CLI_USAGE;
}

static bool parse(int count, char **given, arguments *out)
{
    *out = (arguments){.nats = NULL};
    for (int i = 1; i < count; i++) {
        if (strcmp(given[i], "--json") == 0) {
            out->json = true;
        } else if (strcmp(given[i], "--help") == 0) {
            out->help = true;
        } else if (strcmp(given[i], "--nats") == 0 && i + 1 < count && given[i + 1][0] != '\0') {
            out->nats = given[++i];
        } else {
            (void)fprintf(stderr, "baton doctor: '%s' is no option%s\n", given[i],
                          strcmp(given[i], "--nats") == 0 ? " without a URL" : "");
            return false;
        }
    }
    return true;
}

/* As a worker finds it. */
static const char *url_of(const arguments *wanted)
{
    const char *url = wanted->nats;
    if (url == NULL) {
        url = getenv("BATON_NATS_URL");
    }
    if (url == NULL) {
        url = getenv("NATS_URL");
    }
    return url != NULL ? url : "nats://127.0.0.1:4222";
}

static bool wants_colour(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == NULL && terminal != NULL &&
           strcmp(terminal, "dumb") != 0;
}

int cli_doctor(int count, char **given)
{
    arguments wanted;
    if (!parse(count, given, &wanted)) {
        return usage(stderr);
    }
    if (wanted.help) {
        return usage(stdout);
    }
    doctor_report report = {.json = wanted.json, .colour = !wanted.json && wants_colour()};
    doctor_facts facts;
    doctor_facts_init(&facts);
    doctor_check_versions(&report, &facts);
    doctor_check_cuda(&report);
    doctor_check_transports(&report, &facts);
    doctor_check_limits(&report, &facts);
    doctor_check_process(&report);
    doctor_check_environment(&report, &facts);
    doctor_check_nats(&report, &facts, url_of(&wanted));
    doctor_end(&report);
    doctor_facts_fini(&facts);
    if (report.counts[DOCTOR_ERROR] != 0) {
        return CLI_FAILED;
    }
    return report.counts[DOCTOR_WARNING] != 0 ? CLI_WARNED : CLI_OK;
}
