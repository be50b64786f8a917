/* SPDX-License-Identifier: Apache-2.0 */
/* The stand-in's variables, and how a process with it ends: each case runs fake_cuda_probe with one
 * variable set. */
#include "fake_cuda_case.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_MAX = 4096, LEAK_STATUS = 97, REFUSED_STATUS = 96 };

static char said[SAID_MAX]; /* stdout and stderr of the last probe */

static void become_probe(const char *what, const char *name, const char *value, int output)
{
    char path[1024];
    struct rlimit none = {.rlim_cur = 0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)alarm(DEADLINE_MS / 1000);
    if (name != NULL) {
        (void)setenv(name, value, 1);
    }
    /* What the probe leaves behind is the test's own. */
    (void)setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    (void)snprintf(path, sizeof(path), "%s/tests/bin/fake_cuda_probe", getenv("BATON_BUILD_DIR"));
    (void)dup2(output, STDOUT_FILENO);
    (void)dup2(output, STDERR_FILENO);
    (void)execl(path, path, what, (char *)NULL);
    _exit(3);
}

/* The status with which a probe ends. */
static int run_probe(const char *what, const char *name, const char *value)
{
    int ends[2];
    int status = 0;
    size_t length = 0;
    ssize_t got = 0;
    cr_assert_not_null(getenv("BATON_BUILD_DIR"));
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        become_probe(what, name, value, ends[1]);
    }
    cr_assert_gt(child, 0);
    (void)close(ends[1]);
    while ((got = read(ends[0], said + length, sizeof(said) - 1 - length)) > 0) {
        length += (size_t)got;
    }
    said[length] = '\0';
    (void)close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void expect_exit(int status, int code)
{
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == code, "status %#x: %s", (unsigned)status,
              said);
}

Test(fake_cuda_process, devices)
{
    expect_exit(run_probe("count", NULL, NULL), 0);
    cr_assert_str_eq(said, "cudaSuccess 1\n");
    expect_exit(run_probe("count", "FAKE_CUDA_DEVICES", "3"), 0);
    cr_assert_str_eq(said, "cudaSuccess 3\n");
    expect_exit(run_probe("count", "FAKE_CUDA_DEVICES", "0"), 0);
    cr_assert_str_eq(said, "cudaErrorNoDevice 0\n");
    expect_exit(run_probe("count", "FAKE_CUDA_DEVICES", "-1"), 0);
    cr_assert_str_eq(said, "cudaErrorInsufficientDriver 0\n");
}

Test(fake_cuda_process, values_that_are_not_understood)
{
    expect_exit(run_probe("nothing", "FAKE_CUDA_DEVICES", "9"), REFUSED_STATUS);
    expect_exit(run_probe("nothing", "FAKE_CUDA_DEVICES", "1x"), REFUSED_STATUS);
    expect_exit(run_probe("nothing", "FAKE_CUDA_COPY_DELAY_US", ""), REFUSED_STATUS);
    expect_exit(run_probe("nothing", "FAKE_CUDA_FAIL", "cudaMalloc:1"), REFUSED_STATUS);
    expect_exit(run_probe("nothing", "FAKE_CUDA_TRACE", "/"), REFUSED_STATUS);
    cr_assert_not_null(strstr(said, "FAKE_CUDA_TRACE"));
}

Test(fake_cuda_process, failures)
{
    expect_exit(run_probe("leak", "FAKE_CUDA_FAIL", "cudaStreamCreate:1:999,cudaMalloc:2:2"), 1);
    cr_assert_str_eq(said, "cudaErrorUnknown\n");
    expect_exit(run_probe("leak", "FAKE_CUDA_MEMORY_BYTES", "99"), 1);
    cr_assert_str_eq(said, "cudaErrorMemoryAllocation\n");
}

Test(fake_cuda_process, leaks_are_told_at_the_end)
{
    expect_exit(run_probe("leak", "FAKE_CUDA_LEAKS", "1"), LEAK_STATUS);
    cr_assert_not_null(strstr(said, "1 device (100 bytes)"), "%s", said);
    cr_assert_not_null(strstr(said, "1 streams, 1 events"), "%s", said);
    expect_exit(run_probe("leak", "FAKE_CUDA_LEAKS", "0"), 0);
    expect_exit(run_probe("count", "FAKE_CUDA_LEAKS", "1"), 0);
}

Test(fake_cuda_process, ends_while_streams_are_held)
{
    expect_exit(run_probe("held", NULL, NULL), 0);
    expect_exit(run_probe("held", "FAKE_CUDA_LEAKS", "1"), LEAK_STATUS);
}

Test(fake_cuda_process, a_thread_named_baton_must_not_wait)
{
    int status = run_probe("wait", "FAKE_CUDA_FORBID_SYNC", "1");
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x: %s",
              (unsigned)status, said);
    cr_assert_not_null(strstr(said, "cudaStreamSynchronize by the thread \"baton\""), "%s", said);
    status = run_probe("pageable", "FAKE_CUDA_FORBID_SYNC", "1");
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x: %s",
              (unsigned)status, said);
    cr_assert_not_null(strstr(said, "pageable"), "%s", said);
    expect_exit(run_probe("polite", "FAKE_CUDA_FORBID_SYNC", "1"), 0);
    expect_exit(run_probe("wait", NULL, NULL), 0);
    expect_exit(run_probe("pageable", "FAKE_CUDA_FORBID_SYNC", "0"), 0);
}

/* What the probe has traced, in text. */
static void trace_probe(const char *what, char text[SAID_MAX])
{
    char path[] = "/tmp/fake_cuda_trace_XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    int status = run_probe(what, "FAKE_CUDA_TRACE", path);
    (void)unlink(path);
    expect_exit(status, 0);
    ssize_t got = read(file, text, SAID_MAX - 1);
    cr_assert_gt(got, 0);
    text[got] = '\0';
    (void)close(file);
}

Test(fake_cuda_process, a_trace_has_a_line_for_each_call)
{
    char text[SAID_MAX];
    trace_probe("leak", text);
    int process = 0;
    int thread = 0;
    cr_assert_eq(sscanf(text, "%d.%d ", &process, &thread), 2, "%s", text);
    cr_assert(process > 0 && thread == process, "of the main thread: %s", text);
    cr_assert_not_null(strstr(text, " baton cudaMalloc(0x"), "%s", text);
    cr_assert_not_null(strstr(text, ", 100) = 0\n"), "%s", text);
    cr_assert_not_null(strstr(text, " baton cudaStreamCreate() = 0\n"), "%s", text);
    cr_assert_not_null(strstr(text, " baton cudaEventCreate() = 0\n"), "%s", text);
    cr_assert_null(strstr(text, "may wait"), "%s", text);
}

Test(fake_cuda_process, a_trace_tells_what_may_wait)
{
    char text[SAID_MAX];
    trace_probe("wait", text);
    cr_assert_not_null(strstr(text, " baton cudaStreamSynchronize("), "%s", text);
    cr_assert_not_null(strstr(text, " = 0, may wait\n"), "%s", text);
    trace_probe("pageable", text);
    cr_assert_not_null(strstr(text, " = 0, may wait\n"), "%s", text);
    trace_probe("polite", text);
    cr_assert_null(strstr(text, "may wait"), "%s", text);
}
