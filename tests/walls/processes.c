/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * processes.c - ways to other processes, and to more rights than the session's programs have.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

static int try_signal(void)
{
    return judge(kill(fact_number("OUTSIDE_PROCESS"), 0));
}

static int try_ptrace(void)
{
    int process = fact_number("OUTSIDE_PROCESS");
    long result = ptrace(PTRACE_SEIZE, process, NULL, NULL);
    int answer = judge(result);

    if (result == 0)
        ptrace(PTRACE_DETACH, process, NULL, NULL);
    return answer;
}

static int open_of_process(int process, const char *name, int flags)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", process, name);
    return open(path, flags);
}

static int try_outside_memory(void)
{
    return judge(open_of_process(fact_number("OUTSIDE_PROCESS"), "mem", O_RDWR));
}

static int try_outside_command(void)
{
    char text[64] = "";
    int fd = open_of_process(fact_number("OUTSIDE_PROCESS"), "cmdline", O_RDONLY);

    if (fd < 0)
        return judge(fd);
    return read(fd, text, sizeof(text) - 1) > 0 && strstr(text, "escape") ? OUT : HELD;
}

static int try_outside_root(void)
{
    return judge(open_of_process(fact_number("OUTSIDE_PROCESS"), "root", O_PATH | O_DIRECTORY));
}

static int try_init_root(void)
{
    return judge(open_of_process(1, "root/", O_RDONLY | O_DIRECTORY));
}

static int try_init_memory(void)
{
    return judge(open_of_process(1, "mem", O_RDWR));
}

static int try_init_descriptors(void)
{
    return judge(open_of_process(1, "fd/3", O_RDONLY));
}

static int try_init_namespace(void)
{
    int fd = open_of_process(1, "ns/mnt", O_RDONLY);

    return fd < 0 ? judge(fd) : judge(setns(fd, CLONE_NEWNS));
}

static int try_ptrace_init(void)
{
    return judge(ptrace(PTRACE_SEIZE, 1, NULL, NULL));
}

/* ---- rights ---- */

static int try_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    memset(data, 0, sizeof(data));
    data[0].effective = data[0].permitted = 1u << CAP_SYS_ADMIN;
    return judge(syscall(SYS_capset, &header, data));
}

/* User 0 would have them all again after execve(2). */
static int try_capabilities_by_exec(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        execl("/proc/self/exe", "escape", "capabilities", NULL);
        _exit(2);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : 2;
}

static int try_new_privileges(void)
{
    int set = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

    return set == 0 ? OUT : HELD;
}

static int try_other_user(void)
{
    return judge(setresuid(1, 1, 1));
}

static int try_host_name(void)
{
    char name[256];

    return gethostname(name, sizeof(name)) < 0 ? 2 : judge(sethostname(name, strlen(name)));
}

static int try_clock(void)
{
    struct timex clock = {.modes = 0};

    if (adjtimex(&clock) < 0)
        return judge(-1);
    clock.modes = ADJ_STATUS; /* to what it is */
    return judge(adjtimex(&clock));
}

static int try_kernel_module(void)
{
    syscall(SYS_delete_module, "pwk_no_such_module", O_NONBLOCK);
    printf("%s\n", strerror(errno));
    return errno == ENOENT ? OUT : HELD;
}

/* In a process namespace only the commands that end it are known: the others are EINVAL to who may
 * use reboot(2). */
static int try_reboot(void)
{
    reboot(RB_DISABLE_CAD);
    printf("%s\n", strerror(errno));
    return errno == EINVAL ? OUT : HELD;
}

const struct attempt process_attempts[] = {
    {"signal", try_signal, "processes,proc", false},
    {"ptrace", try_ptrace, "processes,proc,users,capabilities", true},
    {"outside-memory", try_outside_memory, "processes,proc,users,capabilities", true},
    {"outside-root", try_outside_root, "processes,proc,users,capabilities", true},
    {"outside-command", try_outside_command, "proc", false},
    {"init-root", try_init_root, "capabilities", false},
    {"init-memory", try_init_memory, "capabilities", false},
    {"init-descriptors", try_init_descriptors, "capabilities", false},
    {"init-namespace", try_init_namespace, "capabilities", false},
    {"ptrace-init", try_ptrace_init, "capabilities", false},
    {"capabilities", try_capabilities, "capabilities", false},
    {"capabilities-by-exec", try_capabilities_by_exec, "capabilities", false},
    {"new-privileges", try_new_privileges, "no-new-privs,calls", false},
    {"other-user", try_other_user, "users,capabilities", true},
    {"host-name", try_host_name, "users,capabilities", true},
    {"clock", try_clock, "users,capabilities", true},
    {"kernel-module", try_kernel_module, "users,capabilities", true},
    {"reboot", try_reboot, "capabilities", false},
    {0},
};
