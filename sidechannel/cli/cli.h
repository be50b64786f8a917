/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_H
#define BATON_CLI_H

/* Exit statuses of `baton`. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* it could not be done, or what it found is wrong */
    CLI_USAGE = 2,  /* the arguments */
    CLI_WARNED = 3  /* doctor: it works, and something should be looked at */
};

/* The commands, each in a file of its own. arguments: from the name of the command on. */
int cli_perf(int count, char **arguments);
int cli_version(int count, char **arguments);
int cli_doctor(int count, char **arguments);

#endif
