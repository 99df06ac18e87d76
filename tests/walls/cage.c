/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cage.c - runs a program in a kernel's own session as pwk-wine does, but with walls taken out.
 *
 *   cage PREFIX STATE RUNTIME WALL[,WALL...]|- PROGRAM ARGUMENTS...
 *
 * With "-" all walls stand. Where OUTSIDE_HOME is set, that home folder is hidden, but for what
 * OUTSIDE_HOME_FOLDER names in it, if anything. Where OUTSIDE_GROUPS is set, the session gets a
 * control group in that folder. The status is the program's; 125 where there was no session, and
 * 124 where a wall of that name does not exist. The session is ended at once. Beside the program
 * waits what wineserver and a fresh loader are to it: a process that joined the session as it did.
 */
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/mark.h"
#include "sandbox/session.h"
#include "sandbox/walls.h"

static const char *const words[PWK_WALL_COUNT] = {
#define WORD(name, word) word,
    PWK_WALLS(WORD)
#undef WORD
};

static bool out[PWK_WALL_COUNT];

bool pwk_wall_stands(enum pwk_wall wall)
{
    return !out[wall];
}

static bool take_out(char *list)
{
    for (char *word = strtok(list, ","); word; word = strtok(NULL, ",")) {
        int wall = 0;

        while (wall < PWK_WALL_COUNT && strcmp(words[wall], word) != 0)
            wall++;
        if (wall == PWK_WALL_COUNT)
            return false;
        out[wall] = true;
    }
    return true;
}

/* What the session's user namespace gives its makers goes by itself when a user other than root
 * executes a program: a session that left it to programs would hand it on like this. */
static void hand_capabilities_on(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    syscall(SYS_capget, &header, data);
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].inheritable = data[i].permitted;
    syscall(SYS_capset, &header, data);
    for (unsigned long capability = 0; capability < 64; capability++)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
}

/* As the loader starts wineserver: with what it was born with. It ends with its session. */
static void start_server(const char *program)
{
    int ready[2];
    char byte;

    if (pipe(ready) < 0 || (fork() == 0 && dup2(ready[1], STDOUT_FILENO) >= 0)) {
        close(ready[0]);
        execl(program, program, "--wait", NULL);
        _exit(125);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        _exit(125);
    close(ready[0]);
}

static int run(const struct pwk_session_plan *plan, struct pwk_session *session, char *program[])
{
    struct pwk_error error;
    int failed, status;
    pid_t child = pwk_session_fork(plan, session, &failed, &error);

    if (child == 0) {
        if (failed == 0) {
            start_server(program[0]);
            if (out[PWK_WALL_CAPABILITIES])
                hand_capabilities_on();
            else if (pwk_mark_is_held() && pwk_mark_give_up() < 0)
                _exit(125);
            execv(program[0], program);
            perror(program[0]);
        } else {
            fprintf(stderr, "cage: %s\n", error.text);
        }
        _exit(125);
    }
    if (child < 0) {
        fprintf(stderr, "cage: %s\n", error.text);
        return 125;
    }
    if (waitpid(child, &status, 0) != child)
        return 125;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void end(const struct pwk_session *session)
{
    struct pollfd gone = {.fd = session->init, .events = POLLIN};

    syscall(SYS_pidfd_send_signal, session->init, SIGKILL, NULL, 0);
    poll(&gone, 1, 10000);
}

static void take(char to[PATH_MAX], const char *variable)
{
    const char *value = getenv(variable);

    snprintf(to, PATH_MAX, "%s", value ? value : "");
}

int main(int argc, char *argv[])
{
    static struct pwk_session_plan plan = {
        .overlay_files = true, .isolated_network = true, .own_ipc = true, .own_uts = true};
    struct pwk_session session;
    struct pwk_error error;
    int status;

    if (argc < 6)
        return 125;
    snprintf(plan.prefix, sizeof(plan.prefix), "%s", argv[1]);
    snprintf(plan.state, sizeof(plan.state), "%s", argv[2]);
    snprintf(plan.runtime, sizeof(plan.runtime), "%s", argv[3]);
    take(plan.below, "OUTSIDE_BELOW");
    take(plan.homes[0], "OUTSIDE_HOME");
    take(plan.home_folder, "OUTSIDE_HOME_FOLDER");
    plan.installed[0] = getenv("OUTSIDE_INSTALLED");
    take(plan.cgroup.parent, "OUTSIDE_GROUPS");
    plan.cgroup.cpu = plan.cgroup.parent[0] != '\0';
    if (strcmp(argv[4], "-") != 0 && !take_out(argv[4]))
        return 124;
    pwk_desktop_find(&plan.desktop);
    if (pwk_session_enter(&plan, &session, &error) < 0) {
        fprintf(stderr, "cage: %s\n", error.text);
        return 125;
    }
    status = run(&plan, &session, argv + 5);
    end(&session);
    pwk_session_leave(&session, false);
    return status;
}
