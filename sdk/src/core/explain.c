/* SPDX-License-Identifier: Apache-2.0 */
/* Which way the bytes of an operation went, for people. */
#include "core/connector.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Between the two memories, those of the kernel included. UCX's copying transports pack into a buffer and unpack from one. */
uint32_t baton__copies(const char *path, const char *transport)
{
    if (strcmp(path, "staged") == 0) {
        return baton__copies("am", transport) + 1;
    }
    if (strcmp(path, "direct") == 0) { /* of a device's memory: by the device, or by RDMA */
        return strstr(transport, "cuda_ipc") != NULL ? 1 : 0;
    }
    if (strcmp(path, "map") == 0) {
        return 1;
    }
    if (strcmp(path, "rma") == 0) {
        return 0;
    }
    if (strstr(transport, "tcp") != NULL) {
        return 4;
    }
    bool shared = strstr(transport, "posix") != NULL || strstr(transport, "sysv") != NULL ||
                  strstr(transport, "xpmem") != NULL || strstr(transport, "self") != NULL;
    return shared ? 2 : 0; /* RDMA reads and writes the memory itself */
}

typedef struct writer {
    char *text;
    size_t size;
    size_t length; /* of all of it; what does not fit is cut off */
} writer;

static void add(writer *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(writer *to, const char *format, ...)
{
    bool fits = to->length < to->size;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(fits ? to->text + to->length : NULL, fits ? to->size - to->length : 0, format, arguments);
    va_end(arguments);
    to->length += written > 0 ? (size_t)written : 0;
}

static void add_way(const baton_operation_report *report, writer *to)
{
    if (report->copies == 0 && strcmp(report->path, "map") == 0) {
        add(to, "map over %s, a view without a copy", report->transport);
        return;
    }
    add(to, "%s over %s, %u %s", report->path, report->transport, report->copies,
        report->copies == 1 ? "copy" : "copies");
    if (report->chunk_bytes != 0) {
        add(to, ", chunks of %llu KiB, %u in flight", (unsigned long long)(report->chunk_bytes / 1024),
            report->chunk_depth);
    }
}

size_t baton_operation_explain(const baton_operation *op, char *text, size_t size)
{
    baton_operation_report report = {.struct_size = sizeof(report)};
    writer to = {.text = text, .size = size};
    if (size != 0) {
        text[0] = '\0';
    }
    if (baton_operation_get_report(op, &report) != BATON_OK) {
        return 0;
    }
    if (report.status <= BATON_OPERATION_IN_PROGRESS) {
        add(&to, "not over yet");
    } else if (report.path[0] == '\0') {
        add(&to, "no byte was moved");
    } else {
        add_way(&report, &to);
    }
    if (report.why_staged[0] != '\0') {
        add(&to, "; %s: %s", strcmp(report.path, "staged") == 0 ? "not straight to or from the device" : "in part staged", report.why_staged);
    }
    if (report.why_not_map[0] != '\0') {
        add(&to, "; not map: %s", report.why_not_map);
    }
    if (report.why_not_rma[0] != '\0') {
        add(&to, "; not rma: %s", report.why_not_rma);
    }
    return to.length;
}
