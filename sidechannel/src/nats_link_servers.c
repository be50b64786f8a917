/* SPDX-License-Identifier: Apache-2.0 */
#include "nats_link_servers.h"

#include "base/error.h"
#include <baton/id.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The parts of one URL, as pieces of its text. */
typedef struct parts {
    const char *scheme;
    size_t scheme_length;
    const char *user; /* with its '@' */
    size_t user_length;
    const char *host; /* with its brackets, if it has them */
    size_t host_length;
    const char *port; /* "" if there is none */
    size_t port_length;
} parts;

static void server_fini(baton__nats_server *server)
{
    free(server->url);
    free(server->address);
    free(server->tls_name);
}

void baton__nats_servers_fini(baton__nats_servers *servers)
{
    for (size_t i = 0; i < servers->count; i++) {
        server_fini(&servers->items[i]);
    }
    free(servers->items);
    *servers = (baton__nats_servers){0};
}

static bool is_port(const char *text, size_t length)
{
    unsigned long port = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || length > 5) {
            return false;
        }
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

static bool is_host(const char *text, size_t length)
{
    bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7F || strchr("/@\"'<>\\", c) != NULL || (c == ':' && !bracketed)) {
            return false;
        }
    }
    return length != 0;
}

/* The last character c of a text, or NULL. */
static const char *find_last(const char *text, size_t length, char c)
{
    return memrchr(text, c, length);
}

static bool split(const char *text, size_t length, parts *out)
{
    const char *mark = memmem(text, length, "://", 3);
    *out = (parts){.scheme = "nats", .scheme_length = 4, .user = "", .port = ""};
    if (mark != NULL) {
        out->scheme = text;
        out->scheme_length = (size_t)(mark - text);
        length -= out->scheme_length + 3;
        text = mark + 3;
    }
    const char *at = find_last(text, length, '@');
    if (at != NULL) {
        out->user = text;
        out->user_length = (size_t)(at - text) + 1;
        length -= out->user_length;
        text = at + 1;
    }
    if (length != 0 && text[length - 1] == '/') {
        length--;
    }
    const char *bracket = find_last(text, length, ']');
    const char *colon = find_last(text, length, ':');
    out->host = text;
    out->host_length = length;
    if (colon != NULL && (bracket == NULL || colon > bracket)) {
        out->host_length = (size_t)(colon - text);
        out->port = colon + 1;
        out->port_length = length - out->host_length - 1;
        if (!is_port(out->port, out->port_length)) {
            return false;
        }
    }
    return is_host(out->host, out->host_length);
}

static bool is_scheme(const parts *url, const char *scheme)
{
    return url->scheme_length == strlen(scheme) &&
           strncasecmp(url->scheme, scheme, url->scheme_length) == 0;
}

static char *print_url(const parts *url)
{
    char *text = NULL;
    int length = asprintf(&text, "nats://%.*s%.*s:%.*s", (int)url->user_length, url->user,
                          (int)url->host_length, url->host, (int)url->port_length, url->port);
    return length < 0 ? NULL : text;
}

static bool server_init(baton__nats_server *server, parts *url, bool tls)
{
    if (url->port_length == 0) {
        url->port = "4222";
        url->port_length = 4;
    }
    parts plain = *url;
    plain.user_length = 0;
    bool bracketed = url->host[0] == '[';
    *server = (baton__nats_server){.tls = tls};
    server->url = print_url(url);
    server->tls_name =
        strndup(url->host + (bracketed ? 1 : 0), url->host_length - (bracketed ? 2 : 0));
    char *address = print_url(&plain);
    server->address = address == NULL ? NULL : strdup(address + strlen("nats://"));
    free(address);
    if (server->url == NULL || server->tls_name == NULL || server->address == NULL) {
        server_fini(server);
        return false;
    }
    return true;
}

static bool append(baton__nats_servers *servers, const baton__nats_server *server)
{
    baton__nats_server *items =
        reallocarray(servers->items, servers->count + 1, sizeof(*servers->items));
    if (items == NULL) {
        return false;
    }
    servers->items = items;
    servers->items[servers->count++] = *server;
    return true;
}

static void shuffle(baton__nats_servers *servers)
{
    for (size_t i = servers->count; i > 1; i--) {
        baton_uuid random = baton_uuid_random();
        size_t other = ((size_t)random.bytes[0] << 8 | random.bytes[1]) % i;
        baton__nats_server held = servers->items[i - 1];
        servers->items[i - 1] = servers->items[other];
        servers->items[other] = held;
    }
}

static baton_status add_url(baton__nats_servers *servers, const char *text, size_t length)
{
    parts url;
    baton__nats_server server;
    if (!split(text, length, &url) || (!is_scheme(&url, "nats") && !is_scheme(&url, "tls"))) {
        /* The text may hold a password: it is not repeated. */
        return baton__fail(BATON_ERR_INVALID_ARGUMENT,
                           "NATS URL: number %zu of the list is not [nats://|tls://]"
                           "[user:password@]host[:port]",
                           servers->count + 1);
    }
    if (!server_init(&server, &url, is_scheme(&url, "tls"))) {
        return baton__fail_memory("list of NATS servers");
    }
    if (!append(servers, &server)) {
        server_fini(&server);
        return baton__fail_memory("list of NATS servers");
    }
    return BATON_OK;
}

baton_status baton__nats_servers_init(baton__nats_servers *servers, const char *urls)
{
    *servers = (baton__nats_servers){0};
    for (const char *next = urls; next != NULL;) {
        const char *text = next + strspn(next, " \t\n");
        const char *end = strchrnul(text, ',');
        next = *end == ',' ? end + 1 : NULL;
        while (end > text && strchr(" \t\n", end[-1]) != NULL) {
            end--;
        }
        baton_status status = add_url(servers, text, (size_t)(end - text));
        if (status != BATON_OK) {
            baton__nats_servers_fini(servers);
            return status;
        }
    }
    shuffle(servers);
    return BATON_OK;
}

static bool is_listed(const baton__nats_servers *servers, const char *address)
{
    for (size_t i = 0; i < servers->count; i++) {
        if (strcasecmp(servers->items[i].address, address) == 0) {
            return true;
        }
    }
    return false;
}

/* A server as the URL says, reached as its teller was. */
static bool make_discovered(const char *url, const baton__nats_server *source,
                            baton__nats_server *server_out)
{
    parts theirs;
    parts own;
    if (!split(url, strlen(url), &theirs) || !split(source->url, strlen(source->url), &own)) {
        return false;
    }
    theirs.user = own.user;
    theirs.user_length = own.user_length;
    if (!server_init(server_out, &theirs, source->tls)) {
        return false;
    }
    char *tls_name = strdup(source->tls_name);
    if (tls_name == NULL) {
        server_fini(server_out);
        return false;
    }
    free(server_out->tls_name);
    server_out->tls_name = tls_name;
    server_out->discovered = true;
    return true;
}

/* They stand behind those of the options. */
static void forget_discovered(baton__nats_servers *servers)
{
    while (servers->count != 0 && servers->items[servers->count - 1].discovered) {
        server_fini(&servers->items[--servers->count]);
    }
}

void baton__nats_servers_discover(baton__nats_servers *servers, size_t source, char **urls,
                                  size_t count)
{
    baton__nats_servers found = {0};
    for (size_t i = 0; i < count; i++) {
        baton__nats_server server;
        if (make_discovered(urls[i], &servers->items[source], &server) &&
            !append(&found, &server)) {
            server_fini(&server);
        }
    }
    if (found.count != 0) {
        forget_discovered(servers);
    }
    for (size_t i = 0; i < found.count; i++) {
        baton__nats_server *server = &found.items[i];
        if (is_listed(servers, server->address) || !append(servers, server)) {
            server_fini(server);
        }
    }
    free(found.items);
}
