/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pwkctl.c - pwkctl: looks at kernels and manages them. One table of commands; each is in a file
 * of its subject.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/control.h"

static const char help[] =
    "Usage: pwkctl COMMAND ...\n"
    "Look at process kernels and manage them.\n"
    "\n"
    "  ps [--json]                              processes that run under a kernel\n"
    "  ps --all [--json]                        all kernels: what they do, last use, size\n"
    "  stats NAME [--json]                      a kernel's counters\n"
    "  env [--json]                             what loads pwk.dll without pwk-wine, for a shell\n"
    "  doctor [--json]                          check that all that pwk needs is there\n"
    "  remove NAME                              remove a kernel and its state\n"
    "  attach NAME [--syscall CALL=ACTION]... PID\n"
    "                                           hold a running process to a kernel's Linux policy\n"
    "  detach PID                               let such a process make its calls again\n"
    "  audit NAME [--follow] [--json] [--event EVENT] [--verdict VERDICT] [--pid PID]\n"
    "             [--since TIME]                the audit log, and what is added to it\n"
    "  profile check FILE                       what is wrong with a profile\n"
    "  profile show [NAME|FILE|strict|default]  the profile that counts, as one\n"
    "  profile learn NAME [--profile FILE|strict] [--output FILE]\n"
    "                                           a profile that allows what the audit log tells of\n"
    "  registry NAME get KEY [VALUE] [--json]   print a value, or all of a key\n"
    "  registry NAME set KEY VALUE [--type sz|expand_sz|multi_sz|dword|qword|binary|none] DATA...\n"
    "  registry NAME ls KEY [-r] [-v] [--json]  print subkeys, as a tree, with their values\n"
    "  registry NAME delete KEY [VALUE]         delete a value, or a key without subkeys\n"
    "  registry NAME layer KEY [MARK]           how a key stands to the prefix's: merge,\n"
    "                                           supersede-local or supersede-tree\n"
    "  registry NAME export [--format reg5|reg4|regf] [KEY] [FILE]\n"
    "                                           write a .reg file, or a hive\n"
    "  registry NAME import FILE|PREFIX [--at KEY]\n"
    "                                           take in a .reg file, a hive or a prefix's "
    "registry\n"
    "  registry NAME diff [OTHER] [--json|--reg]\n"
    "                                           what differs from the prefix or another kernel\n"
    "  registry NAME commit --yes|KEY...        make changes the prefix's own\n"
    "  registry NAME discard --yes|KEY...       throw changes away\n"
    "  registry NAME check [--repair]           what is wrong with the store; save what can be "
    "read\n"
    "  files NAME diff [--all] [--json]         what the kernel's session did to the prefix's "
    "files\n"
    "  files NAME ls [PATH] [--json]            a folder as the kernel sees it\n"
    "  files NAME commit --yes|PATH...          make changes the prefix's own\n"
    "  files NAME discard --yes|PATH...         throw changes away\n"
    "\n"
    "The prefix is $WINEPREFIX, else ~/.wine. Exit status: 0 done, 1 failed, 2 wrong usage.\n"
    "See pwkctl(1).\n";

struct command {
    const char *name;
    int (*run)(int argc, char *const argv[]);
    const char *later; /* without `run`: what it comes with */
};

static const struct command commands[] = {
    {"ps", control_ps},
    {"stats", control_stats},
    {"env", control_env},
    {"doctor", control_doctor},
    {"remove", control_remove},
    {"audit", control_audit},
    {"profile", control_profile},
    {"registry", control_registry},
    {"files", control_files},
    {"top", NULL, "the NONANO fabric"},
    {"driver", NULL, "the driver host"},
    {"nano", NULL, "the NONANO fabric"},
    {"attach", control_attach, NULL},
    {"detach", control_detach, NULL},
};

static int run_command(int argc, char *const argv[])
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct command *command = &commands[i];

        if (strcmp(command->name, argv[0]) != 0)
            continue;
        if (command->run != NULL)
            return command->run(argc, argv);
        fprintf(stderr, "pwkctl: %s: not in this version of pwk (it comes with %s)\n",
                command->name, command->later);
        return CONTROL_USAGE;
    }
    fprintf(stderr, "pwkctl: unknown command %s: see pwkctl --help\n", argv[0]);
    return CONTROL_USAGE;
}

/* Where a stream is closed, nothing else may come to have its number. */
static void hold_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char *argv[])
{
    int status = CONTROL_OK;

    hold_streams();
    if (argc < 2)
        return control_usage("COMMAND ... (see pwkctl --help)");
    if (strcmp(argv[1], "--help") == 0)
        fputs(help, stdout);
    else if (strcmp(argv[1], "--version") == 0)
        puts("pwkctl " PACKAGE_VERSION);
    else
        status = run_command(argc - 1, argv + 1);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == CONTROL_OK) {
        perror("pwkctl: standard output");
        return CONTROL_FAILED;
    }
    return status;
}
