/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * confine_attempts.c - see confine_attempts.h.
 */
#include "tests/unit/confine_attempts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct outside outside;

static const char *join(const char *folder, const char *name)
{
    static char paths[4][2 * PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

const char *in_outside(const char *name)
{
    return join(outside.folder, name);
}

const char *in_store(const char *name)
{
    return join(outside.store, name);
}

static int judge(long result)
{
    return result >= 0 ? OUT : HELD;
}

/* ---- files ---- */

static int read_secret(const char *path)
{
    char text[sizeof(SECRET)] = "";
    int fd = open(path, O_RDONLY);

    return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strcmp(text, SECRET) == 0 ? OUT
                                                                                        : HELD;
}

static int try_read(void)
{
    return read_secret(in_outside("secret"));
}

static int try_link(void)
{
    return read_secret(in_store("link"));
}

/* The database itself, replaced by a link. */
static int try_database(void)
{
    return judge(open(in_store("registry.db"), O_RDWR));
}

static int try_own_root(void)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "/proc/self/root%s", in_outside("secret"));
    return read_secret(path);
}

static int try_write(void)
{
    return judge(open(in_outside("victim"), O_WRONLY));
}

static int try_make(void)
{
    return judge(open(in_outside("made"), O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int try_make_up(void)
{
    return judge(open(in_store("../made"), O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int try_unlink(void)
{
    return judge(unlink(in_outside("victim")));
}

static int try_rename(void)
{
    return judge(rename(in_outside("victim"), in_outside("renamed")));
}

static int try_move_out(void)
{
    return judge(rename(in_store("own"), in_outside("moved")));
}

static int try_hard_link(void)
{
    return judge(link(in_outside("secret"), in_store("hard")));
}

static int try_list(void)
{
    DIR *folder = opendir(outside.folder);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, "secret") == 0)
            return OUT;
    return HELD;
}

static int try_truncate(void)
{
    return judge(truncate(in_outside("victim"), 0));
}

static int try_chmod(void)
{
    return judge(chmod(in_outside("victim"), 0777));
}

/* Opened neither to read nor to write. */
static int try_chmod_open(void)
{
    int fd = open(in_outside("victim"), O_ACCMODE);

    return judge(fd < 0 ? fd : fchmod(fd, 0777));
}

static int try_truncate_open(void)
{
    return judge(open(in_outside("victim"), O_ACCMODE | O_TRUNC));
}

static int try_chmod_output(void)
{
    return judge(fchmod(STDOUT_FILENO, 0666));
}

static int try_chmod_second(void)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);

    return judge(fd < 0 ? fd : fchmod(fd, 0666));
}

static int try_times(void)
{
    return judge(utimensat(AT_FDCWD, in_outside("victim"), NULL, 0));
}

static int try_symlink(void)
{
    return judge(symlink("/etc/passwd", in_store("made")));
}

static int try_pipe_file(void)
{
    return judge(mkfifo(in_store("made"), 0600));
}

static int try_folder(void)
{
    return judge(mkdir(in_store("made"), 0700));
}

/* A file of another user's that only root's capabilities reach. */
static int try_foreign(void)
{
    return judge(open(in_store("foreign"), O_RDWR));
}

static int try_descriptor(void)
{
    char text[sizeof(SECRET)];

    return judge(pread(outside.descriptor, text, sizeof(text), 0));
}

static int try_input(void)
{
    char byte;

    return read(STDIN_FILENO, &byte, 1) == 1 ? OUT : HELD;
}

/* ---- processes ---- */

static int try_execute(void)
{
    char *const arguments[] = {(char *)"true", NULL}, *const none[] = {NULL};

    execve("/bin/true", arguments, none); /* whose status is OUT */
    return HELD;
}

static int try_fork(void)
{
    long child = syscall(SYS_fork);

    if (child == 0)
        _exit(0);
    return judge(child);
}

static int try_clone(void)
{
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (child == 0)
        _exit(0);
    return judge(child);
}

static int try_trace(void)
{
    if (ptrace(PTRACE_SEIZE, outside.victim, 0, 0) < 0)
        return HELD;
    ptrace(PTRACE_DETACH, outside.victim, 0, 0);
    return OUT;
}

static int try_kill(void)
{
    return judge(kill(outside.victim, SIGCONT));
}

static int try_kill_parent(void)
{
    return judge(kill(getppid(), 0));
}

static int try_thread_kill(void)
{
    return judge(syscall(SYS_tgkill, outside.victim, outside.victim, SIGCONT));
}

static int try_queue(void)
{
    siginfo_t info = {.si_signo = SIGCONT, .si_code = SI_QUEUE};

    return judge(syscall(SYS_rt_sigqueueinfo, outside.victim, SIGCONT, &info));
}

static int try_memory(void)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)outside.victim);
    return judge(open(path, O_RDWR));
}

static int try_copy(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {outside.in_victim, 1};

    return judge(process_vm_readv(outside.victim, &here, 1, &there, 1, 0));
}

static int try_take_descriptor(void)
{
    long process = syscall(SYS_pidfd_open, outside.victim, 0);

    return process < 0 ? HELD : judge(syscall(SYS_pidfd_getfd, process, 0, 0));
}

static int try_limits(void)
{
    struct rlimit limit;

    return judge(prlimit(outside.victim, RLIMIT_NOFILE, NULL, &limit));
}

static int try_owner(void)
{
    return judge(fcntl(STDOUT_FILENO, F_SETOWN, outside.victim));
}

/* ---- sockets ---- */

static int try_tcp(void)
{
    return judge(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_pair(void)
{
    int ends[2];

    return judge(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}

static int try_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", in_outside("socket"));
    return fd < 0 ? HELD : judge(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

/* ---- Linux ---- */

static int try_namespace(void)
{
    return judge(unshare(CLONE_NEWUSER | CLONE_NEWNS));
}

static int try_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
               ? OUT
               : HELD;
}

static int try_become_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? UNTRIED : judge(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int try_key(void)
{
    long key = syscall(SYS_add_key, "user", "pwk-test", "x", 1, KEY_SPEC_PROCESS_KEYRING);

    return key < 0 && (errno == ENOSYS || errno == EDQUOT) ? UNTRIED : judge(key);
}

static int try_control(void)
{
    return judge(syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0));
}

static int try_new_root(void)
{
    return judge(chroot(outside.store));
}

static int try_other_user(void)
{
    return judge(setresuid(65534, 65534, 65534));
}

/* ---- the terminal ---- */

static int try_type(void)
{
    if (ioctl(STDOUT_FILENO, TIOCSTI, "x") == 0)
        return OUT;
    return errno == EIO ? UNTRIED : HELD; /* this Linux lets nobody */
}

static int try_settings(void)
{
    struct termios settings;

    if (tcgetattr(STDOUT_FILENO, &settings) < 0)
        return UNTRIED;
    settings.c_lflag ^= ECHO;
    return judge(tcsetattr(STDOUT_FILENO, TCSANOW, &settings));
}

#define FILES "landlock,namespace"
#define PROCESSES "calls,landlock,namespace,rights"

const struct attempt attempts[] = {
    {"read a file", try_read, FILES, false},
    {"read one by a link in the store", try_link, FILES, false},
    {"open the database that is a link", try_database, FILES, false},
    {"read one by /proc/self/root", try_own_root, FILES, false},
    {"write to a file", try_write, FILES, false},
    {"make a file", try_make, FILES, false},
    {"make a file above the store", try_make_up, FILES, false},
    {"remove a file", try_unlink, FILES, false},
    {"rename a file", try_rename, FILES, false},
    {"move a file out of the store", try_move_out, FILES, false},
    {"link a file into the store", try_hard_link, FILES, false},
    {"list a folder", try_list, FILES, false},
    {"truncate a file", try_truncate, FILES ",calls", false},
    {"set a file's mode", try_chmod, "calls,namespace", false},
    {"set the mode of an open file", try_chmod_open, "calls,namespace", false},
    {"truncate a file in opening it", try_truncate_open, FILES ",calls", false},
    {"set the output's mode", try_chmod_output, "calls", false},
    {"set it by another number", try_chmod_second, "calls", false},
    {"set a file's times", try_times, "calls,namespace", false},
    {"make a link in the store", try_symlink, "calls,landlock", false},
    {"make a pipe in the store", try_pipe_file, "calls,landlock", false},
    {"make a folder in the store", try_folder, "calls,landlock", false},
    {"open another user's file", try_foreign, "rights,namespace", true},
    {"use a descriptor", try_descriptor, "descriptors", false},
    {"read the input", try_input, "descriptors", false},
    {"execute a program", try_execute, FILES ",calls", false},
    {"fork", try_fork, "calls", false},
    {"clone", try_clone, "calls", false},
    {"trace a process", try_trace, PROCESSES, false},
    {"signal a process", try_kill, PROCESSES, false},
    {"signal the parent", try_kill_parent, PROCESSES, false},
    {"signal a thread", try_thread_kill, PROCESSES, false},
    {"signal with a value", try_queue, PROCESSES, false},
    {"open a process's memory", try_memory, "landlock,namespace,rights", false},
    {"copy a process's memory", try_copy, PROCESSES, false},
    {"take a process's descriptor", try_take_descriptor, PROCESSES, false},
    {"ask for a process's limits", try_limits, PROCESSES, false},
    {"send a terminal's signals", try_owner, "calls", false},
    {"make a TCP socket", try_tcp, "calls", false},
    {"make a pair of sockets", try_pair, "calls", false},
    {"connect to a socket's file", try_unix, "calls,namespace", false},
    {"make namespaces", try_namespace, "calls", false},
    {"map code", try_code, "calls", false},
    {"make memory code", try_become_code, "calls", false},
    {"add a key", try_key, "calls", false},
    {"be dumpable", try_control, "calls", false},
    {"have another root", try_new_root, "calls,rights", true},
    {"become another user", try_other_user, "calls,rights,namespace", true},
    {"type on the terminal", try_type, "calls", false},
    {"set the terminal", try_settings, "calls", false},
    {NULL, NULL, NULL, false},
};
