/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

void signals_reset(void)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t none;
    sigemptyset(&none);
    if (sigaction(SIGINT, &by_default, NULL) != 0 || sigaction(SIGTERM, &by_default, NULL) != 0 ||
        pthread_sigmask(SIG_SETMASK, &none, NULL) != 0) {
        perror("relay: signals");
    }
}

int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0 || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) {
        perror("relay: signalfd");
    }
    return fd;
}

int signals_wait(int signals_fd, int wake_fd, int timeout_ms)
{
    struct pollfd waiting[] = {{.fd = signals_fd, .events = POLLIN},
                               {.fd = wake_fd, .events = POLLIN}};
    struct signalfd_siginfo info;
    if (poll(waiting, 2, timeout_ms) <= 0 || (waiting[0].revents & POLLIN) == 0) {
        return 0;
    }
    return read(signals_fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
