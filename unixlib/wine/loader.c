/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * loader.c - the program that every process of a kernel runs: Wine's loader with a kernel booted
 * into it. Wine finds its own loader through /proc/self/exe, so children come back here by
 * themselves; those that Wine starts on its own account carry no boot record and run as under
 * stock Wine.
 */
#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernel/boot_record.h"
#include "sandbox/mark.h"
#include "wine/boot.h"
#include "wine/fault_signals.h"
#include "wine/layout.h"
#include "wine/names.h"
#include "wine/native_calls.h"
#include "wine/prefix_watch.h"
#include "wine/prefix_write.h"
#include "wine/server_connect.h"
#include "wine/server_end.h"
#include "wine/thread_start.h"
#include "wine/unix_services.h"

#define EXIT_FAILED 125

typedef int (*boot_function)(void *, const char *, const char *, char ***);
typedef int (*watch_function)(void *, const char *);
typedef int (*write_function)(void *, const char *, int);
typedef void (*connection_function)(int);
typedef void (*wine_main)(int argc, char *argv[], char *envp[]);

static int fail(const char *what, const char *mend)
{
    fprintf(stderr, "pwk: %s; %s\n", what, mend);
    return EXIT_FAILED;
}

static const char *wine_libdir(void)
{
    const char *named = getenv("PWK_WINE_LIBDIR");
    return named && *named ? named : PWK_WINE_LIBDIR;
}

/* pwk.so stands two folders above the loader: pwk/loader/ARCH/ beside pwk/ARCH-unix/. */
static void *load_kernel(void)
{
    char path[PATH_MAX + 32];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    if (length <= 0)
        return NULL;
    path[length] = 0;
    for (int i = 0; i < 3; i++) {
        slash = strrchr(path, '/');
        if (!slash)
            return NULL;
        *slash = 0;
    }
    strcat(path, "/x86_64-unix/pwk.so");
    return dlopen(path, RTLD_NOW);
}

static int boot(void *ntdll, const char *program, char ***environment)
{
    char ntdll_dll[PATH_MAX];
    boot_function function;
    thread_arming arm;
    void *kernel = load_kernel();

    if (!kernel)
        return fail(dlerror(), "build or install pwk anew");
    function = (boot_function)dlsym(kernel, PWK_BOOT_SYMBOL);
    arm = (thread_arming)dlsym(kernel, PWK_ARM_THREAD_SYMBOL);
    if (!function || !arm)
        return fail("pwk.so is of another version", "build or install pwk anew");
    snprintf(ntdll_dll, sizeof ntdll_dll, "%s/x86_64-windows/ntdll.dll", wine_libdir());
    if (function(ntdll, ntdll_dll, program, environment) < 0)
        return EXIT_FAILED;
    pwk_threads_start_with(arm);
    pwk_server_connection_begins((connection_function)dlsym(kernel, PWK_CONNECTED_SYMBOL));
    pwk_fault_signals_begin(ntdll);
    pwk_names_judged_by((pwk_name_judge)dlsym(kernel, PWK_MAY_ASK_SYMBOL));
    pwk_unix_services_connect(ntdll, (pwk_unix_service)dlsym(kernel, PWK_UNIX_SERVICE_SYMBOL));
    return 0;
}

/* This process is to watch the prefix's registry (wine/prefix_watch.h); whoever started it does
 * not wait for it. */
static int watch(void *ntdll)
{
    char ntdll_dll[PATH_MAX];
    void *kernel = load_kernel();
    watch_function function = kernel ? (watch_function)dlsym(kernel, PWK_WATCH_SYMBOL) : NULL;
    int result;

    snprintf(ntdll_dll, sizeof ntdll_dll, "%s/x86_64-windows/ntdll.dll", wine_libdir());
    result = function && function(ntdll, ntdll_dll) == 0 ? 0 : EXIT_FAILED;
    /* Served, it starts no wineserver in place of one that ends meanwhile (server_entry.c). */
    if (strcmp(getenv(PWK_WATCH_VARIABLE), PWK_WATCH_SERVED) == 0)
        setenv(PWK_SERVED_VARIABLE, "1", 1);
    unsetenv(PWK_WATCH_VARIABLE);
    return result;
}

/* This process is to write to the prefix's registry (wine/prefix_write.h), for its parent, with
 * which it ends. */
static int write_changes(void *ntdll)
{
    const char *fd = getenv(PWK_CHANGES_VARIABLE);
    char ntdll_dll[PATH_MAX];
    void *kernel = load_kernel();
    write_function function = kernel ? (write_function)dlsym(kernel, PWK_WRITE_SYMBOL) : NULL;
    int changes = fd ? atoi(fd) : -1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    unsetenv(PWK_CHANGES_VARIABLE);
    snprintf(ntdll_dll, sizeof ntdll_dll, "%s/x86_64-windows/ntdll.dll", wine_libdir());
    return function && function(ntdll, ntdll_dll, changes) == 0 ? 0 : EXIT_FAILED;
}

/* For Wine to read, which adds variables meanwhile: the C library then frees the array that it made
 * for ours. NULL: no memory. */
static char **lasting_environment(void)
{
    size_t count = 0;
    char **copy;

    while (environ[count])
        count++;
    copy = calloc(count + 1, sizeof *copy);
    if (copy)
        memcpy(copy, environ, count * sizeof *copy);
    return copy;
}

int main(int argc, char *argv[])
{
    char *watcher[] = {argv[0], (char *)PWK_WATCH_PROGRAM, NULL};
    char path[PATH_MAX], **environment = NULL;
    wine_main start;
    bool watches;
    void *ntdll;

    if (getenv(PWK_BOOT_VARIABLE))
        pwk_layout_settle(argv);
    /* Wine would execute its loader a second time, for the sake of a preloader that is not used
     * here, and the kernel would be booted twice. */
    setenv("WINELOADERNOEXEC", "1", 1);
    if (!getenv(PWK_BOOT_VARIABLE) && pwk_mark_is_held() && pwk_mark_give_up() < 0)
        return fail("this process cannot be made one of the session's", "use --session shared");
    watches = getenv(PWK_WATCH_VARIABLE) != NULL;
    if (watches && fork() != 0)
        return 0;
    snprintf(path, sizeof path, "%s/x86_64-unix/ntdll.so", wine_libdir());
    ntdll = dlopen(path, RTLD_NOW);
    if (!ntdll)
        return fail(dlerror(), "install wine64, or set PWK_WINE_LIBDIR to Wine's library folder");
    start = (wine_main)dlsym(ntdll, "__wine_main");
    if (!start)
        return fail("this Wine has no __wine_main", "use Wine 8.0 or 10.0");
    pwk_unix_services_connect(ntdll, NULL);
    if (watches || getenv(PWK_CHANGES_VARIABLE)) {
        int result = watches ? watch(ntdll) : write_changes(ntdll);
        if (result)
            return result;
        pwk_server_connection_begins(pwk_server_end_follow);
        argv = watcher;
        argc = 2;
    } else if (getenv(PWK_BOOT_VARIABLE)) {
        int result = boot(ntdll, argc > 1 ? argv[1] : "", &environment);
        if (result)
            return result;
    }
    if (!environment && !(environment = lasting_environment()))
        return fail("no memory is left", "end other programs");
    start(argc, argv, environment);
    return fail("Wine did not start", "try the program with stock Wine");
}
