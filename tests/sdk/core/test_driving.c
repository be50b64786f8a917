/* SPDX-License-Identifier: Apache-2.0 */
/* Progress by several threads of the application: one polls the descriptor, another waits and drives meanwhile. */
#include <baton/sdk.h>

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { SIZE = 4096, SOON_MS = 10000 };

static baton_connector *connector;
static int descriptor_fd;
static int quit[2];
static uint8_t bytes[SIZE];
static baton_descriptor *memory;

static void *poll_descriptor(void *argument)
{
    (void)argument;
    for (;;) {
        while (baton_connector_progress(connector) > 0) {
        }
        struct pollfd fds[2] = {{.fd = descriptor_fd, .events = POLLIN}, {.fd = quit[0], .events = POLLIN}};
        (void)poll(fds, 2, -1);
        if (fds[1].revents != 0) {
            return NULL;
        }
    }
}

static void say_over(baton_operation *operation, void *context)
{
    char word = 'o';
    (void)operation;
    cr_assert_eq(write(*(const int *)context, &word, 1), 1);
}

static baton_operation *offer(const baton_operation_options *options)
{
    baton_operation *operation = NULL;
    cr_assert_eq(baton_connector_create_readable(connector, &memory, 1, options, &operation), BATON_OK);
    return operation;
}

/* Another thread has waited, so it drove for a while, and left: the one that polls must see what comes next. */
static void wait_and_leave(uint32_t spin_us)
{
    int told[2];
    pthread_t poller;
    baton_connector_options options = BATON_CONNECTOR_OPTIONS_INIT;
    options.progress = BATON_PROGRESS_APPLICATION;
    options.spin_us = spin_us;
    cr_assert_eq(baton_connector_create(&options, &connector), BATON_OK);
    cr_assert_eq(baton_connector_fd(connector, &descriptor_fd), BATON_OK);
    cr_assert_eq(baton_descriptor_from_pointer(bytes, SIZE, BATON_DEVICE_HOST, NULL, NULL, &memory), BATON_OK);
    cr_assert_eq(pipe(told), 0);
    cr_assert_eq(pipe(quit), 0);
    cr_assert_eq(pthread_create(&poller, NULL, poll_descriptor, NULL), 0);
    baton_operation *untaken = offer(NULL);
    for (int round = 0; round < 40; round++) {
        baton_operation_options brief = BATON_OPERATION_OPTIONS_INIT;
        brief.deadline_ms = 20;
        brief.on_complete = say_over;
        brief.context = &told[1];
        cr_assert_eq(baton_operation_wait(untaken, 1 + (uint32_t)round % 3), BATON_ERR_TIMED_OUT);
        baton_operation *operation = offer(&brief);
        struct pollfd fd = {.fd = told[0], .events = POLLIN};
        char word;
        cr_assert_eq(poll(&fd, 1, SOON_MS), 1, "round %d: nobody saw its deadline", round);
        cr_assert_eq(read(told[0], &word, 1), 1);
        cr_assert_eq(baton_operation_reason(operation), BATON_ERR_DEADLINE);
        baton_operation_destroy(operation);
    }
    cr_assert_eq(write(quit[1], "q", 1), 1);
    cr_assert_eq(pthread_join(poller, NULL), 0);
    baton_operation_destroy(untaken);
    baton_descriptor_release(memory);
    baton_connector_destroy(connector);
}

Test(driving, one_polls_and_another_waits)
{
    wait_and_leave(200);
}

Test(driving, one_polls_and_another_waits_with_a_long_spin)
{
    wait_and_leave(20000);
}

Test(driving, one_polls_and_another_waits_without_a_spin)
{
    wait_and_leave(0);
}
