/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * processes.c - ways to other processes, and to more rights than the session's programs have.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
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

/* ---- wineserver ---- */

/* The session's wineserver, or what cage.c has put in its place; 0 where none runs. */
static int find_server(void)
{
    static const char start[] = "wineserver";
    const struct dirent *entry;
    DIR *folder = opendir("/proc");
    int found = 0;

    while (folder && !found && (entry = readdir(folder))) {
        char name[sizeof(start)] = "";
        int process = atoi(entry->d_name), fd = -1;

        if (process > 0)
            fd = open_of_process(process, "comm", O_RDONLY);
        if (fd >= 0 && read(fd, name, sizeof(start) - 1) > 0 && strcmp(name, start) == 0)
            found = process;
        if (fd >= 0)
            close(fd);
    }
    if (folder)
        closedir(folder);
    return found;
}

static int try_server_memory(void)
{
    int server = find_server();

    return server ? judge(open_of_process(server, "mem", O_RDWR)) : 2;
}

static int try_server_descriptors(void)
{
    int server = find_server();

    return server ? judge(open_of_process(server, "fd/0", O_RDONLY)) : 2;
}

static int try_ptrace_server(void)
{
    int server = find_server();

    return server ? judge(ptrace(PTRACE_ATTACH, server, NULL, NULL)) : 2;
}

/* To an address where nothing lies, which who may write is told. */
static int try_write_server(void)
{
    char byte = 0;
    struct iovec from = {&byte, 1}, to = {NULL, 1};
    int server = find_server();

    if (!server)
        return 2;
    if (process_vm_writev(server, &from, 1, &to, 1, 0) < 0 && errno == EFAULT)
        return OUT;
    return judge(-1);
}

static int try_server_descriptor(void)
{
    int server = find_server(), process;

    if (!server)
        return 2;
    process = (int)syscall(SYS_pidfd_open, server, 0);
    return process < 0 ? 2 : judge(syscall(SYS_pidfd_getfd, process, 0, 0));
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
    {"server-memory", try_server_memory, "mark", false},
    {"server-descriptors", try_server_descriptors, "mark", false},
    {"server-descriptor", try_server_descriptor, "mark", false},
    {"ptrace-server", try_ptrace_server, "mark", false},
    {"write-server", try_write_server, "mark", false},
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
