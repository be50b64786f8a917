/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NATS. Each server of the list is asked by a thread of its own, one after the other: the resolution of a name, which
 * nobody can bound, then does not keep the report waiting.
 */
#include "doctor_checks.h"

#include "doctor_text.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CONNECT_MS = 2000,
    WAIT_S = 8,
    FAR_US = 20000,      /* further than a hand-off should have to go */
    ENVELOPE_BYTES = 1024 /* fields of an OFFER around its metadata */
};

typedef struct query {
    char url[512];
    baton_nats_server server;
    baton_status status;
    char text[512];
} query;

static void *run(void *context)
{
    query *self = context;
    baton_nats_options options = BATON_NATS_OPTIONS_INIT;
    options.url = self->url;
    options.connect_timeout_ms = CONNECT_MS;
    self->status = baton_nats_query(&options, &self->server);
    if (self->status != BATON_OK) {
        (void)snprintf(self->text, sizeof(self->text), "%s", baton_error_text());
    }
    return NULL;
}

/* NULL if it does not end in time; then it is left to itself, and to the end of the process. */
static query *ask(const char *url, size_t length)
{
    query *self = calloc(1, sizeof(*self));
    pthread_t thread;
    struct timespec end;
    if (self == NULL) {
        return NULL;
    }
    self->server = (baton_nats_server)BATON_NATS_SERVER_INIT;
    (void)snprintf(self->url, sizeof(self->url), "%.*s", (int)length, url);
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += WAIT_S;
    if (pthread_create(&thread, NULL, run, self) != 0) {
        free(self);
        return NULL;
    }
    if (pthread_timedjoin_np(thread, NULL, &end) != 0) {
        (void)pthread_detach(thread);
        return NULL;
    }
    return self;
}

static bool is_local(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "localhost:", 10) == 0 ||
           strncmp(address, "[::1]:", 6) == 0;
}

static doctor_verdict rate(const baton_nats_server *server)
{
    unsigned major = 0;
    unsigned minor = 0;
    bool known = sscanf(server->version, "%u.%u", &major, &minor) == 2;
    if (known && major * 1000 + minor < 2009) {
        return (doctor_verdict){DOCTOR_WARNING, "; older than baton is tested with", "use nats-server 2.9 or later"};
    }
    if (!server->headers) {
        return (doctor_verdict){DOCTOR_WARNING,
                                "; without headers, so an offer that nobody listens to is found at its deadline alone",
                                "switch headers on at the server (no_header_support)"};
    }
    if (server->round_trip_ns / 1000 > FAR_US) {
        return (doctor_verdict){DOCTOR_NOTE, "; far away: every hand-off begins with a way there and back",
                                "use a server nearby; a leaf node on this host, say"};
    }
    if (!server->tls && !is_local(server->address)) {
        return (doctor_verdict){DOCTOR_NOTE, "; tokens of memory travel in clear text",
                                "TLS at the server, and tls:// in the URL"};
    }
    return (doctor_verdict){DOCTOR_OK, "", NULL};
}

uint64_t doctor_descriptors_of(uint64_t max_payload_bytes, size_t metadata_bytes, size_t descriptor_bytes)
{
    uint64_t fixed = ENVELOPE_BYTES + metadata_bytes;
    if (max_payload_bytes < fixed || descriptor_bytes == 0) {
        return 0;
    }
    uint64_t count = 1 + (max_payload_bytes - fixed) / descriptor_bytes;
    return count < BATON_DESCRIPTORS_MAX ? count : BATON_DESCRIPTORS_MAX;
}

static void say_payload(doctor_report *report, const doctor_facts *facts, const baton_nats_server *server)
{
    if (facts->descriptor_bytes == 0) {
        return; /* no connector, so nothing that could be measured */
    }
    uint64_t count = doctor_descriptors_of(server->max_payload_bytes, facts->metadata_bytes, facts->descriptor_bytes);
    bool small = server->max_payload_bytes < ENVELOPE_BYTES + facts->metadata_bytes + 65536;
    char size[DOCTOR_SIZE_TEXT];
    doctor_say(report,
               &(doctor_finding){.name = "nats_payload",
                                 .severity = count == 0 ? DOCTOR_ERROR : small ? DOCTOR_WARNING : DOCTOR_OK,
                                 .fix = small ? "raise max_payload at the server, to 1MB say" : NULL,
                                 .fields = {doctor_text("address", server->address),
                                            doctor_whole("max_payload_bytes", server->max_payload_bytes),
                                            doctor_whole("descriptors", count),
                                            doctor_whole("descriptor_bytes", facts->descriptor_bytes)}},
               "a message may have %s: an offer can name about %llu pieces of memory (%zu bytes each)%s",
               doctor_print_size(server->max_payload_bytes, size), (unsigned long long)count, facts->descriptor_bytes,
               small ? ", and user JSON of 64 KiB does not fit" : "");
}

static void say_server(doctor_report *report, const baton_nats_server *server)
{
    doctor_verdict verdict = rate(server);
    doctor_say(report,
               &(doctor_finding){.name = "nats",
                                 .severity = verdict.severity,
                                 .fix = verdict.fix,
                                 .fields = {doctor_text("address", server->address),
                                            doctor_text("version", server->version),
                                            doctor_whole("max_payload_bytes", server->max_payload_bytes),
                                            doctor_real("round_trip_us", (double)server->round_trip_ns / 1000),
                                            doctor_bool("headers", server->headers), doctor_bool("tls", server->tls),
                                            doctor_bool("authentication", server->authentication)}},
               "%s: nats-server %s, %llu us there and back, headers: %s, TLS: %s, asks who connects: %s%s",
               server->address, server->version, (unsigned long long)(server->round_trip_ns / 1000),
               server->headers ? "yes" : "no", server->tls ? "yes" : "no", server->authentication ? "yes" : "no",
               verdict.found);
}

static const char *fix_of(baton_status status)
{
    switch (status) {
    case BATON_ERR_NATS_AUTHENTICATION:
        return "user and password or token in the URL; a worker can also take files by baton_nats_options";
    case BATON_ERR_INVALID_ARGUMENT:
        return "a URL is [nats://|tls://][user:password@]host[:port]";
    default:
        return "start nats-server there, or name another one with --nats or BATON_NATS_URL";
    }
}

static void say_failure(doctor_report *report, doctor_severity severity, const char *url, const query *asked)
{
    /* The URL says which server it is. */
    const char *text = asked != NULL ? asked->text : "no answer within 8 s; is the resolution of names slow?";
    const char *address_end = strncmp(text, "NATS server ", 12) == 0 ? strstr(text, ": ") : NULL;
    doctor_say(report,
               &(doctor_finding){.name = "nats",
                                 .severity = severity,
                                 .fix = fix_of(asked != NULL ? asked->status : BATON_ERR_NATS_DISCONNECTED),
                                 .fields = {doctor_text("url", url),
                                            doctor_text("status", asked != NULL ? baton_status_name(asked->status) : NULL)}},
               "%s: %s", url, address_end != NULL ? address_end + 2 : text);
}

/* Of several servers some may be away: a warning, as long as one is there. */
static unsigned check_one(doctor_report *report, const doctor_facts *facts, const char *url, size_t length,
                          doctor_severity severity)
{
    char one[512];
    char shown[512];
    (void)snprintf(one, sizeof(one), "%.*s", (int)length, url);
    doctor_print_urls(one, shown, sizeof(shown));
    query *asked = ask(url, length);
    bool there = asked != NULL && asked->status == BATON_OK;
    if (there) {
        say_server(report, &asked->server);
        say_payload(report, facts, &asked->server);
    } else {
        say_failure(report, severity, shown, asked);
    }
    free(asked);
    return there ? 1 : 0;
}

void doctor_check_nats(doctor_report *report, const doctor_facts *facts, const char *urls)
{
    doctor_section(report, "NATS");
    bool several = strchr(urls, ',') != NULL;
    unsigned there = 0;
    for (;;) {
        size_t length = strcspn(urls, ",");
        there += check_one(report, facts, urls, length, several ? DOCTOR_WARNING : DOCTOR_ERROR);
        if (urls[length] == '\0') {
            break;
        }
        urls += length + 1;
    }
    if (several && there == 0) {
        doctor_say(report,
                   &(doctor_finding){.name = "nats_servers",
                                     .severity = DOCTOR_ERROR,
                                     .fix = fix_of(BATON_ERR_NATS_DISCONNECTED)},
                   "none of the servers can be had");
    }
}
