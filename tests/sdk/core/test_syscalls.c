/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-over between two busy connectors makes no system call. A traced child hands over, and its parent counts what the
 * child asks of the kernel meanwhile: random bytes for many keys at once, and a look at the sources of events every 256 turns, are all.
 */
#include <baton/sdk.h>

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 4096, WARM = 2000, ROUNDS = 2000, UNTRACED = 77, FAILED = 1 };

static uint8_t bytes[2][SIZE];
static baton_connector *connectors[2];
static baton_descriptor *memory[2];

static void must(bool good)
{
    if (!good) {
        (void)fprintf(stderr, "child: %s\n", baton_error_text());
        _exit(FAILED);
    }
}

static void open_two(void)
{
    for (int i = 0; i < 2; i++) {
        baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
        options.progress = BATON_PROGRESS_APPLICATION;
        options.spin_us = BATON_SPIN_ALWAYS;
        must(baton_connector_create(&options, &connectors[i]) == BATON_OK);
        must(baton_descriptor_from_pointer(bytes[i], SIZE, BATON_DEVICE_HOST, NULL, NULL, &memory[i]) == BATON_OK);
    }
}

static void finish(baton_operation *operation)
{
    while (!baton_operation_is_over(operation)) {
        for (int i = 0; i < 2; i++) {
            baton_status status = baton_connector_progress_wait(connectors[i], 0);
            must(status == BATON_OK || status == BATON_ERR_TIMED_OUT);
        }
    }
    must(baton_operation_reason(operation) == BATON_OK);
}

static void hand_over(void)
{
    baton_operation *passive = NULL;
    baton_operation *active = NULL;
    baton_metadata *metadata = NULL;
    must(baton_connector_create_readable(connectors[0], &memory[0], 1, NULL, &passive) == BATON_OK);
    must(baton_operation_metadata(passive, &metadata) == BATON_OK);
    must(baton_connector_begin_read(connectors[1], metadata, &memory[1], 1, NULL, &active) == BATON_OK);
    finish(active);
    finish(passive);
    baton_operation_destroy(active);
    baton_operation_destroy(passive);
    baton_metadata_destroy(metadata);
}

static void child(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(UNTRACED);
    }
    open_two();
    for (int i = 0; i < WARM; i++) {
        hand_over();
    }
    (void)raise(SIGSTOP); /* from here on it is counted */
    for (int i = 0; i < ROUNDS; i++) {
        hand_over();
    }
    (void)raise(SIGSTOP);
    _exit(0);
}

/* Until the child stops at its next SIGSTOP. Returns its system calls, or -1 if it has ended instead. */
static long count_calls(pid_t pid, int *status)
{
    long stops = 0;
    for (;;) {
        if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0 ||
            waitpid(pid, status, 0) != pid || !WIFSTOPPED(*status)) {
            return -1;
        }
        int signal = WSTOPSIG(*status);
        if (signal == SIGSTOP) {
            return stops / 2; /* one on the way in, one on the way out */
        }
        stops += signal == (SIGTRAP | 0x80) ? 1 : 0;
    }
}

Test(syscalls, a_hand_over_between_busy_connectors_makes_none)
{
    int status = 0;
    pid_t pid = fork();
    cr_assert_neq(pid, -1);
    if (pid == 0) {
        child();
    }
    /* The first stop is that of the warm-up's end: nothing is traced before it. */
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == UNTRACED) {
        cr_skip_test("processes cannot be traced here");
    }
    cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "the child ended: %d", status);
    cr_assert_eq(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)), 0);
    long calls = count_calls(pid, &status);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    cr_expect(calls >= 0, "the child ended: %d", status);
    cr_expect(calls < ROUNDS / 4, "%ld system calls in %d hand-overs", calls, ROUNDS);
}
