/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_namespace.c - create_process_kernel_namespace: a process that runs already gets
 * namespaces and a Linux policy. One sequence of calls does it, made by the process itself or in
 * its name (tracee.h); what they point to lies in a page of the process that makes them.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/profile.h"
#include "pwk/process_kernel.h"
#include "sandbox/inject.h"
#include "sandbox/policy.h"
#include "sandbox/policy_guard.h"
#include "sandbox/process_memory.h"
#include "sandbox/user_map.h"

#define ROOM (sizeof(struct sock_filter) * BPF_MAXINSNS + 4096)
#define PROGRAM_OFFSET 64 /* of the filter's instructions, behind what points to them */

/* What is to be done, found out before anything is. */
struct wish {
    int namespaces; /* CLONE_NEW* */
    size_t length;  /* of the filter */
    struct sock_filter filter[BPF_MAXINSNS];
};

/* Who makes the calls. */
struct maker {
    struct pwk_tracee *tracee; /* NULL: the calling process */
    pid_t pid;
    uint64_t room; /* ROOM bytes of the maker's */
};

/* ---- what is asked for ---- */

static int load_profile(struct pwk_profile *profile, const char *path)
{
    struct pwk_error error;
    int result = path ? pwk_profile_load(profile, path, &error) : 0;

    return result == -ENOENT && !strchr(path, '/') ? pwk_profile_built_in(profile, path) : result;
}

static int choose_namespaces(const struct pwk_profile *profile, int *flags)
{
    unsigned listed = profile->namespaces;
    bool net = listed ? listed & PWK_NAMESPACE_NET : profile->network != PWK_NETWORK_HOST;

    if (listed && profile->network && net != (profile->network == PWK_NETWORK_ISOLATED))
        return -EINVAL;
    /* These are made with a process, or around it, and cannot be put on afterwards. */
    if ((listed & PWK_NAMESPACE_PID) || profile->files == PWK_FILES_OVERLAY ||
        profile->home.mode == PWK_HOME_NONE || profile->home.mode == PWK_HOME_FOLDER ||
        profile->cpu || profile->io)
        return -ENOTSUP;
    *flags = CLONE_NEWUSER | (net ? CLONE_NEWNET : 0) |
             (!listed || (listed & PWK_NAMESPACE_MOUNT) ? CLONE_NEWNS : 0) |
             (!listed || (listed & PWK_NAMESPACE_IPC) ? CLONE_NEWIPC : 0) |
             (!listed || (listed & PWK_NAMESPACE_UTS) ? CLONE_NEWUTS : 0);
    return 0;
}

static int make_filter(const struct pwk_profile *profile, struct wish *wish)
{
    const struct pwk_policy_words words = {&profile->syscalls, NULL};
    struct pwk_policy_code code = {0};
    struct pwk_policy policy;
    struct pwk_error error;
    int result = pwk_policy_resolve(&policy, profile->syscall_base, &words, 1, &error);

    if (result == 0 && (policy.listens || pwk_policy_uses(&policy, PWK_SYSCALL_TRAP)))
        return -ENOTSUP;
    if (result == 0)
        result = pwk_policy_compile_whole(&policy, &code, &error);
    if (result == 0) {
        wish->length = pwk_guard_write(wish->filter, policy.opened);
        if (code.length > BPF_MAXINSNS - wish->length)
            result = -E2BIG;
    }
    if (result == 0) {
        memcpy(wish->filter + wish->length, code.code, code.length * sizeof(*code.code));
        wish->length += code.length;
    }
    pwk_policy_code_finish(&code);
    return result;
}

static int make_wish(const char *path, struct wish *wish)
{
    struct pwk_profile profile;
    int result;

    pwk_profile_init(&profile);
    result = load_profile(&profile, path);
    if (result == 0)
        result = choose_namespaces(&profile, &wish->namespaces);
    if (result == 0)
        result = make_filter(&profile, wish);
    pwk_profile_finish(&profile);
    return result;
}

/* ---- calls ---- */

static int64_t call(const struct maker *maker, long nr, uint64_t a1, uint64_t a2, uint64_t a3,
                    uint64_t a4, uint64_t a5)
{
    long result;

    if (maker->tracee)
        return pwk_tracee_call(maker->tracee, nr, (const uint64_t[6]){a1, a2, a3, a4, a5, 0});
    result = syscall(nr, a1, a2, a3, a4, a5);
    return result < 0 ? -errno : result;
}

static int put(const struct maker *maker, size_t offset, const void *data, size_t size)
{
    if (maker->tracee)
        return pwk_process_write(maker->pid, maker->room + offset, data, size);
    memcpy((void *)(uintptr_t)(maker->room + offset), data, size);
    return 0;
}

static int raise_loopback(const struct maker *maker)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int64_t fd = call(maker, SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0), result;

    if (fd < 0)
        return (int)fd;
    result = put(maker, 0, &request, sizeof(request));
    if (result == 0)
        result = call(maker, SYS_ioctl, (uint64_t)fd, SIOCSIFFLAGS, maker->room, 0, 0);
    call(maker, SYS_close, (uint64_t)fd, 0, 0, 0, 0);
    return (int)result;
}

/* What is mounted from now on is its own affair, and what others mount is not to reach it. */
static int keep_mounts(const struct maker *maker)
{
    int result = put(maker, 0, "/", 2);

    return result < 0 ? result
                      : (int)call(maker, SYS_mount, 0, maker->room, 0, MS_REC | MS_PRIVATE, 0);
}

/* As root of its own user namespace it could undo the rest. See privileges.h. */
static int drop_privileges(const struct maker *maker)
{
    const struct {
        struct __user_cap_header_struct header;
        struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    } empty = {.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
    const uint64_t bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                          SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                          SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    int64_t result = 0;

    for (uint64_t capability = 0; result == 0 && capability < 64; capability++)
        result = call(maker, SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result == -EINVAL) /* a number that this Linux does not know */
        result = 0;
    if (result == 0)
        result = call(maker, SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (result == 0)
        result = call(maker, SYS_prctl, PR_SET_SECUREBITS, bits, 0, 0, 0);
    if (result == 0)
        result = call(maker, SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (result == 0)
        result = put(maker, 0, &empty, sizeof(empty));
    if (result == 0)
        result = call(maker, SYS_capset, maker->room, maker->room + sizeof(empty.header), 0, 0, 0);
    return (int)result;
}

static int arm(const struct maker *maker, const struct wish *wish)
{
    const struct sock_fprog program = {
        .len = (unsigned short)wish->length,
        .filter = (struct sock_filter *)(uintptr_t)(maker->room + PROGRAM_OFFSET),
    };
    int result = put(maker, 0, &program, sizeof(program));

    if (result == 0)
        result = put(maker, PROGRAM_OFFSET, wish->filter, wish->length * sizeof(wish->filter[0]));
    if (result == 0)
        result = (int)call(maker, SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, maker->room, 0, 0);
    return result;
}

static int fulfil(const struct maker *maker, const struct wish *wish)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    int64_t result = 0;

    if (maker->tracee) {
        user = (uid_t)call(maker, SYS_geteuid, 0, 0, 0, 0, 0);
        group = (gid_t)call(maker, SYS_getegid, 0, 0, 0, 0, 0);
    }
    result = call(maker, SYS_unshare, (uint64_t)wish->namespaces, 0, 0, 0, 0);
    if (result == 0)
        result = pwk_user_map(maker->pid, user, group);
    if (result == 0 && (wish->namespaces & CLONE_NEWNS))
        result = keep_mounts(maker);
    if (result == 0 && (wish->namespaces & CLONE_NEWNET))
        result = raise_loopback(maker);
    if (result == 0)
        result = drop_privileges(maker);
    return result < 0 ? (int)result : arm(maker, wish);
}

/* ---- in whose name ---- */

static int64_t make_room(const struct maker *maker)
{
    return pwk_tracee_call(maker->tracee, SYS_mmap,
                           (const uint64_t[6]){0, ROOM, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0});
}

/* Namespaces belong to threads: those of others could not be changed with it. */
static int fulfil_for(struct pwk_tracee *tracee, const void *argument)
{
    struct maker maker = {.tracee = tracee, .pid = tracee->pid};
    int64_t room;
    int result;

    if (tracee->count != 1)
        return -EBUSY;
    room = make_room(&maker);
    if (room < 0)
        return (int)room;
    maker.room = (uint64_t)room;
    result = fulfil(&maker, argument);
    call(&maker, SYS_munmap, maker.room, ROOM, 0, 0, 0);
    return result;
}

static bool has_one_thread(void)
{
    struct stat st;

    return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
}

static int fulfil_here(const struct wish *wish)
{
    struct maker maker = {.pid = getpid()};
    sigset_t all, before;
    void *room;
    int result;

    if (!has_one_thread())
        return -EBUSY;
    room = malloc(ROOM);
    if (!room)
        return -ENOMEM;
    maker.room = (uint64_t)(uintptr_t)room;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    result = fulfil(&maker, wish);
    sigprocmask(SIG_SETMASK, &before, NULL);
    free(room);
    return result;
}

int create_process_kernel_namespace(pid_t pid, const char *kernel_config)
{
    struct wish *wish = malloc(sizeof(*wish));
    int result = wish ? 0 : -ENOMEM;

    if (result == 0)
        result = pid < 0 ? -EINVAL : make_wish(kernel_config, wish);
    if (result == 0 && (pid == 0 || pid == getpid())) {
        result = fulfil_here(wish);
    } else if (result == 0) {
        result = pwk_inject_check(pid);
        if (result == 0)
            result = pwk_inject_run(pid, fulfil_for, wish);
    }
    free(wish);
    if (result < 0)
        errno = -result;
    return result;
}
