/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * files.c - ways to files that are not the session's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attempt.h"

/* Below the prefix, or another folder that `variable` names. */
static const char *below(const char *variable, const char *name)
{
    static char path[8192];

    snprintf(path, sizeof(path), "%s/%s", fact(variable), name);
    return path;
}

static int try_tmp(void)
{
    return read_secret(fact("OUTSIDE_TMP"));
}

static int try_var_tmp(void)
{
    return read_secret(fact("OUTSIDE_VAR_TMP"));
}

static int try_shared_memory(void)
{
    return read_secret(fact("OUTSIDE_SHM"));
}

static int try_run(void)
{
    return read_secret(fact("OUTSIDE_RUN"));
}

static int try_other_state(void)
{
    return read_secret(fact("OUTSIDE_OTHER_STATE"));
}

static int try_other_runtime(void)
{
    return read_secret(fact("OUTSIDE_OTHER_RUNTIME"));
}

static int try_own_profile(void)
{
    return open_for_writing(below("OUTSIDE_STATE", "profile.ini"));
}

static int try_own_audit_log(void)
{
    return open_for_writing(below("OUTSIDE_STATE", "audit.jsonl"));
}

static int try_own_upper(void)
{
    return judge(open(below("OUTSIDE_STATE", "files/upper"), O_RDONLY | O_DIRECTORY));
}

static int try_new_in_state(void)
{
    return judge(open(below("OUTSIDE_STATE", "new"), O_WRONLY | O_CREAT, 0600));
}

/* What is read there is nothing, and what is written goes nowhere. */
static int try_session_number(void)
{
    char text[64];
    int fd = open(below("OUTSIDE_RUNTIME", "session.init"), O_RDWR);

    if (fd < 0)
        return judge(fd);
    return read(fd, text, sizeof(text)) > 0 ? OUT : HELD;
}

/* Who has the lock alone keeps launchers waiting. */
static int try_session_lock(void)
{
    struct stat st;
    int fd = open(below("OUTSIDE_RUNTIME", "session.lock"), O_RDONLY);

    if (fd < 0 || fstat(fd, &st) < 0)
        return judge(-1);
    return S_ISREG(st.st_mode) ? OUT : HELD;
}

static int try_replace_session_number(void)
{
    char path[8192];

    strcpy(path, below("OUTSIDE_RUNTIME", "session.init"));
    return judge(rename(below("OUTSIDE_RUNTIME", "other"), path));
}

/* The prefix's registry as it is published for all kernels. */
static int try_published_text(void)
{
    return open_for_writing(below("OUTSIDE_BELOW", "machine-1"));
}

static int try_published_page(void)
{
    return open_for_writing(below("OUTSIDE_BELOW", "registry.below"));
}

static int try_replace_published(void)
{
    char path[8192];

    strcpy(path, below("OUTSIDE_BELOW", "machine-1"));
    return judge(rename(below("OUTSIDE_BELOW", "user-1"), path));
}

static int try_remove_published(void)
{
    return judge(unlink(below("OUTSIDE_BELOW", "default-1")));
}

/* Who opens the page to publish would wait for the lease's end. */
static int try_lease(void)
{
    int fd = open(below("OUTSIDE_BELOW", "registry.below"), O_RDONLY);

    return fd < 0 ? judge(-1) : judge(fcntl(fd, F_SETLEASE, F_RDLCK));
}

/* Who holds it alone keeps everybody from publishing. */
static int try_publishers_lock(void)
{
    int fd = open(below("OUTSIDE_BELOW", "../publisher"), O_RDONLY);

    return fd < 0 ? judge(-1) : judge(flock(fd, LOCK_EX | LOCK_NB));
}

/* Whether it got there, walls.sh sees in the prefix's own file. */
static int try_prefix_file(void)
{
    int fd = open(fact("OUTSIDE_PREFIX_FILE"), O_WRONLY | O_APPEND);

    return fd < 0 || write(fd, "changed", 7) != 7 ? judge(-1) : OUT;
}

static int try_hard_link(void)
{
    const char *link_path = below("OUTSIDE_PREFIX", "drive_c/hard-link");
    int answer = judge(link(fact("OUTSIDE_FILE"), link_path));

    unlink(link_path);
    return answer;
}

static int try_home_file(void)
{
    return read_secret(below("OUTSIDE_HOME", "secret"));
}

static int try_installed_file(void)
{
    return open_for_writing(below("OUTSIDE_INSTALLED", "file"));
}

/* Who renames a folder on the way to what is installed can put another in its place. */
static int try_way_to_installed(void)
{
    char path[8192];
    int answer;

    strcpy(path, below("OUTSIDE_HOME_FOLDER", "tools"));
    answer = judge(rename(path, below("OUTSIDE_HOME_FOLDER", "renamed")));
    if (answer == OUT)
        rename(below("OUTSIDE_HOME_FOLDER", "renamed"), path);
    return answer;
}

static int try_system_file(void)
{
    return open_for_writing("/etc/passwd");
}

static int try_core_pattern(void)
{
    return open_for_writing("/proc/sys/kernel/core_pattern");
}

static int try_system_request(void)
{
    return open_for_writing("/proc/sysrq-trigger");
}

static int try_interrupts(void)
{
    return open_for_writing("/proc/irq/default_smp_affinity");
}

static int try_sys(void)
{
    return open_for_writing("/sys/kernel/profiling") == OUT
               ? OUT
               : open_for_writing("/sys/kernel/mm/ksm/run");
}

static int try_cgroup(void)
{
    static const char *const paths[] = {
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/unified/cgroup.procs",
        "/sys/fs/cgroup/systemd/cgroup.procs",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (access(paths[i], F_OK) == 0)
            return open_for_writing(paths[i]);
    return UNTRIED;
}

static int try_kernel_log(void)
{
    return open_for_writing("/dev/kmsg");
}

static int try_disk(void)
{
    return open_for_writing(fact("OUTSIDE_DISK"));
}

static int try_terminal(void)
{
    return open_for_writing(fact("OUTSIDE_TERMINAL"));
}

static int try_console(void)
{
    return open_for_writing("/dev/tty0");
}

/* A folder that was open outside when the program was started. */
static int try_inherited_folder(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    char path[512];

    if (!folder)
        return 2;
    while ((entry = readdir(folder)) != NULL) {
        int fd = atoi(entry->d_name);

        snprintf(path, sizeof(path), "/proc/self/fd/%d%s", fd, fact("OUTSIDE_TMP"));
        if (fd > 2 && fd != dirfd(folder) && read_secret(path) == OUT)
            return OUT;
    }
    closedir(folder);
    return HELD;
}

const struct attempt file_attempts[] = {
    {"tmp", try_tmp, "temporary", false},
    {"var-tmp", try_var_tmp, "temporary", false},
    {"shared-memory", try_shared_memory, "temporary,devices", false},
    {"run", try_run, "run", true},
    {"other-state", try_other_state, "states", false},
    {"other-runtime", try_other_runtime, "runtime", false},
    {"own-profile", try_own_profile, "states", false},
    {"own-audit-log", try_own_audit_log, "states", false},
    {"own-upper", try_own_upper, "states,overlay", false},
    {"new-in-state", try_new_in_state, "states", false},
    {"session-number", try_session_number, "session-files", false},
    {"session-lock", try_session_lock, "session-files", false},
    {"replace-session-number", try_replace_session_number, "session-files", false},
    {"published-text", try_published_text, "below", false},
    {"published-page", try_published_page, "below", false},
    {"replace-published", try_replace_published, "below", false},
    {"remove-published", try_remove_published, "below", false},
    {"lease", try_lease, "calls", false},
    {"publishers-lock", try_publishers_lock, "runtime", false},
    {"prefix-file", try_prefix_file, "overlay", false},
    {"hard-link", try_hard_link, "overlay", false},
    {"home-file", try_home_file, "home", false},
    {"installed-file", try_installed_file, "home", false},
    {"way-to-installed", try_way_to_installed, "home", false},
    {"system-file", try_system_file, "system", true},
    {"core-pattern", try_core_pattern, "knobs", true},
    {"system-request", try_system_request, "knobs", true},
    {"interrupts", try_interrupts, "knobs", true},
    {"sys", try_sys, "sys", true},
    {"cgroup", try_cgroup, "sys", true},
    {"kernel-log", try_kernel_log, "devices", true},
    {"disk", try_disk, "devices", true},
    {"terminal", try_terminal, "devices", false},
    {"console", try_console, "devices", true},
    {"inherited-folder", try_inherited_folder, "descriptors", false},
    {0},
};
