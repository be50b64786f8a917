/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The progress loop.
 *
 * Other threads push tasks on a lock-free stack and write the eventfd only when the owner sleeps: `asleep` is set
 * before the stack is looked at for the last time, and posted tasks look at `asleep` after the push, so one of
 * the two sees the other (both are sequentially consistent).
 *
 * Two epoll sets: `inner` has the eventfd and the sources and can be polled at any time; `outer` has
 * `inner`, the timerfd and the transport's descriptor, which says something only while the transport is armed.
 */
#include "core/loop_state.h"

#include "base/error.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* A look at the sources is a system call: every 16 turns with work, or after 50 us of it, since a turn that copies is long; in
 * every turn without where a source is waited for, every 256 turns where none is; and after a sleep. */
enum { LOOK_EVERY = 16, LOOK_SELDOM = 256, YIELD_EVERY = 256 };
#define LOOK_AFTER_NS (50 * BATON__NS_PER_US)

/* Timers in one turn: of 100,000 that are due at once, each is told while the caches have it, and others get their turn. */
enum { FIRE_MOST = 128 };

/* Wake-ups of UCX's shared memory go through an abstract socket, which containers with a network of
 * their own do not share: then they are lost, and this is the longest that a message waits. */
#define SLEEP_CAP_NS (100 * BATON__NS_PER_MS)

static void close_all(baton_loop *loop)
{
    int fds[] = {loop->wake_fd, loop->timer_fd, loop->inner, loop->outer};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

baton_status baton__loop_create(const baton__clock *clock, uint32_t spin_us, baton_loop **loop_out)
{
    baton_loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return baton__fail_memory("a progress loop");
    }
    loop->clock = *clock;
    loop->spin_ns = spin_us == UINT32_MAX ? UINT64_MAX : spin_us * BATON__NS_PER_US;
    loop->timerfd_due_ns = UINT64_MAX;
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    loop->inner = epoll_create1(EPOLL_CLOEXEC);
    loop->outer = epoll_create1(EPOLL_CLOEXEC);
    if (loop->wake_fd < 0 || loop->timer_fd < 0 || loop->inner < 0 || loop->outer < 0 ||
        baton__loop_watch(loop->inner, loop->wake_fd, EPOLLIN, &loop->wake_fd) != 0 ||
        baton__loop_watch(loop->outer, loop->timer_fd, EPOLLIN, &loop->timer_fd) != 0 ||
        baton__loop_watch(loop->outer, loop->inner, EPOLLIN, &loop->inner) != 0) {
        int error = errno;
        close_all(loop);
        free(loop);
        return baton__fail_errno(error, "progress loop: eventfd, timerfd or epoll");
    }
    *loop_out = loop;
    return BATON_OK;
}

void baton__loop_destroy(baton_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    baton__timers_fini(&loop->timers);
    close_all(loop);
    free(loop);
}

baton_status baton__loop_set_driver(baton_loop *loop, const baton__loop_driver *driver)
{
    if (loop->has_driver) {
        (void)epoll_ctl(loop->outer, EPOLL_CTL_DEL, loop->driver.fd, NULL);
        loop->has_driver = false;
    }
    if (driver == NULL) {
        return BATON_OK;
    }
    if (baton__loop_watch(loop->outer, driver->fd, EPOLLIN, &loop->driver) != 0) {
        return baton__fail_errno(errno, "progress loop: epoll refuses the transport's descriptor");
    }
    loop->driver = *driver;
    loop->has_driver = true;
    return BATON_OK;
}

void baton__loop_heed_driver(baton_loop *loop, bool heed)
{
    struct epoll_event event = {.events = heed ? EPOLLIN : 0, .data = {.ptr = &loop->driver}};
    if (loop->has_driver && epoll_ctl(loop->outer, EPOLL_CTL_MOD, loop->driver.fd, &event) != 0) {
        BATON__ERROR("progress loop: epoll_ctl: %s", strerror(errno));
    }
}

uint64_t baton_loop_now_ns(const baton_loop *loop)
{
    return baton__clock_now(&loop->clock);
}

static uintptr_t self_id(void)
{
    return (uintptr_t)pthread_self();
}

bool baton_loop_is_owner(const baton_loop *loop)
{
    return __atomic_load_n(&loop->owner, __ATOMIC_ACQUIRE) == self_id();
}

bool baton__loop_enter(baton_loop *loop)
{
    uintptr_t nobody = 0;
    return __atomic_compare_exchange_n(&loop->owner, &nobody, self_id(), false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

void baton__loop_leave(baton_loop *loop)
{
    __atomic_store_n(&loop->owner, 0, __ATOMIC_RELEASE);
}

void baton__loop_wake(baton_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof(one));
    (void)written; /* EAGAIN: the counter is full, so the loop wakes anyway */
}

bool baton_loop_post(baton_loop *loop, baton_task *task)
{
    if (__atomic_exchange_n(&task->posted_, 1, __ATOMIC_ACQ_REL) != 0) {
        return false;
    }
    baton_task *head = __atomic_load_n(&loop->posted, __ATOMIC_RELAXED);
    do {
        task->next_ = head;
    } while (!__atomic_compare_exchange_n(&loop->posted, &head, task, true, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    if (__atomic_load_n(&loop->asleep, __ATOMIC_SEQ_CST) != 0 &&
        __atomic_exchange_n(&loop->asleep, 0, __ATOMIC_SEQ_CST) != 0) {
        baton__loop_wake(loop);
    }
    return true;
}

bool baton__loop_has_posted(const baton_loop *loop)
{
    return __atomic_load_n(&loop->posted, __ATOMIC_SEQ_CST) != NULL;
}

static baton_task *take_posted(baton_loop *loop)
{
    if (__atomic_load_n(&loop->posted, __ATOMIC_RELAXED) == NULL) {
        return NULL;
    }
    baton_task *newest = __atomic_exchange_n(&loop->posted, NULL, __ATOMIC_ACQUIRE);
    baton_task *oldest = NULL;
    while (newest != NULL) {
        baton_task *next = newest->next_;
        newest->next_ = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static int run_tasks(baton_loop *loop)
{
    int done = 0;
    baton_task *task = take_posted(loop);
    while (task != NULL) {
        baton_task *next = task->next_;
        /* From here on it may be posted again, also by itself: it then waits for the next turn. */
        (void)__atomic_exchange_n(&task->posted_, 0, __ATOMIC_ACQ_REL);
        task->run(task);
        task = next;
        done++;
    }
    return done;
}

static int run_timers(baton_loop *loop)
{
    if (loop->timers.used == 0) {
        return 0;
    }
    uint64_t now = baton_loop_now_ns(loop);
    int done = 0;
    loop->firing_ns = now;
    for (baton_timer *timer; done < FIRE_MOST && (timer = baton__timers_pop(&loop->timers, now)) != NULL; done++) {
        timer->fire(timer);
    }
    loop->firing_ns = 0;
    return done;
}

static bool is_time_to_look(baton_loop *loop, int done)
{
    bool eager = loop->urgent != 0;
    return (eager && (done == 0 || loop->worked_ns - loop->looked_ns >= LOOK_AFTER_NS)) ||
           ++loop->turns % (eager ? LOOK_EVERY : LOOK_SELDOM) == 0;
}

int baton__loop_turn(baton_loop *loop)
{
    bool woken = loop->armed;
    if (woken) {
        loop->armed = false;
        __atomic_store_n(&loop->asleep, 0, __ATOMIC_SEQ_CST);
    }
    int done = run_timers(loop);
    done += run_tasks(loop);
    if (loop->has_driver) {
        done += loop->driver.progress(loop->driver.context);
    }
    if (done != 0) {
        baton_loop_expect(loop);
    }
    if (woken || is_time_to_look(loop, done)) {
        loop->looked_ns = loop->worked_ns;
        int events = baton__loop_run_sources(loop);
        if (events != 0) {
            done += events + run_tasks(loop); /* what a message has begun, at once */
            baton_loop_expect(loop);
        }
    }
    return done;
}

void baton_loop_expect(baton_loop *loop)
{
    loop->worked_ns = baton_loop_now_ns(loop);
    if (loop->spin_ns != 0 && loop->spin_ns != UINT64_MAX) {
        loop->spin_until_ns = loop->worked_ns + loop->spin_ns;
    }
}

static void set_timerfd(baton_loop *loop)
{
    uint64_t next = baton__timers_next(&loop->timers);
    if (next >= loop->timerfd_due_ns) {
        return; /* it fires early enough; too early costs one wake-up */
    }
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(next / 1000000000U), .tv_nsec = (long)(next % 1000000000U)}};
    if (when.it_value.tv_sec == 0 && when.it_value.tv_nsec == 0) {
        when.it_value.tv_nsec = 1; /* 0 would disarm it */
    }
    if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0) {
        loop->timerfd_due_ns = next;
    }
}

bool baton__loop_arm(baton_loop *loop)
{
    if (loop->timerfd_due_ns != UINT64_MAX && loop->timerfd_due_ns <= baton_loop_now_ns(loop)) {
        uint64_t value;
        ssize_t got = read(loop->timer_fd, &value, sizeof(value));
        (void)got; /* EAGAIN: the kernel's clock is a little behind; it fires again */
        loop->timerfd_due_ns = UINT64_MAX;
    }
    __atomic_store_n(&loop->asleep, 1, __ATOMIC_SEQ_CST);
    if (baton__loop_run_sources(loop) != 0 || __atomic_load_n(&loop->posted, __ATOMIC_SEQ_CST) != NULL ||
        (loop->has_driver && !loop->driver.arm(loop->driver.context))) {
        __atomic_store_n(&loop->asleep, 0, __ATOMIC_SEQ_CST);
        return false;
    }
    set_timerfd(loop); /* last: arming may start a timer */
    loop->armed = true;
    return true;
}

void baton__loop_sleep(baton_loop *loop, uint64_t timeout_ns)
{
    if (timeout_ns > SLEEP_CAP_NS) {
        timeout_ns = SLEEP_CAP_NS;
    }
    int timeout_ms = (int)((timeout_ns + BATON__NS_PER_MS - 1) / BATON__NS_PER_MS);
    struct epoll_event event;
    int count = epoll_wait(loop->outer, &event, 1, timeout_ms);
    (void)count; /* what is ready is found by the turn that follows */
    __atomic_add_fetch(&loop->sleeps, 1, __ATOMIC_RELAXED);
}

bool baton__loop_spins(const baton_loop *loop)
{
    return loop->spin_ns == UINT64_MAX ||
           (loop->spin_ns != 0 && baton_loop_now_ns(loop) < loop->spin_until_ns);
}

void baton__loop_pause(baton_loop *loop)
{
    if (loop->spin_ns != UINT64_MAX || ++loop->pauses % YIELD_EVERY == 0) {
        (void)sched_yield(); /* the peer and the NATS server may need this core */
    } else {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("yield");
#endif
    }
}

void baton__loop_run(baton_loop *loop, const bool *stop)
{
    for (;;) {
        bool stopping = __atomic_load_n(stop, __ATOMIC_ACQUIRE);
        if (baton__loop_turn(loop) != 0) {
            continue;
        }
        if (stopping) {
            return;
        }
        if (baton__loop_spins(loop)) {
            baton__loop_pause(loop);
            continue;
        }
        if (baton__loop_arm(loop)) {
            baton__loop_sleep(loop, UINT64_MAX);
        }
    }
}

int baton__loop_fd(const baton_loop *loop)
{
    return loop->outer;
}

uint64_t baton__loop_sleeps(const baton_loop *loop)
{
    return __atomic_load_n(&loop->sleeps, __ATOMIC_RELAXED);
}

baton_status baton_loop_timer_start(baton_loop *loop, baton_timer *timer, uint64_t due_ns)
{
    if (loop->firing_ns != 0 && due_ns <= loop->firing_ns) {
        due_ns = loop->firing_ns + 1; /* or one that starts itself again would keep this turn for ever */
    }
    return baton__timers_start(&loop->timers, timer, due_ns);
}

void baton_loop_timer_stop(baton_loop *loop, baton_timer *timer)
{
    baton__timers_stop(&loop->timers, timer);
}
