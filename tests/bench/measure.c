/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ALIGNMENT = 4096, WORD = sizeof(uint64_t), ARGUMENTS_MAX = 32 };

static pid_t peer_pid;

void measure_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "%s: ", program_invocation_short_name);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    _Exit(2);
}

static uint64_t number_of(const char *name, const char *value)
{
    char *end = NULL;
    errno = 0;
    uint64_t number = strtoull(value, &end, 0);
    if (errno != 0 || end == value || *end != '\0') {
        measure_fail("%s is a number, not \"%s\"", name, value);
    }
    return number;
}

static void take(measure_options *options, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {{"--size", &options->size_bytes}, {"--count", &options->count},
                   {"--warmup", &options->warmup},   {"--depth", &options->depth},
                   {"--slots", &options->slots},     {"--spinners", &options->spinners},
                   {"--spin-us", &options->spin_us}, {"--pinned", &options->pinned}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].number = number_of(name, value);
            return;
        }
    }
    if (strcmp(name, "--op") == 0) {
        options->op = value;
    } else if (strcmp(name, "--link") == 0) {
        options->link = value;
    } else if (strcmp(name, "--progress") == 0) {
        options->progress = value;
    } else if (strcmp(name, "--nats") == 0) {
        options->nats = value;
    } else if (strcmp(name, "--peer-fd") == 0) {
        options->peer_fd = (int)number_of(name, value);
    } else {
        measure_fail("%s is not an option", name);
    }
}

void measure_pin(const measure_options *options)
{
    cpu_set_t allowed;
    cpu_set_t one;
    int wanted = options->peer_fd >= 0 ? 1 : 0;
    if (options->pinned == 0) {
        return;
    }
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        measure_fail("no cores to choose from");
    }
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&allowed) > 1; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && wanted-- == 0) {
            CPU_SET(cpu, &one);
            if (sched_setaffinity(0, sizeof(one), &one) != 0) {
                measure_fail("core %zu cannot be had", cpu);
            }
        }
    }
}

measure_options measure_parse(int count, char **arguments, const char *op_default)
{
    measure_options options = {.op = op_default,
                               .size_bytes = 4096,
                               .count = 1000,
                               .warmup = 20,
                               .depth = 1,
                               .spin_us = UINT64_MAX,
                               .link = "any",
                               .progress = "application",
                               .nats = "nats://127.0.0.1:4222",
                               .peer_fd = -1};
    for (int i = 1; i < count; i += 2) {
        if (i + 1 == count) {
            measure_fail("%s needs a value", arguments[i]);
        }
        take(&options, arguments[i], arguments[i + 1]);
    }
    if (options.size_bytes == 0 || options.count == 0 || options.depth == 0) {
        measure_fail("--size, --count and --depth are at least 1");
    }
    if (options.slots == 0) {
        options.slots = options.depth;
    }
    return options;
}

void measure_set_transports(const char *link)
{
    bool is_shm = strcmp(link, "shm") == 0;
    bool is_tcp = strcmp(link, "tcp") == 0;
    if (is_shm || is_tcp) {
        (void)setenv("UCX_TLS", is_shm ? "posix,sysv,self" : "tcp,self", 1);
    }
    /* Only what is looked at: UCX warns of the rest. */
    if (!is_tcp) {
        (void)setenv("UCX_POSIX_ERROR_HANDLING", "y", 0);
        (void)setenv("UCX_SYSV_ERROR_HANDLING", "y", 0);
    }
    if (!is_shm) {
        (void)setenv("UCX_TCP_TX_SEG_SIZE", "64K", 0);
    }
}

uint64_t measure_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static uint64_t ns_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_usec * 1000U;
}

uint64_t measure_cpu_ns(void)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    return ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
}

void *measure_memory(size_t size_bytes)
{
    size_t rounded = (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded);
    if (memory == NULL) {
        measure_fail("no memory for %zu bytes", size_bytes);
    }
    memset(memory, 0xa5, rounded);
    return memory;
}

static uint64_t word_at(uint64_t slot, uint64_t index)
{
    uint64_t z =
        (slot + 1) * UINT64_C(0xd1342543de82ef95) + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 31);
}

void measure_fill(void *memory, size_t size_bytes, uint64_t slot)
{
    for (size_t at = 0; at < size_bytes; at += WORD) {
        uint64_t word = word_at(slot, at / WORD);
        size_t left = size_bytes - at;
        memcpy((char *)memory + at, &word, left < WORD ? left : WORD);
    }
}

bool measure_is_filled(const void *memory, size_t size_bytes, uint64_t slot)
{
    for (size_t at = 0; at < size_bytes; at += WORD) {
        uint64_t word = word_at(slot, at / WORD);
        size_t left = size_bytes - at;
        if (memcmp((const char *)memory + at, &word, left < WORD ? left : WORD) != 0) {
            return false;
        }
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double rank(const double *samples, size_t count, size_t percent)
{
    size_t place = (count * percent + 99) / 100;
    return samples[place == 0 ? 0 : place - 1];
}

measure_statistics measure_summarize(double *samples, size_t count)
{
    if (count == 0) {
        return (measure_statistics){0};
    }
    qsort(samples, count, sizeof(*samples), by_size);
    return (measure_statistics){
        .p50 = rank(samples, count, 50), .p99 = rank(samples, count, 99), .best = samples[0]};
}

void measure_check(const measure_options *options, unsigned char *const *memory)
{
    uint64_t slots = options->slots < options->count ? options->slots : options->count;
    for (uint64_t i = 0; i < slots; i++) {
        if (!measure_is_filled(memory[i], options->size_bytes, i)) {
            measure_fail("the data of slot %llu is wrong", (unsigned long long)i);
        }
    }
}

void measure_print(const char *type, const measure_options *options, const char *version,
                   measure_result *result)
{
    measure_statistics latency = measure_summarize(result->latencies_us, options->count);
    double gigabytes = (double)options->size_bytes * (double)options->count / 1e9;
    double active = (double)result->active_cpu_ns / 1e9 / gigabytes;
    double passive = (double)result->passive_cpu_ns / 1e9 / gigabytes;
    (void)printf("{\"type\":\"%s\",\"op\":\"%s\",\"size_bytes\":%llu,\"count\":%llu,\"depth\":%llu,"
                 "\"slots\":%llu,\"warmup\":%llu,\"p50_us\":%.3f,\"p99_us\":%.3f,\"best_us\":%.3f,"
                 "\"gb_per_s\":%.4f,\"cpu_s_per_gb\":%.4f,\"active_cpu_s_per_gb\":%.4f,"
                 "\"passive_cpu_s_per_gb\":%.4f,\"data_checked\":true,\"link\":\"%s\",\"progress\":"
                 "\"%s\",\"version\":\"%s\"}\n",
                 type, options->op, (unsigned long long)options->size_bytes,
                 (unsigned long long)options->count, (unsigned long long)options->depth,
                 (unsigned long long)options->slots, (unsigned long long)options->warmup,
                 latency.p50, latency.p99, latency.best,
                 gigabytes / ((double)result->elapsed_ns / 1e9), active + passive, active, passive,
                 options->link, options->progress, version);
}

void measure_read(int fd, void *data, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = read(fd, (char *)data + got, size - got);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            measure_fail("the other process is gone");
        }
        got += n > 0 ? (size_t)n : 0;
    }
}

void measure_write(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = send(fd, (const char *)data + done, size - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            measure_fail("the other process is gone");
        }
        done += n > 0 ? (size_t)n : 0;
    }
}

int measure_start_peer(char **arguments)
{
    int ends[2];
    char number[16];
    char program[4096];
    char *copies[ARGUMENTS_MAX + 3] = {0};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        measure_fail("a socket: %s", strerror(errno));
    }
    /* By its name: under valgrind the link itself is another program. */
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length < 0) {
        measure_fail("/proc/self/exe: %s", strerror(errno));
    }
    program[length] = '\0';
    size_t used = 0;
    for (; arguments[used] != NULL && used < ARGUMENTS_MAX; used++) {
        copies[used] = arguments[used];
    }
    (void)snprintf(number, sizeof(number), "%d", ends[1]);
    copies[used++] = "--peer-fd";
    copies[used] = number;
    pid_t parent = getpid();
    peer_pid = fork();
    if (peer_pid == 0) {
        (void)close(ends[0]);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            (void)execv(program, copies);
        }
        _Exit(2);
    }
    (void)close(ends[1]);
    if (peer_pid < 0) {
        measure_fail("a process: %s", strerror(errno));
    }
    return ends[0];
}

void measure_end_peer(void)
{
    int status = 0;
    if (waitpid(peer_pid, &status, 0) != peer_pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        measure_fail("the other process failed");
    }
}
