/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of UCX and baton that are set, and what is known to hurt. The reasons are in sdk/README.md, "Manners". */
#include "doctor_checks.h"

#include "doctor_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

typedef enum hurt {
    ALWAYS,       /* whatever the value */
    WHEN_OFF,     /* a switch that is off */
    WHEN_ON,      /* a switch that is not off */
    WHEN_FINITE,  /* a size that is not "inf" */
    FROM_64K,     /* a size of 64 KiB or more */
    NOT_INFINITE, /* a time */
    WHEN_VERBOSE, /* a log level below info */
    WHEN_UNKNOWN_LEVEL
} hurt;

typedef struct rule {
    const char *name;
    hurt hurt;
    doctor_verdict verdict;
} rule;

static const rule rules[] = {
    {"UCX_TLS", ALWAYS,
     {DOCTOR_NOTE, "it decides which transports there are: see the list above",
      "unset it, unless it is meant so; UCX chooses well by itself"}},
    {"UCX_NET_DEVICES", ALWAYS,
     {DOCTOR_NOTE, "it decides which interfaces are used: see the list above", "nothing, if these are the ones"}},
    {"UCX_POSIX_ERROR_HANDLING", WHEN_OFF,
     {DOCTOR_WARNING, "takes shared memory from baton, which has to learn of the death of peers: posix, up to UCX 1.16 sysv too",
      "unset it"}},
    {"UCX_SYSV_ERROR_HANDLING", WHEN_OFF,
     {DOCTOR_WARNING, "takes sysv shared memory from baton, which has to learn of the death of peers (from UCX 1.17 on)",
      "unset it"}},
    {"UCX_ZCOPY_THRESH", WHEN_FINITE,
     {DOCTOR_WARNING,
      "TCP's zero copy cannot be revoked from a peer that stopped, and closing under it can abort the process",
      "unset it: baton sets inf"}},
    {"UCX_RCACHE_ENABLE", WHEN_ON,
     {DOCTOR_WARNING, "memory stays registered with the network card after baton has given it back",
      "unset it: baton sets n"}},
    {"UCX_KEEPALIVE_INTERVAL", NOT_INFINITE,
     {DOCTOR_WARNING,
      "UCX 1.13 can crash in it when a peer dies while it connects, and every peer wakes this process once for each interval",
      "unset it: baton sets inf"}},
    {"UCX_TCP_TX_SEG_SIZE", ALWAYS,
     {DOCTOR_NOTE, "is not heeded by baton, whose peers have to agree on it", "nothing, or unset it: baton sets 544k"}},
    {"UCX_TCP_RX_SEG_SIZE", ALWAYS,
     {DOCTOR_NOTE, "is not heeded by baton, whose peers have to agree on it", "nothing, or unset it: baton sets 544k"}},
    {"UCX_POSIX_SEG_SIZE", FROM_64K,
     {DOCTOR_ERROR, "lengths in UCX's shared-memory queues have 16 bits", "set it below 64k, or unset it"}},
    {"UCX_SYSV_SEG_SIZE", FROM_64K,
     {DOCTOR_ERROR, "lengths in UCX's shared-memory queues have 16 bits", "set it below 64k, or unset it"}},
    {"UCX_LOG_LEVEL", WHEN_VERBOSE,
     {DOCTOR_NOTE, "UCX writes much at this level, which costs time", "unset it, or info, once it is not needed"}},
    {"UCX_WARN_UNUSED_ENV_VARS", WHEN_OFF,
     {DOCTOR_NOTE, "UCX does not say which variables it does not know, so a wrong name is not found here",
      "unset it"}},
    {"BATON_LOG_LEVEL", WHEN_UNKNOWN_LEVEL,
     {DOCTOR_WARNING, "is no level of baton's", "error, warn, info, debug or trace"}},
};

static bool is_one_of(const char *value, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(value, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_verbose(const char *value)
{
    static const char *const levels[] = {"debug", "trace", "req", "data", "async", "func", "poll"};
    return is_one_of(value, levels, sizeof(levels) / sizeof(levels[0]));
}

static bool is_level(const char *value)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
    return is_one_of(value, levels, sizeof(levels) / sizeof(levels[0]));
}

static bool hurts(hurt how, const char *value)
{
    uint64_t number = 0;
    bool on = true;
    switch (how) {
    case ALWAYS:
        return true;
    case WHEN_OFF:
        return doctor_parse_switch(value, &on) && !on;
    case WHEN_ON:
        return !doctor_parse_switch(value, &on) || on;
    case WHEN_FINITE:
        return !doctor_parse_size(value, &number) || number != UINT64_MAX;
    case FROM_64K:
        return doctor_parse_size(value, &number) && number >= 65536;
    case NOT_INFINITE:
        return !doctor_parse_time(value, &number) || number != UINT64_MAX;
    case WHEN_VERBOSE:
        return is_verbose(value);
    default:
        return *value != '\0' && !is_level(value);
    }
}

doctor_verdict doctor_rate_variable(const char *name, const char *value)
{
    static const char *const known[] = {"BATON_NATS_URL", "BATON_LOG_LEVEL", "BATON_CUDART"};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strcmp(rules[i].name, name) == 0 && hurts(rules[i].hurt, value)) {
            return rules[i].verdict;
        }
    }
    if (strncmp(name, "BATON_", 6) == 0 && !is_one_of(name, known, sizeof(known) / sizeof(known[0]))) {
        return (doctor_verdict){DOCTOR_NOTE, "baton does not know it",
                                "correct its name if it was meant for baton: BATON_NATS_URL, BATON_LOG_LEVEL, BATON_CUDART"};
    }
    return (doctor_verdict){DOCTOR_OK, NULL, NULL};
}

static bool is_ours(const char *entry)
{
    return strncmp(entry, "UCX_", 4) == 0 || strncmp(entry, "BATON_", 6) == 0 || strncmp(entry, "NATS_URL=", 9) == 0;
}

static void say(doctor_report *report, const char *entry)
{
    char name[128];
    char shown[512];
    const char *equals = strchr(entry, '=');
    if (equals == NULL) {
        return;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - entry), entry);
    doctor_print_urls(equals + 1, shown, sizeof(shown));
    doctor_verdict verdict = doctor_rate_variable(name, equals + 1);
    doctor_say(report,
               &(doctor_finding){.name = "variable",
                                 .severity = verdict.severity,
                                 .fix = verdict.fix,
                                 .fields = {doctor_text("variable", name), doctor_text("value", shown)}},
               "%s=%s%s%s", name, shown, verdict.found != NULL ? ": " : "",
               verdict.found != NULL ? verdict.found : "");
}

void doctor_check_environment(doctor_report *report, const doctor_facts *facts)
{
    doctor_section(report, "Environment");
    unsigned found = 0;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (is_ours(*entry)) {
            say(report, *entry);
            found++;
        }
    }
    if (found == 0) {
        doctor_say(report, &(doctor_finding){.name = "variables"}, "no variable of UCX or baton is set");
    }
    for (unsigned i = 0; i < facts->lines; i++) {
        bool unknown = strstr(facts->line[i], "unused env") != NULL;
        doctor_say(report,
                   &(doctor_finding){.name = unknown ? "ucx_unknown_variable" : "ucx_warning",
                                     .severity = DOCTOR_WARNING,
                                     .fix = unknown ? "correct its name, or unset it: nothing in UCX read it"
                                                    : "UCX said so while it was opened; UCX_LOG_LEVEL=info tells more"},
                   "%s", facts->line[i]);
    }
}
