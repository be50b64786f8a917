/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_checks.h"

#include "json_line.h"
#include <stdio.h>
#include <sys/utsname.h>

doctor_verdict doctor_rate_ucx(unsigned major, unsigned minor, bool tcp_alone)
{
    unsigned version = major * 1000 + minor;
    if (version < 1013) {
        return (doctor_verdict){DOCTOR_ERROR, ": older than baton was made for", "install UCX 1.13 to 1.18"};
    }
    if (version == 1013 && tcp_alone) {
        return (doctor_verdict){DOCTOR_WARNING,
                                ": over TCP alone it can abort a process whose peer dies while they connect "
                                "(sdk/README.md, \"Limits\")",
                                "use UCX 1.14 or later, best 1.18, or let UCX_TLS have shared memory"};
    }
    if (version == 1013) {
        return (doctor_verdict){DOCTOR_NOTE,
                                ": where two processes have TCP alone it can abort one whose peer dies while they "
                                "connect (sdk/README.md, \"Limits\")",
                                "use UCX 1.18 for workers that are killed or restarted often on other hosts"};
    }
    if (version > 1018) {
        return (doctor_verdict){DOCTOR_NOTE, ": newer than what baton is tested with",
                                "use UCX 1.18 if something is odd"};
    }
    return (doctor_verdict){DOCTOR_OK, "", NULL};
}

static void check_ucx(doctor_report *report, const doctor_facts *facts)
{
    bool tcp_alone = facts->network && !facts->shared_memory && !facts->rdma;
    doctor_verdict verdict = doctor_rate_ucx(facts->ucx_major, facts->ucx_minor, tcp_alone);
    doctor_say(report,
               &(doctor_finding){.name = "ucx",
                                 .severity = verdict.severity,
                                 .fix = verdict.fix,
                                 .fields = {doctor_text("version", baton_transport_version())}},
               "%s%s", baton_transport_version(), verdict.found);
}

static void say_version(doctor_report *report, const char *name, const char *version)
{
    doctor_say(report,
               &(doctor_finding){.name = name, .fields = {doctor_text("version", version)}}, "%s",
               version);
}

static void check_kernel(doctor_report *report)
{
    struct utsname system;
    unsigned major = 0;
    unsigned minor = 0;
    if (uname(&system) != 0 || sscanf(system.release, "%u.%u", &major, &minor) != 2) {
        return;
    }
    bool old = major * 1000 + minor < 5003;
    doctor_say(report,
               &(doctor_finding){.name = "kernel",
                                 .severity = old ? DOCTOR_NOTE : DOCTOR_OK,
                                 .fix = old ? "use Linux 5.3 or later" : NULL,
                                 .fields = {doctor_text("version", system.release)}},
               "%s %s%s", system.sysname, system.release,
               old ? ": without pidfd, so the death of a peer on this host is found later" : "");
}

void doctor_check_versions(doctor_report *report, const doctor_facts *facts)
{
    doctor_section(report, "Versions");
    say_version(report, "baton", baton_version());
    check_ucx(report, facts);
    say_version(report, "nats_c", baton_nats_client_version());
    say_version(report, "cjson", json_line_library_version());
    check_kernel(report);
}
