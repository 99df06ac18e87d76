/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * escape.c - tries ways out of an own session.
 *
 *   escape --outside FOLDER COMMAND...  makes what there is to reach, and runs COMMAND beside it
 *   escape --list                       the attempts, one a line: name, walls, root or all
 *   escape --all                        tries each in a process of its own: name and answer
 *   escape --wait                       waits as wineserver, and writes a byte when it does
 *   escape --run COMMAND...             what else a hostile program does: executes COMMAND
 *   escape NAME                         tries one; status 0 out, 1 held, 77 not possible here
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempt.h"

static const struct attempt *const groups[] = {
    process_attempts, mount_attempts, file_attempts, socket_attempts, call_attempts, NULL,
};

int judge(long result)
{
    if (result < 0)
        printf("%s\n", strerror(errno));
    return result < 0 ? HELD : OUT;
}

const char *fact(const char *name)
{
    const char *value = getenv(name);

    if (value)
        return value;
    fprintf(stderr, "escape: %s is not set: run it below escape --outside\n", name);
    exit(2);
}

int fact_number(const char *name)
{
    return atoi(fact(name));
}

int read_secret(const char *path)
{
    char text[sizeof(SECRET)] = "";
    int fd = open(path, O_RDONLY | O_NONBLOCK);

    if (fd < 0)
        return judge(fd);
    if (read(fd, text, sizeof(text) - 1) < 0)
        return judge(-1);
    close(fd);
    return strcmp(text, SECRET) == 0 ? OUT : HELD;
}

int open_for_writing(const char *path)
{
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return judge(fd);
    close(fd);
    return OUT;
}

static int list(void)
{
    for (size_t group = 0; groups[group]; group++)
        for (const struct attempt *at = groups[group]; at->name; at++)
            printf("%s %s %s\n", at->name, at->walls, at->root_only ? "root" : "all");
    return 0;
}

static int try_all(void)
{
    for (size_t group = 0; groups[group]; group++)
        for (const struct attempt *at = groups[group]; at->name; at++) {
            int status;
            pid_t child;

            fflush(stdout);
            child = fork();
            if (child == 0) {
                dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
                exit(at->try());
            }
            if (child < 0 || waitpid(child, &status, 0) != child)
                return 2;
            printf("%s %d\n", at->name,
                   WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        }
    return 0;
}

static int wait_as_server(void)
{
    prctl(PR_SET_NAME, "wineserver");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(STDOUT_FILENO, "", 1) != 1)
        return 2;
    close(STDOUT_FILENO);
    for (;;)
        pause();
}

int main(int argc, char *argv[])
{
    if (argc > 3 && strcmp(argv[1], "--outside") == 0)
        return run_outside(argv[2], argv + 3);
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();
    if (argc == 2 && strcmp(argv[1], "--all") == 0)
        return try_all();
    if (argc == 2 && strcmp(argv[1], "--wait") == 0)
        return wait_as_server();
    if (argc > 2 && strcmp(argv[1], "--run") == 0) {
        execv(argv[2], argv + 2);
        perror(argv[2]);
        return 2;
    }
    for (size_t group = 0; argc == 2 && groups[group]; group++)
        for (const struct attempt *at = groups[group]; at->name; at++)
            if (strcmp(at->name, argv[1]) == 0)
                return at->try();
    fprintf(stderr,
            "usage: escape --outside FOLDER COMMAND... | --list | --all | --run COMMAND... |\n"
            "              NAME\n");
    return 2;
}
