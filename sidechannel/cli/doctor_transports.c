/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_checks.h"

#include "json_line.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_COLUMN = 49, LIST_SIZE = 256 };

static const baton_transport_info *at(const doctor_facts *facts, size_t index)
{
    return baton_transport_list_at(facts->transports, index);
}

static void to_lower(const char *from, char *text, size_t size)
{
    size_t i = 0;
    for (; from[i] != '\0' && i + 1 < size; i++) {
        text[i] = (char)tolower((unsigned char)from[i]);
    }
    text[i] = '\0';
}

static void list_for_programs(const doctor_facts *facts)
{
    for (size_t i = 0; i < baton_transport_list_count(facts->transports); i++) {
        char kind[16];
        char use[16];
        to_lower(baton_transport_kind_name(at(facts, i)->kind), kind, sizeof(kind));
        to_lower(baton_transport_use_name(at(facts, i)->use), use, sizeof(use));
        json_line *line = json_line_begin("transport");
        json_line_text(line, "name", at(facts, i)->name);
        json_line_text(line, "device", at(facts, i)->device);
        json_line_text(line, "kind", kind);
        json_line_bool(line, "used", at(facts, i)->use == BATON_TRANSPORT_USED);
        json_line_text(line, "use", use);
        json_line_text(line, "reason", at(facts, i)->reason);
        json_line_end(line);
    }
}

static void list_for_people(const doctor_facts *facts)
{
    static const char *const kinds[] = {"", "itself", "host", "network", "device"};
    (void)printf("\n  %-12s %-14s %-9s %-7s %s\n", "transport", "device", "leads to", "used", "why");
    for (size_t i = 0; i < baton_transport_list_count(facts->transports); i++) {
        const baton_transport_info *info = at(facts, i);
        int length = printf("  %-12s %-14s %-9s %-7s", info->name, info->device, kinds[info->kind],
                            info->use == BATON_TRANSPORT_USED ? "yes" : "no");
        (void)printf("%*s", length < REASON_COLUMN ? REASON_COLUMN - length : 1, "");
        doctor_wrap(REASON_COLUMN, info->reason);
    }
}

static void check_connector(doctor_report *report, const doctor_facts *facts)
{
    bool fails = facts->failure[0] != '\0';
    const char *fix = NULL;
    if (fails) {
        fix = getenv("UCX_TLS") != NULL || getenv("UCX_NET_DEVICES") != NULL
                  ? "unset UCX_TLS and UCX_NET_DEVICES, or name what the list below has"
                  : "see the limits below, and what UCX_LOG_LEVEL=info tells";
    }
    doctor_say(report,
               &(doctor_finding){.name = "connector",
                                 .severity = fails ? DOCTOR_ERROR : DOCTOR_OK,
                                 .fix = fix,
                                 .fields = {doctor_whole("metadata_bytes", facts->metadata_bytes)}},
               "%s%s", fails ? "cannot be opened: " : "opens with these settings",
               fails ? facts->failure : "");
}

/* "sysv, posix": what is used of a kind. */
static void name_used(const doctor_facts *facts, baton_transport_kind kind, char text[LIST_SIZE])
{
    text[0] = '\0';
    for (size_t i = 0; i < baton_transport_list_count(facts->transports); i++) {
        const baton_transport_info *info = at(facts, i);
        size_t length = strlen(text);
        if (info->use == BATON_TRANSPORT_USED && info->kind == kind) {
            (void)snprintf(text + length, LIST_SIZE - length, "%s%s%s%s", length != 0 ? ", " : "", info->name,
                           kind == BATON_TRANSPORT_NETWORK ? " on " : "",
                           kind == BATON_TRANSPORT_NETWORK ? info->device : "");
        }
    }
}

/* Why this kind is not used: the reason of the first one that has one, but for what nobody expects to be used. */
static const char *why_none(const doctor_facts *facts, baton_transport_kind kind)
{
    for (size_t i = 0; i < baton_transport_list_count(facts->transports); i++) {
        const baton_transport_info *info = at(facts, i);
        if (info->kind == kind && info->use != BATON_TRANSPORT_USED &&
            info->use != BATON_TRANSPORT_NO_MESSAGES && strcmp(info->device, "lo") != 0) {
            return info->reason;
        }
    }
    return "UCX has none here";
}

static void check_shared_memory(doctor_report *report, const doctor_facts *facts)
{
    char used[LIST_SIZE];
    name_used(facts, BATON_TRANSPORT_HOST, used);
    if (facts->shared_memory) {
        doctor_say(report,
                   &(doctor_finding){.name = "shared_memory", .fields = {doctor_text("transports", used)}},
                   "%s, between processes of this host", used);
        return;
    }
    doctor_say(report,
               &(doctor_finding){.name = "shared_memory",
                                 .severity = DOCTOR_WARNING,
                                 .fix = getenv("UCX_TLS") != NULL
                                            ? "add shm to UCX_TLS (as in tcp,shm), or unset it"
                                            : "unset UCX_POSIX_ERROR_HANDLING, UCX_SYSV_ERROR_HANDLING and "
                                              "UCX_SHM_DEVICES, and look at the limits below",
                                 .fields = {doctor_text("transports", used)}},
               "no shared memory, so processes of this host talk TCP, at a fraction of the speed: %s",
               why_none(facts, BATON_TRANSPORT_HOST));
}

static void check_network(doctor_report *report, const doctor_facts *facts)
{
    char used[LIST_SIZE];
    name_used(facts, BATON_TRANSPORT_NETWORK, used);
    if (facts->network) {
        doctor_say(report, &(doctor_finding){.name = "network", .fields = {doctor_text("transports", used)}},
                   "%s", used);
        return;
    }
    doctor_say(report,
               &(doctor_finding){.name = "network",
                                 .severity = DOCTOR_WARNING,
                                 .fix = getenv("UCX_TLS") != NULL || getenv("UCX_NET_DEVICES") != NULL
                                            ? "add tcp to UCX_TLS and a device of the list below to UCX_NET_DEVICES, or "
                                              "unset both"
                                            : "bring up a network interface",
                                 .fields = {doctor_text("transports", used)}},
               "workers on other hosts, and in containers of their own, cannot be reached: %s",
               why_none(facts, BATON_TRANSPORT_NETWORK));
}

static bool is_bridge(const char *device)
{
    static const char *const begins[] = {"docker", "br-", "virbr", "veth", "cni", "flannel", "podman", "lxc"};
    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        if (strncmp(device, begins[i], strlen(begins[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Up to 1.19 UCX may tell peers the address of a bridge that they cannot reach. */
static void check_bridges(doctor_report *report, const doctor_facts *facts)
{
    const char *bridge = NULL;
    for (size_t i = 0; i < baton_transport_list_count(facts->transports); i++) {
        const baton_transport_info *info = at(facts, i);
        if (info->use == BATON_TRANSPORT_USED && is_bridge(info->device)) {
            bridge = info->device;
        }
    }
    if (bridge == NULL || facts->ucx_major * 1000 + facts->ucx_minor >= 1020) {
        return;
    }
    doctor_say(report,
               &(doctor_finding){.name = "network_devices",
                                 .severity = DOCTOR_NOTE,
                                 .fix = "set UCX_NET_DEVICES to the interface that reaches the other hosts, such as eth0",
                                 .fields = {doctor_text("device", bridge)}},
               "UCX uses %s too, and may tell other hosts its address, which leads nowhere there", bridge);
}

static void check_rdma(doctor_report *report, const doctor_facts *facts)
{
    if (!facts->rdma_devices && !facts->rdma) {
        doctor_say(report, &(doctor_finding){.name = "rdma", .fields = {doctor_bool("devices", false)}},
                   "this machine has no RDMA devices");
        return;
    }
    doctor_say(report,
               &(doctor_finding){.name = "rdma",
                                 .severity = facts->rdma ? DOCTOR_OK : DOCTOR_WARNING,
                                 .fix = facts->rdma
                                            ? NULL
                                            : "see why not in the list below: UCX_TLS, /dev/infiniband and its rights, the "
                                              "limit of locked memory, or UCX without libibverbs",
                                 .fields = {doctor_bool("devices", true), doctor_bool("used", facts->rdma)}},
               facts->rdma ? "RDMA devices are used for messages"
                           : "there are RDMA devices, and UCX uses none of them for messages");
}

static void check_rma(doctor_report *report, const doctor_facts *facts)
{
    bool missed = facts->rdma_devices && !facts->rma;
    doctor_say(report,
               &(doctor_finding){.name = "rma",
                                 .severity = missed ? DOCTOR_NOTE : DOCTOR_OK,
                                 .fix = !missed ? NULL
                                                : "unset UCX_TLS and UCX_NET_DEVICES, or add rc and the device; look at "
                                                  "/dev/infiniband and its rights, and at the limit of locked memory",
                                 .fields = {doctor_bool("possible", facts->rma), doctor_text("text", facts->rma_text)}},
               facts->rma ? "one-sided reads and writes over %s, where both sides switch them on (baton_connector_options.rma)"
                          : "no one-sided reads and writes: %s",
               facts->rma_text);
}

void doctor_check_transports(doctor_report *report, const doctor_facts *facts)
{
    doctor_section(report, "Transports");
    check_connector(report, facts);
    check_shared_memory(report, facts);
    check_network(report, facts);
    check_bridges(report, facts);
    check_rdma(report, facts);
    check_rma(report, facts);
    if (report->json) {
        list_for_programs(facts);
    } else {
        list_for_people(facts);
    }
}
