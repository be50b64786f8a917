/* SPDX-License-Identifier: Apache-2.0 */
/* relay: hands the files under some paths to workers in other processes and checks what they made
 * of them. */
#include "options.h"
#include "origin.h"
#include "signals.h"
#include "worker.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: relay origin [OPTION]... [PATH]...   hands files to a pool of workers\n"
    "       relay worker [OPTION]...             serves the pool: answers with their SHA-256\n"
    "       relay origin|worker --help           says more\n";

static int status_of(options_result result)
{
    return result == OPTIONS_DONE ? 0 : 2;
}

int main(int argc, char **argv)
{
    relay_options options;
    signals_reset();
    if (argc >= 2 && strcmp(argv[1], "origin") == 0) {
        options_result result = options_parse_origin(argc - 1, argv + 1, &options);
        return result == OPTIONS_OK ? relay_origin(&options) : status_of(result);
    }
    if (argc >= 2 && strcmp(argv[1], "worker") == 0) {
        options_result result = options_parse_worker(argc - 1, argv + 1, &options);
        return result == OPTIONS_OK ? relay_worker(&options) : status_of(result);
    }
    bool help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    return fputs(usage, help ? stdout : stderr) >= 0 && help ? 0 : 2;
}
