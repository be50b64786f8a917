/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_CLI_DOCTOR_REPORT_H
#define BATON_CLI_DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What `baton doctor` says: findings, each a line for people or an object for programs, and how many of each kind. */
typedef enum doctor_severity {
    DOCTOR_OK = 0,
    DOCTOR_NOTE = 1,    /* worth knowing; nothing has to be done */
    DOCTOR_WARNING = 2, /* works, and will hurt */
    DOCTOR_ERROR = 3    /* does not work */
} doctor_severity;
enum { DOCTOR_SEVERITIES = 4, DOCTOR_FIELDS_MAX = 8 };

/* A number that has no bound: null in JSON. */
#define DOCTOR_UNLIMITED UINT64_MAX

/* A field of a finding, for programs alone. Its name says the unit. */
typedef struct doctor_field {
    enum { DOCTOR_NO_FIELD, DOCTOR_WHOLE, DOCTOR_REAL, DOCTOR_TEXT, DOCTOR_BOOL } kind;
    const char *name;
    uint64_t whole;
    double real;
    const char *text;
} doctor_field;

static inline doctor_field doctor_whole(const char *name, uint64_t value)
{
    return (doctor_field){.kind = DOCTOR_WHOLE, .name = name, .whole = value};
}

static inline doctor_field doctor_real(const char *name, double value)
{
    return (doctor_field){.kind = DOCTOR_REAL, .name = name, .real = value};
}

static inline doctor_field doctor_text(const char *name, const char *value)
{
    return (doctor_field){.kind = DOCTOR_TEXT, .name = name, .text = value};
}

static inline doctor_field doctor_bool(const char *name, bool value)
{
    return (doctor_field){.kind = DOCTOR_BOOL, .name = name, .whole = value};
}

typedef struct doctor_finding {
    const char *name;
    doctor_severity severity;
    const char *fix; /* what to do; NULL for DOCTOR_OK alone */
    doctor_field fields[DOCTOR_FIELDS_MAX];
} doctor_finding;

typedef struct doctor_report {
    bool json;
    bool colour;
    unsigned counts[DOCTOR_SEVERITIES];
} doctor_report;

/* A heading, for people. */
void doctor_section(const doctor_report *report, const char *title);
/* Counts and prints one. format: what was found. */
void doctor_say(doctor_report *report, const doctor_finding *finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The last line. */
void doctor_end(const doctor_report *report);

/* "ok", "note", "warning", "error". */
const char *doctor_severity_name(doctor_severity severity);

/* Prints text from the column `column` on, which the cursor has reached, in lines of at most DOCTOR_COLUMNS. */
enum { DOCTOR_COLUMNS = 100 };
void doctor_wrap(int column, const char *text);

#endif
