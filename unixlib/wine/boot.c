/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * boot.c - see boot.h.
 */
#include "wine/boot.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/boot_record.h"
#include "kernel/prefix_registry.h"
#include "kernel/process_kernel_internal.h"
#include "kernel/windows_build.h"
#include "nt/handle_table.h"
#include "nt/hive_mount.h"
#include "nt/personality.h"
#include "nt/version.h"
#include "sandbox/policy_boot.h"
#include "wine/birth.h"
#include "wine/image_exports.h"
#include "wine/inner_calls.h"
#include "wine/location.h"
#include "wine/native_calls.h"
#include "wine/prefix_watch.h"
#include "wine/server_start.h"
#include "wine/service_table.h"
#include "wine/socket_controls.h"
#include "wine/snapshot.h"
#include "wine/unix_services.h"

#define BOOT_FAILED 125 /* as pwk-wine's own status */

static struct {
    void *ntdll;
    char *ntdll_dll; /* of a process that was found running */
    struct pwk_boot_record record;
    pwk_process_table_t *processes;
    pwk_audit_t *audit;
    char *variable; /* the boot record in the Unix environment, its name changed while hidden */
    bool apart;     /* the log is out of reach: the session's first process writes it */
    atomic_int shown;
    uint64_t birth; /* what the parent knows this process by */
    int bequest;    /* the table of key handles that it left, or -1 */
    bool first_process;
    uint64_t started; /* FILETIME; 0: not by pwk-wine */
    atomic_flag ended;
} boot = {.ended = ATOMIC_FLAG_INIT};

/* ---- the boot record in the environment ---- */

#define NAME_MARK 3 /* PWK_KERNEL is in force, PWK-KERNEL is not */

static void show_kernel(bool show)
{
    int depth = show ? atomic_fetch_add(&boot.shown, 1) + 1 : atomic_fetch_sub(&boot.shown, 1) - 1;

    if (boot.variable)
        __atomic_store_n(&boot.variable[NAME_MARK], depth > 0 ? '_' : '-', __ATOMIC_SEQ_CST);
}

static bool is_boot_variable(const char *entry)
{
    static const char name[] = PWK_BOOT_VARIABLE "=";

    return strncmp(entry, name, NAME_MARK) == 0 &&
           (entry[NAME_MARK] == '_' || entry[NAME_MARK] == '-') &&
           strncmp(entry + NAME_MARK + 1, name + NAME_MARK + 1, sizeof name - NAME_MARK - 2) == 0;
}

/* Puts our own, writable copy of the variable into the environment, and answers the environment
 * without it. In the shared session it is hidden from what Wine itself starts, which serves
 * everybody; in a session of the kernel's own it all belongs to the kernel. */
static int take_boot_variable(char ***environment)
{
    size_t count = 0, kept = 0;
    char **copy;

    atomic_store(&boot.shown, boot.record.session == PWK_SESSION_OWN && boot.record.inherit);
    while (environ[count])
        count++;
    copy = calloc(count + 1, sizeof *copy);
    if (!copy)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (!is_boot_variable(environ[i])) {
            copy[kept++] = environ[i];
            continue;
        }
        boot.variable = strdup(environ[i]);
        if (!boot.variable) {
            free(copy);
            return -ENOMEM;
        }
        boot.variable[NAME_MARK] = boot.shown > 0 ? '_' : '-';
        environ[i] = boot.variable;
    }
    *environment = copy;
    return 0;
}

/* ---- what the NT personality asks of us ---- */

#define PEB_OS_MAJOR_VERSION 0x118

/* ClientId.UniqueProcess of the TEB. */
static uint32_t windows_id(void)
{
    uint64_t id;

    __asm__("movq %%gs:0x40, %0" : "=r"(id));
    return (uint32_t)id;
}

static volatile uint32_t *peb_major_version(void)
{
    unsigned char *peb;

    __asm__("movq %%gs:0x60, %0" : "=r"(peb));
    return (volatile uint32_t *)(peb + PEB_OS_MAJOR_VERSION);
}

static uint32_t settled_major_version(void)
{
    return *peb_major_version();
}

__attribute__((visibility("default"))) void pwk_boot_connected(int connection);

/* In a session of the kernel's own all that Wine starts from here on is the kernel's too. Before
 * wineserver knows the process, it must be past doing what other clients have it do for them
 * without a policy. In the shared session Wine's helpers must go without: the first call arms it
 * there. */
void pwk_boot_connected(int connection)
{
    struct pwk_error error;

    (void)connection;
    if (boot.record.session != PWK_SESSION_OWN || pwk_policy_boot_arm(boot.variable, &error) == 0)
        return;
    fprintf(stderr, "pwk: %s\n", error.text);
    _exit(BOOT_FAILED);
}

static int first_call(void)
{
    struct pwk_error error;
    int empty = nt_personality.registry ? registry_is_empty(nt_personality.registry) : 0;

    pwk_server_start_end();
    if (empty < 0)
        pwk_error_set(&error, empty, "the kernel's registry cannot be read: %s", strerror(-empty));
    else if (nt_personality.registry && boot.record.session == PWK_SESSION_OWN)
        empty = pwk_below_follow(nt_personality.registry, boot.record.below, empty > 0,
                                 boot.record.registry == PWK_REGISTRY_OVERLAY, &error);
    else if (nt_personality.registry && boot.record.registry == PWK_REGISTRY_OVERLAY)
        empty = pwk_watch_follow(nt_personality.registry, empty > 0, boot.started, &error);
    else if (empty)
        empty = pwk_snapshot_import(nt_personality.registry, &error);
    if (empty >= 0)
        empty = pwk_native_calls_begin(&error);
    if (empty >= 0)
        empty = pwk_policy_boot_arm(boot.variable, &error);
    if (empty < 0) {
        fprintf(stderr, "pwk: %s\n", error.text);
        return -1;
    }
    pwk_process_slot_set_windows_id(nt_personality.slot, windows_id());
    if (nt_personality.windows != PWK_WINDOWS_PREFIX) {
        *peb_major_version() = 0; /* until ntdll has read its version */
        nt_version_start();
    }
    /* Last: until this call is over, another one would wait for it. */
    pwk_inner_calls_serve();
    return 0;
}

/* ---- the end ---- */

/* Runs at exit, or when the program ends itself. Other threads may still be at work: nothing that
 * they use is given back. */
static void end_process(void)
{
    struct pwk_process_slot *slot = nt_personality.slot;

    if (!boot.processes || atomic_flag_test_and_set(&boot.ended))
        return;
    pwk_audit_begin_deferred();
    pwk_audit_write(boot.audit, PWK_AUDIT_DECISIONS, "process", "ended", NULL);
    pwk_audit_end_deferred();
    pwk_audit_leave(boot.audit);
    if (nt_personality.registry)
        hive_mount_end();
    if (nt_personality.registry)
        registry_abandon(nt_personality.registry);
    nt_personality.slot = NULL; /* what is still counted must not fall to the next owner */
    pwk_process_table_leave(boot.processes, slot);
    if (!boot.apart && pwk_process_table_last(boot.processes)) {
        pwk_audit_collect(boot.audit, boot.record.runtime, boot.record.state, false);
        pwk_audit_write(boot.audit, PWK_AUDIT_DENIALS, "kernel", "stopped", NULL);
    }
}

static void end_at_exit(void)
{
    end_process();
}

__attribute__((visibility("default"))) bool pwk_may_ask_for_name(const char *name);

bool pwk_may_ask_for_name(const char *name)
{
    return nt_network_may_ask(name);
}

/* ---- the start ---- */

static int open_registry(struct pwk_error *error)
{
    struct registry_options options = {
        .cache_bytes = boot.record.registry_cache,
        .create = true,
        .passthrough = (const char *const *)boot.record.passthrough,
        .passthrough_count = boot.record.passthrough_count,
    };
    struct registry_error reason;
    char store[PATH_MAX];
    int result;

    if (boot.record.registry == PWK_REGISTRY_OFF)
        return 0;
    if (snprintf(store, sizeof store, "%s/store", boot.record.state) >= (int)sizeof store)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", boot.record.state);
    result = registry_open(store, &options, &nt_personality.registry, &reason);
    return result < 0 ? pwk_error_set(error, result, "%s", reason.text) : 0;
}

/* The table of key handles: the one that the parent has left, or a new one. */
static int open_handles(struct pwk_error *error)
{
    int handles = key_table_start(boot.bequest);

    if (handles < 0)
        return pwk_error_set(error, handles,
                             "the table of key handles cannot be made (%s); free some memory, or "
                             "raise the limits of this session (ulimit -a)",
                             strerror(-handles));
    pwk_process_slot_set_handles(nt_personality.slot, boot.birth, handles);
    return 0;
}

static int open_audit(struct pwk_error *error)
{
    char path[PATH_MAX];
    int result;

    if (snprintf(path, sizeof path, "%s/audit.jsonl", boot.record.state) >= (int)sizeof path)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", boot.record.state);
    boot.apart = boot.record.session == PWK_SESSION_OWN;
    result = pwk_audit_open(boot.record.kernel, boot.apart ? NULL : path, boot.record.audit,
                            boot.record.audit_level, &boot.audit, error);
    if (result == 0)
        pwk_audit_set_limit(boot.audit, boot.record.audit_limit);
    return result;
}

static void announce(const char *program)
{
    pwk_audit_begin_deferred();
    if (boot.first_process && !boot.apart)
        pwk_audit_write(boot.audit, PWK_AUDIT_DENIALS, "kernel", "started", "windows",
                        pwk_windows_word(boot.record.windows), "registry",
                        pwk_registry_mode_word(boot.record.registry), NULL);
    pwk_audit_write(boot.audit, PWK_AUDIT_DECISIONS, "process", "started", "program", program,
                    "policy", pwk_policy_origin_word(boot.record.policy), NULL);
    pwk_audit_end_deferred();
    pwk_audit_attend(boot.audit);
}

/* ntdll itself is mapped before any row leads to us; kernelbase, which comes first of all others,
 * before anything can ask for what is added. */
static void image_mapped(uint64_t base, uint64_t size)
{
    static atomic_flag ntdll_is_done = ATOMIC_FLAG_INIT;
    uint64_t ntdll_size = 0, ntdll = 0;

    if (!atomic_flag_test_and_set(&ntdll_is_done))
        ntdll = pwk_service_table_ntdll(&ntdll_size);
    if (ntdll)
        pwk_image_exports_add(ntdll, ntdll_size);
    pwk_image_exports_add(base, size);
}

static void set_personality(void)
{
    nt_personality.host.forward = pwk_service_table_forward;
    nt_personality.host.call = pwk_service_table_call;
    nt_personality.host.service_stub = pwk_service_table_stub;
    nt_personality.host.first_call = first_call;
    nt_personality.host.show_kernel = show_kernel;
    nt_personality.host.begin_birth = pwk_birth_begin;
    nt_personality.host.end_birth = pwk_birth_end;
    nt_personality.host.settled_major_version = settled_major_version;
    nt_personality.host.end_process = end_process;
    nt_personality.host.image_mapped = nt_personality.registry ? image_mapped : NULL;
    nt_personality.audit = boot.audit;
    nt_personality.windows = boot.record.windows;
    nt_personality.build = boot.record.build;
    nt_personality.inherit = boot.record.inherit;
    nt_personality.host.network_request = pwk_socket_control_request;
    nt_personality.network = boot.record.network != PWK_NETWORK_ISOLATED ? NT_NETWORK_OPEN
                             : boot.record.session == PWK_SESSION_OWN    ? NT_NETWORK_NOTED
                                                                         : NT_NETWORK_REFUSED;
}

static int open_parts(const char *ntdll_dll, const char *program, struct pwk_error *error)
{
    int result = pwk_service_table_find(boot.ntdll, ntdll_dll, error);

    if (result == 0)
        result = pwk_process_table_open(boot.record.runtime, boot.record.state, true,
                                        &boot.processes, &boot.first_process, error);
    if (result == 0)
        result = open_audit(error);
    if (result == 0)
        result = open_registry(error);
    if (result == 0) {
        nt_personality.slot = pwk_process_table_enter(boot.processes, boot.record.windows, program);
        nt_personality.processes = boot.processes;
        pwk_audit_join(boot.audit, boot.record.runtime, boot.record.state, boot.processes,
                       nt_personality.slot, boot.first_process);
        result = open_handles(error);
    }
    return result;
}

/* 0 where the program sees what the prefix says. */
static uint32_t shown_build(void)
{
    const struct pwk_windows_build *build =
        pwk_windows_build_by_number(boot.record.windows, boot.record.build);

    return build ? build->build : 0;
}

static int start_native_calls(const char *ntdll_dll, struct pwk_error *error)
{
    struct pwk_native_calls calls = {
        .ntdll_dll = ntdll_dll,
        .reading = boot.record.syscall_numbers,
        .build = shown_build(),
        .rewrite_sites = boot.record.rewrite_sites,
        .audit = boot.audit,
    };

    return pwk_native_calls_start(&calls, error);
}

static int start_kernel(const char *ntdll_dll, const char *program, struct pwk_error *error)
{
    struct pwk_booted_kernel booted;
    int result = open_parts(ntdll_dll, program, error);

    if (result < 0)
        return result;
    set_personality();
    result = start_native_calls(ntdll_dll, error);
    if (result == 0)
        result = pwk_service_table_take_over(error);
    if (result == 0 && nt_personality.registry)
        result = pwk_inner_calls_take(boot.ntdll, error);
    if (result < 0)
        return result;
    booted = (struct pwk_booted_kernel){
        .name = boot.record.kernel,
        .registry = nt_personality.registry,
        .slot = nt_personality.slot,
        .windows = boot.record.windows,
        .audit = boot.audit,
    };
    pwk_set_booted_kernel(&booted);
    announce(program);
    atexit(end_at_exit);
    pwk_server_start_begin();
    return 0;
}

/* What is this process's, not its children's. */
static void take_start(void)
{
    const char *text = getenv(PWK_STARTED_VARIABLE);

    boot.started = text ? strtoull(text, NULL, 10) : 0;
    unsetenv(PWK_STARTED_VARIABLE);
}

__attribute__((visibility("default"))) int pwk_boot(void *ntdll, const char *ntdll_dll,
                                                    const char *program, char ***environment)
{
    const char *text = getenv(PWK_BOOT_VARIABLE);
    struct pwk_error error;
    int result;

    if (!text)
        return 0;
    boot.ntdll = ntdll;
    take_start();
    result = pwk_boot_record_parse(&boot.record, text, &error);
    boot.bequest = pwk_birth_take(&boot.birth);
    if (result == 0 &&
        ((result = take_boot_variable(environment)) < 0 || (result = pwk_birth_prepare()) < 0))
        pwk_error_set(&error, result, "out of memory");
    if (result == 0)
        result = pwk_policy_boot_take(&boot.record, &error);
    if (result == 0)
        result = start_kernel(ntdll_dll, program, &error);
    if (result < 0)
        fprintf(stderr, "pwk: %s\n", error.text);
    return result;
}

__attribute__((visibility("default"))) void *pwk_unix_service_entry(const char *name)
{
    return pwk_service_table_entry(name);
}

/* ---- switching over a process that runs already ---- */

static int no_first_call(void)
{
    return 0;
}

int pwk_boot_find_wine(void)
{
    struct pwk_wine_location location;
    struct pwk_error error;
    void *ntdll;
    int result;

    if (boot.ntdll)
        return 0;
    result = pwk_wine_locate(&location, &error);
    if (result < 0)
        return result;
    ntdll = dlopen(location.ntdll_so, RTLD_NOW | RTLD_NOLOAD);
    if (!ntdll)
        return -ENOTSUP;
    result = pwk_service_table_find(ntdll, location.ntdll_dll, &error);
    if (result < 0)
        return result;
    boot.ntdll_dll = strdup(location.ntdll_dll);
    if (!boot.ntdll_dll)
        return -ENOMEM;
    boot.ntdll = ntdll;
    pwk_prefix_registry_set_source(pwk_snapshot_import);
    return 0;
}

static int attach(process_kernel_t *kernel)
{
    struct pwk_booted_kernel booted = {0};
    windows_pk_config_t config;
    struct pwk_error error;
    int result;

    if (pwk_get_booted_kernel())
        return -EBUSY;
    if (!wpk_get_parts(kernel, &config, &booted.registry))
        return -EINVAL;
    result = pwk_boot_find_wine();
    if (result == 0)
        result = start_native_calls(boot.ntdll_dll, &error);
    /* From here on there is no way back: the kernel must not be destroyed under the rows. */
    if (result == 0)
        result = pk_pin(kernel);
    if (result == 0 && !key_table_own() && (result = key_table_start(-1)) > 0)
        result = 0;
    if (result < 0)
        return result;
    boot.record.windows = wpk_profile_windows(&config);
    nt_personality.registry = booted.registry;
    nt_personality.adopts_foreign_roots = booted.registry != NULL;
    set_personality();
    nt_personality.slot = booted.slot = pwk_process_slot_private();
    nt_personality.host.first_call = no_first_call;
    nt_version_start();
    result = pwk_service_table_take_over(&error);
    if (result < 0)
        return result;
    booted.name = kernel->name;
    booted.windows = boot.record.windows;
    pwk_set_booted_kernel(&booted);
    pwk_native_calls_begin_late();
    return 0;
}

int pwk_boot_attach(process_kernel_t *kernel)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    int result;

    pthread_mutex_lock(&one_at_a_time);
    result = attach(kernel);
    pthread_mutex_unlock(&one_at_a_time);
    return result;
}
