/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_report.h"

#include "json_line.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_COLUMN = 11, TEXT_COLUMN = 29 };

static const char *const names[] = {"ok", "note", "warning", "error"};
static const char *const colours[] = {"\033[32m", "\033[36m", "\033[33m", "\033[31m"};

const char *doctor_severity_name(doctor_severity severity)
{
    return names[severity];
}

void doctor_section(const doctor_report *report, const char *title)
{
    if (!report->json) {
        (void)printf("\n%s\n", title);
    }
}

void doctor_wrap(int column, const char *text)
{
    int at = column;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (at > column && at + 1 + length > DOCTOR_COLUMNS) {
            (void)printf("\n%*s", column, "");
            at = column;
        }
        (void)printf("%s%.*s", at > column ? " " : "", length, text);
        at += length + (at > column ? 1 : 0);
        text += length;
        text += strspn(text, " ");
    }
    (void)putchar('\n');
}

static void say_line(const doctor_report *report, const doctor_finding *finding, const char *found)
{
    const char *severity = names[finding->severity];
    (void)printf("  %s%s%s%*s", report->colour ? colours[finding->severity] : "", severity,
                 report->colour ? "\033[0m" : "", NAME_COLUMN - 2 - (int)strlen(severity), "");
    int length = printf("%s", finding->name);
    (void)printf("%*s", NAME_COLUMN + length < TEXT_COLUMN ? TEXT_COLUMN - NAME_COLUMN - length : 1, "");
    doctor_wrap(TEXT_COLUMN, found);
    if (finding->fix != NULL) {
        (void)printf("%*s", TEXT_COLUMN, "");
        (void)printf("fix: ");
        doctor_wrap(TEXT_COLUMN + 5, finding->fix);
    }
}

static void add_field(json_line *line, const doctor_field *field)
{
    switch (field->kind) {
    case DOCTOR_WHOLE:
        if (field->whole == DOCTOR_UNLIMITED) {
            json_line_text(line, field->name, NULL);
        } else {
            json_line_whole(line, field->name, field->whole);
        }
        break;
    case DOCTOR_REAL:
        json_line_real(line, field->name, field->real);
        break;
    case DOCTOR_TEXT:
        json_line_text(line, field->name, field->text);
        break;
    case DOCTOR_BOOL:
        json_line_bool(line, field->name, field->whole != 0);
        break;
    default:
        break;
    }
}

static void say_object(const doctor_finding *finding, const char *found)
{
    json_line *line = json_line_begin("check");
    json_line_text(line, "name", finding->name);
    json_line_text(line, "severity", names[finding->severity]);
    json_line_text(line, "found", found);
    json_line_text(line, "fix", finding->fix);
    for (int i = 0; i < DOCTOR_FIELDS_MAX; i++) {
        add_field(line, &finding->fields[i]);
    }
    json_line_end(line);
}

void doctor_say(doctor_report *report, const doctor_finding *finding, const char *format, ...)
{
    char found[1024];
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is; clang 14 does not see va_start here */
    (void)vsnprintf(found, sizeof(found), format, arguments);
    va_end(arguments);
    report->counts[finding->severity]++;
    if (report->json) {
        say_object(finding, found);
    } else {
        say_line(report, finding, found);
    }
}

void doctor_end(const doctor_report *report)
{
    const unsigned *counts = report->counts;
    if (report->json) {
        json_line *line = json_line_begin("doctor");
        json_line_whole(line, "ok", counts[DOCTOR_OK]);
        json_line_whole(line, "notes", counts[DOCTOR_NOTE]);
        json_line_whole(line, "warnings", counts[DOCTOR_WARNING]);
        json_line_whole(line, "errors", counts[DOCTOR_ERROR]);
        json_line_end(line);
        return;
    }
    (void)printf("\n%s: %u error%s, %u warning%s, %u note%s, %u ok\n",
                 counts[DOCTOR_ERROR] != 0     ? "not fit"
                 : counts[DOCTOR_WARNING] != 0 ? "fit, with warnings"
                                               : "fit",
                 counts[DOCTOR_ERROR], counts[DOCTOR_ERROR] == 1 ? "" : "s", counts[DOCTOR_WARNING],
                 counts[DOCTOR_WARNING] == 1 ? "" : "s", counts[DOCTOR_NOTE],
                 counts[DOCTOR_NOTE] == 1 ? "" : "s", counts[DOCTOR_OK]);
}
