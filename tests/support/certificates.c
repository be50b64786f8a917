/* SPDX-License-Identifier: Apache-2.0 */
#include "support/certificates.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 512, ARGUMENTS_MAX = 32 };

extern char **environ;

static bool run(char *const *arguments)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return false;
    }
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    bool started = posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ) == 0;
    (void)posix_spawn_file_actions_destroy(&actions);
    return started && waitpid(pid, &status, 0) == pid && status == 0;
}

/* issuer: name of the certificate that signs; NULL: signs itself. extension: NULL if none. */
static bool make(const char *directory, const char *name, const char *issuer, const char *extension)
{
    char certificate[PATH_SIZE];
    char key[PATH_SIZE];
    char ca[PATH_SIZE];
    char ca_key[PATH_SIZE];
    char subject[64];
    (void)snprintf(certificate, sizeof(certificate), "%s/%s.pem", directory, name);
    (void)snprintf(key, sizeof(key), "%s/%s-key.pem", directory, name);
    (void)snprintf(ca, sizeof(ca), "%s/%s.pem", directory, issuer == NULL ? "" : issuer);
    (void)snprintf(ca_key, sizeof(ca_key), "%s/%s-key.pem", directory,
                   issuer == NULL ? "" : issuer);
    (void)snprintf(subject, sizeof(subject), "/CN=baton test %s", name);
    char *arguments[ARGUMENTS_MAX] = {
        "openssl", "req",      "-x509", "-newkey", "ec",    "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes",  "-days",    "1",     "-subj",   subject, "-keyout",  key,
        "-out",    certificate};
    size_t count = 16;
    if (issuer != NULL) {
        char *more[] = {"-CA", ca, "-CAkey", ca_key, "-addext", "basicConstraints=CA:FALSE"};
        memcpy(arguments + count, more, sizeof(more));
        count += sizeof(more) / sizeof(more[0]);
    }
    if (extension != NULL) {
        arguments[count++] = "-addext";
        arguments[count++] = (char *)extension;
    }
    return run(arguments);
}

bool test_certificates_make(const char *directory)
{
    return make(directory, "ca", NULL, NULL) && make(directory, "other", NULL, NULL) &&
           make(directory, "server", "ca", "subjectAltName=IP:127.0.0.1,DNS:localhost") &&
           make(directory, "client", "ca", "extendedKeyUsage=clientAuth");
}
