/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * policy_page.c - the memory file of policy_arm.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/policy_arm.h"
#include "sandbox/policy_install.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

/* How long the supervisor may take to fetch a listener. */
#define HANDOVER_SECONDS 10

static size_t page_size(size_t length)
{
    return sizeof(struct pwk_policy_page) + length * sizeof(struct sock_filter);
}

/* A descriptor that no closed standard stream has made room for. */
static int make_file(void)
{
    int low = memfd_create("pwk-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int saved = errno;

    if (low >= 0)
        close(low);
    errno = saved;
    return fd;
}

int pwk_policy_file_make(const struct sock_filter *code, size_t length,
                         const struct pwk_policy_needs *needs, struct pwk_error *error)
{
    struct pwk_policy_page page = {.length = (uint32_t)length, .needs = *needs};
    size_t size = length * sizeof(*code);
    int fd, rc = 0;

    if (length == 0 || length > PWK_POLICY_MAX)
        return pwk_error_set(error, -E2BIG, "the Linux policy makes %zu instructions: use groups",
                             length);
    fd = make_file();
    if (fd < 0 || pwrite(fd, &page, sizeof(page), 0) != (ssize_t)sizeof(page) ||
        pwrite(fd, code, size, sizeof(page)) != (ssize_t)size ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        rc = -errno;
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return pwk_error_set(error, rc, "the Linux policy cannot be handed over: %s", strerror(-rc));
}

int pwk_policy_page_open(int fd, struct pwk_policy_page **page, struct pwk_error *error)
{
    const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
    struct stat status;
    void *map = MAP_FAILED;

    *page = NULL;
    if (fstat(fd, &status) == 0 && (fcntl(fd, F_GET_SEALS) & sealed) == sealed &&
        status.st_size > (off_t)page_size(0) && status.st_size <= (off_t)page_size(PWK_POLICY_MAX))
        map = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return pwk_error_set(error, -EINVAL,
                             "the Linux policy does not come with the process; start the program "
                             "with pwk-wine");
    *page = map;
    if ((size_t)status.st_size == page_size((*page)->length))
        return 0;
    munmap(map, (size_t)status.st_size);
    *page = NULL;
    return pwk_error_set(error, -EINVAL, "the Linux policy is of another version of pwk");
}

void pwk_policy_page_close(struct pwk_policy_page *page)
{
    if (page != NULL)
        munmap(page, page_size(page->length));
}

/* ---- the listener ---- */

/* From the moment of arming any call may wait for the supervisor, who may have died: the process is
 * then ended by a timer, for which it need not make a call. */
static int begin_deadline(timer_t *timer)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec deadline = {.it_value.tv_sec = HANDOVER_SECONDS};

    if (timer_create(CLOCK_MONOTONIC, &event, timer) != 0 ||
        timer_settime(*timer, 0, &deadline, NULL) != 0)
        return -errno;
    return 0;
}

static struct pwk_policy_offer *begin_offer(struct pwk_policy_page *page)
{
    for (size_t i = 0; i < PWK_POLICY_OFFERS; i++) {
        int32_t nobody = 0;

        if (!atomic_compare_exchange_strong(&page->offers[i].pid, &nobody, getpid()))
            continue;
        atomic_fetch_add(&page->offered, 1);
        syscall(SYS_futex, &page->offered, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        return &page->offers[i];
    }
    return NULL;
}

static int install_listener(struct pwk_policy_page *page)
{
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;
    int result = pwk_policy_install(page->code, page->length, page->needs.opened,
                                    flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

    return result == -EINVAL
               ? pwk_policy_install(page->code, page->length, page->needs.opened, flags)
               : result;
}

/* Gives the place back; where this process is killed before, the supervisor does. */
static void end_offer(struct pwk_policy_offer *offer)
{
    atomic_store(&offer->listener, 0);
    atomic_store(&offer->answer, 0);
    atomic_store(&offer->pid, 0);
}

static int hand_over(struct pwk_policy_offer *offer, int listener)
{
    int32_t answer;

    atomic_store(&offer->listener, listener + 1);
    while ((answer = atomic_load(&offer->answer)) == 0)
        sched_yield(); /* may itself wait for the supervisor, who then has the listener */
    close(listener);
    end_offer(offer);
    return answer > 0 ? 0 : answer;
}

static int arm_with_listener(struct pwk_policy_page *page)
{
    struct pwk_policy_offer *offer = begin_offer(page);
    timer_t timer = 0;
    int rc;

    if (offer == NULL)
        return -EBUSY;
    rc = begin_deadline(&timer);
    if (rc == 0)
        rc = install_listener(page);
    if (rc >= 0)
        rc = hand_over(offer, rc);
    else
        end_offer(offer);
    timer_delete(timer);
    return rc;
}

int pwk_policy_page_arm(struct pwk_policy_page *page, struct pwk_error *error)
{
    int rc;

    if (!page->needs.listens)
        return pwk_policy_arm(page->code, page->length, page->needs.opened, error);
    rc = arm_with_listener(page);
    return rc == 0 ? 0
                   : pwk_error_set(error, rc,
                                   "the Linux policy's supervisor cannot be reached: %s; see "
                                   "pwkctl doctor",
                                   strerror(-rc));
}
