/* SPDX-License-Identifier: Apache-2.0 */
#include "support/nats_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 512, START_MS = 10000, STOP_MS = 5000, STARTS = 5 };

struct baton_test_nats {
    pid_t pid; /* 0: not running */
    int port;
    char url[64];
    char program[PATH_SIZE];
    char directory[PATH_SIZE / 2];
    char config[PATH_SIZE];
    char log[PATH_SIZE];
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "nats-server for a test: %s: %s\n", what, strerror(errno));
    abort();
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(void)
{
    struct timespec time = {.tv_nsec = 2000000};
    (void)nanosleep(&time, NULL);
}

/* Looks where PATH says, and in /usr/sbin, which the PATH of a user often lacks. */
static bool find_program(char program[PATH_SIZE])
{
    const char *set = getenv("BATON_NATS_SERVER");
    const char *path = getenv("PATH");
    char places[4096];
    if (set != NULL) {
        (void)snprintf(program, PATH_SIZE, "%s", set);
        return access(program, X_OK) == 0;
    }
    (void)snprintf(places, sizeof(places), "%s:/usr/local/bin:/usr/sbin", path == NULL ? "" : path);
    char *rest = NULL;
    for (char *place = strtok_r(places, ":", &rest); place != NULL;
         place = strtok_r(NULL, ":", &rest)) {
        int length = snprintf(program, PATH_SIZE, "%s/nats-server", place);
        if (length > 0 && length < PATH_SIZE && access(program, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

bool test_nats_available(void)
{
    char program[PATH_SIZE];
    return find_program(program);
}

static struct sockaddr_in address_of(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

/*
 * A port that nobody listens on, below those that the kernel gives to clients: a client that tries again and again to reach a
 * server that is down could otherwise be given the very port that it asks for, and find itself. Another process
 * may take it before the server does; then the server does not start, and another one is taken.
 */
static int find_port(void)
{
    for (int i = 0; i < 1000; i++) {
        uint16_t random;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
            break;
        }
        int port = 10000 + random % 20000;
        struct sockaddr_in address = address_of(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool free_port = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        (void)close(fd);
        if (free_port) {
            return port;
        }
    }
    fail("no free port");
    return 0;
}

static void take_port(baton_test_nats *server)
{
    server->port = find_port();
    (void)snprintf(server->url, sizeof(server->url), "nats://127.0.0.1:%d", server->port);
}

static bool accepts(const baton_test_nats *server)
{
    struct sockaddr_in address = address_of(server->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return connected;
}

static bool has_ended(baton_test_nats *server)
{
    if (server->pid != 0 && waitpid(server->pid, NULL, WNOHANG) == server->pid) {
        server->pid = 0;
    }
    return server->pid == 0;
}

/* In the child, where the other threads of the test are missing: only what is safe in a signal
 * handler. */
static void become_server(char *const *arguments, pid_t parent)
{
    sigset_t none;
    int null = open("/dev/null", O_RDWR);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (getppid() != parent || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
        dup2(null, 2) < 0) {
        _exit(126);
    }
    (void)execv(arguments[0], arguments);
    _exit(127);
}

/* Returns false if it ended before it accepted anything. */
static bool run(baton_test_nats *server)
{
    char port[16];
    (void)snprintf(port, sizeof(port), "%d", server->port);
    char *arguments[] = {server->program, "-a", "127.0.0.1", "-p", port, "-c",
                         server->config,  "-l", server->log, NULL};
    pid_t parent = getpid();
    server->pid = fork();
    if (server->pid < 0) {
        fail("fork");
    }
    if (server->pid == 0) {
        become_server(arguments, parent);
    }
    int64_t end = now_ms() + START_MS;
    while (!accepts(server)) {
        if (has_ended(server)) {
            return false;
        }
        if (now_ms() > end) {
            errno = ETIMEDOUT;
            fail("it does not accept connections");
        }
        nap();
    }
    /* What accepts there may be somebody else, if ours could not bind. */
    nap();
    return !has_ended(server);
}

static void print_log(const baton_test_nats *server)
{
    char line[512];
    FILE *log = fopen(server->log, "re");
    while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
        (void)fputs(line, stderr);
    }
    if (log != NULL) {
        (void)fclose(log);
    }
}

static void write_config(const baton_test_nats *server, const char *config)
{
    FILE *file = fopen(server->config, "we");
    if (file == NULL || fputs(config == NULL ? "" : config, file) == EOF || fclose(file) != 0) {
        fail("cannot write its configuration");
    }
}

baton_test_nats *test_nats_prepare(void)
{
    baton_test_nats *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        fail("no memory");
    }
    if (!find_program(server->program)) {
        errno = ENOENT;
        fail("no such program");
    }
    (void)snprintf(server->directory, sizeof(server->directory), "%s/baton-nats-XXXXXX",
                   getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(server->directory) == NULL) {
        fail("no directory");
    }
    (void)snprintf(server->config, sizeof(server->config), "%s/server.conf", server->directory);
    (void)snprintf(server->log, sizeof(server->log), "%s/server.log", server->directory);
    write_config(server, NULL);
    take_port(server);
    return server;
}

baton_test_nats *test_nats_start(const char *config)
{
    baton_test_nats *server = test_nats_prepare();
    write_config(server, config);
    for (int i = 0; i < STARTS; i++) {
        if (run(server)) {
            return server;
        }
        take_port(server);
    }
    print_log(server);
    errno = ECHILD;
    fail("it does not start");
    return NULL;
}

void test_nats_restart(baton_test_nats *server)
{
    /* The port can be busy for a moment. */
    for (int i = 0; i < STARTS; i++) {
        if (run(server)) {
            return;
        }
        nap();
    }
    print_log(server);
    errno = ECHILD;
    fail("it does not start again");
}

void test_nats_restart_with(baton_test_nats *server, const char *config)
{
    write_config(server, config);
    test_nats_restart(server);
}

void test_nats_reload(baton_test_nats *server, const char *config)
{
    write_config(server, config);
    (void)kill(server->pid, SIGHUP);
}

const char *test_nats_url(const baton_test_nats *server)
{
    return server->url;
}

int test_nats_port(const baton_test_nats *server)
{
    return server->port;
}

const char *test_nats_directory(const baton_test_nats *server)
{
    return server->directory;
}

void test_nats_pause(baton_test_nats *server)
{
    siginfo_t what;
    (void)kill(server->pid, SIGSTOP);
    /* Its threads stop one after another: until the last one has, it may still answer. */
    while (waitid(P_PID, (id_t)server->pid, &what, WSTOPPED | WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
}

void test_nats_resume(baton_test_nats *server)
{
    (void)kill(server->pid, SIGCONT);
}

void test_nats_kill(baton_test_nats *server)
{
    if (server->pid != 0) {
        (void)kill(server->pid, SIGKILL);
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        server->pid = 0;
    }
}

static void end(baton_test_nats *server)
{
    int64_t deadline = now_ms() + STOP_MS;
    if (server->pid != 0) {
        (void)kill(server->pid, SIGCONT);
        (void)kill(server->pid, SIGTERM);
    }
    while (!has_ended(server) && now_ms() < deadline) {
        nap();
    }
    test_nats_kill(server);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void test_nats_stop(baton_test_nats *server)
{
    if (server == NULL) {
        return;
    }
    end(server);
    (void)nftw(server->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(server);
}
