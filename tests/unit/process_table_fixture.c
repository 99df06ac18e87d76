/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process_table_fixture.c - see process_table_fixture.h.
 */
#include "process_table_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char runtime[] = "/tmp/pwk-table-XXXXXX";
char *state = runtime;

char *file_path(void)
{
    static char path[512];
    DIR *directory = opendir(runtime);

    path[0] = '\0';
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", runtime, entry->d_name);
        }
    }
    closedir(directory);
    return path;
}

int set_up(void **context)
{
    (void)context;
    strcpy(runtime, "/tmp/pwk-table-XXXXXX");
    return mkdtemp(runtime) == NULL;
}

int tear_down(void **context)
{
    (void)context;
    char *path = file_path();
    if (path[0] != '\0') {
        unlink(path);
    }
    return rmdir(runtime);
}

pwk_process_table_t *open_table(bool hold, bool *first)
{
    pwk_process_table_t *table;
    struct pwk_error error = {""};
    int result = pwk_process_table_open(runtime, state, hold, &table, first, &error);

    if (result != 0) {
        fail_msg("%d: %s", result, error.text);
    }
    return table;
}

void assert_child_is_well(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
