/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan.c - builds and prints a plan. Nothing here touches the machine.
 */
#include "launcher/plan_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/windows_build.h"

struct pwk_step *pwk_plan_add(struct pwk_plan *plan, bool *failed, enum pwk_step_kind kind,
                              const char *format, ...)
{
    struct pwk_step *step;
    va_list arguments;
    int length;

    if (plan->step_count == PWK_MAX_STEPS) {
        *failed = true;
        return NULL;
    }
    step = &plan->steps[plan->step_count];
    va_start(arguments, format);
    length = vasprintf(&step->words, format, arguments);
    va_end(arguments);
    if (length < 0) {
        step->words = NULL;
        *failed = true;
        return NULL;
    }
    step->kind = kind;
    plan->step_count++;
    return step;
}

void pwk_plan_mark(struct pwk_step *step, enum pwk_wall_worth worth)
{
    if (step != NULL)
        step->worth = worth;
}

static void add_variable(struct pwk_plan *plan, bool *failed, const char *variable,
                         const char *value, const char *why)
{
    struct pwk_step *step =
        pwk_plan_add(plan, failed, PWK_STEP_ENVIRONMENT, "set %s=%s, %s", variable, value, why);

    if (step != NULL) {
        step->variable = variable;
        step->value = value;
    }
}

/* The profile, with the command line's words over it. */
static int merge(struct pwk_boot_record *record, const struct pwk_arguments *arguments,
                 const struct pwk_facts *facts, struct pwk_error *error)
{
    const struct pwk_profile *profile = &facts->profile;

    strcpy(record->kernel, facts->kernel);
    strcpy(record->state, facts->state);
    strcpy(record->runtime, facts->runtime);
    strcpy(record->audit, facts->audit);
    record->windows = arguments->has_windows ? arguments->windows : profile->windows;
    record->session = arguments->has_session ? arguments->session : profile->session;
    record->registry = arguments->has_registry ? arguments->registry : profile->registry;
    record->audit_level = profile->audit;
    record->audit_limit = profile->audit_limit;
    record->registry_cache = profile->registry_cache;
    record->inherit = profile->inherit;
    record->syscall_numbers = profile->syscall_numbers;
    record->rewrite_sites = profile->rewrite_sites;
    for (size_t i = 0; i < profile->passthrough_count; i++) {
        record->passthrough[i] = strdup(profile->passthrough[i]);
        if (record->passthrough[i] == NULL)
            return pwk_error_set(error, -ENOMEM, "no memory left");
        record->passthrough_count++;
    }
    return 0;
}

/* The profile's build has to be one of the version that is shown in the end. */
static int choose_build(struct pwk_boot_record *record, const struct pwk_arguments *arguments,
                        const struct pwk_facts *facts, struct pwk_error *error)
{
    const char *word = facts->profile.build;
    const struct pwk_windows_build *build;
    struct pwk_error why;

    if (word[0] == '\0')
        return 0;
    if (record->windows == PWK_WINDOWS_PREFIX)
        return pwk_error_set(error, -EINVAL,
                             "build = %s in %s needs a version: write windows = 10 or 11 beside "
                             "it, or use --windows",
                             word, facts->profile_path);
    if (pwk_windows_build_parse(record->windows, word, &build, &why) != 0)
        return pwk_error_set(error, -EINVAL, "build in %s%s: %s", facts->profile_path,
                             arguments->has_windows ? " with --windows" : "", why.text);
    record->build = build->build;
    return 0;
}

static int check(const struct pwk_plan *plan, const struct pwk_arguments *arguments,
                 const struct pwk_facts *facts, struct pwk_error *error)
{
    const struct pwk_boot_record *record = &plan->record;

    if (record->windows != PWK_WINDOWS_PREFIX && record->registry == PWK_REGISTRY_OFF) {
        if (arguments->has_windows)
            return pwk_error_set(error, -EINVAL,
                                 "--windows needs the kernel's registry: use --registry overlay");
        return pwk_error_set(error, -EINVAL,
                             "windows = %s in %s needs the kernel's registry: use --registry "
                             "overlay",
                             pwk_windows_word(record->windows), facts->profile_path);
    }
    if (record->windows == PWK_WINDOWS_PREFIX && record->syscall_numbers == PWK_NUMBERS_WINDOWS)
        return pwk_error_set(error, -EINVAL,
                             "syscall_numbers = windows in %s needs a version: write windows = 10 "
                             "(or 7, 8, 8.1, 11) under [kernel], or use --windows",
                             facts->profile_path);
    if (arguments->ephemeral && facts->state_exists && !facts->state_ephemeral)
        return pwk_error_set(error, -EEXIST,
                             "--ephemeral would throw the lasting kernel %s away: use another "
                             "name, or leave --kernel out",
                             record->kernel);
    return 0;
}

static int resolve_policy(struct pwk_plan *plan, const struct pwk_arguments *arguments,
                          const struct pwk_facts *facts, struct pwk_error *error)
{
    const struct pwk_policy_words words[] = {{&facts->profile.syscalls, facts->profile_path},
                                             {&arguments->syscalls, NULL}};

    return pwk_policy_resolve(&plan->policy, facts->profile.syscall_base, words, 2, error);
}

static void add_policy_step(struct pwk_plan *plan, bool *failed)
{
    static const char *const base_words[] = {"what no Windows program needs is refused",
                                             "what Wine does not need is refused"};
    const struct pwk_policy *policy = &plan->policy;
    struct pwk_step *step;
    char counts[160];
    size_t length = 0;

    for (int action = PWK_SYSCALL_ALLOW; action <= PWK_SYSCALL_KILL; action++) {
        size_t count = pwk_policy_count(policy, action);

        if (count > 0 && length < sizeof(counts))
            length +=
                (size_t)snprintf(counts + length, sizeof(counts) - length, "%s%zu %s",
                                 length > 0 ? ", " : "", count, pwk_syscall_action_word(action));
    }
    step = pwk_plan_add(
        plan, failed, PWK_STEP_POLICY,
        "arm the Linux policy before the program's first instruction, for all that it starts "
        "too (%s%s; calls: %s; others: %s; always refused: 32-bit and x32 calls, io_uring, "
        "personalities)",
        base_words[policy->base], policy->built_in ? "" : ", with the profile's words over it",
        counts, pwk_syscall_action_word(policy->fallback));
    pwk_plan_mark(step, PWK_WORTH_BOUNDARY);
    if (policy->listens)
        pwk_plan_add(
            plan, failed, PWK_STEP_BOOT,
            "start a supervisor that records the calls of 'log' and 'notify' in the audit log, "
            "and refuses the latter");
}

static void add_state_steps(struct pwk_plan *plan, bool *failed, const struct pwk_facts *facts)
{
    const struct pwk_boot_record *record = &plan->record;

    pwk_plan_add(plan, failed, PWK_STEP_SWEEP,
                 "remove ephemeral kernels in %s that no process holds any more", plan->prefix);
    if (!facts->prefix_exists)
        pwk_plan_add(
            plan, failed, PWK_STEP_PREFIX,
            "set up the Wine prefix %s with stock Wine, without a kernel: %s wineboot --init",
            plan->prefix, plan->wine.loader);
    pwk_plan_add(plan, failed, PWK_STEP_STATE,
                 "%s the %skernel %s: state in %s, run-time files in %s, profile %s",
                 facts->state_exists ? "use" : "create", plan->ephemeral ? "ephemeral " : "",
                 record->kernel, record->state, record->runtime,
                 facts->profile_path[0] != '\0' ? facts->profile_path : "built in");
    if (record->registry != PWK_REGISTRY_OFF)
        pwk_plan_add(plan, failed, PWK_STEP_REGISTRY,
                     "open %s/store/registry.db, checked where it was not closed in order",
                     record->state);
    if (plan->ephemeral)
        pwk_plan_add(
            plan, failed, PWK_STEP_REAPER,
            "start a process that removes the kernel's state when its last process has ended");
}

static void add_boot_steps(struct pwk_plan *plan, bool *failed)
{
    const struct pwk_boot_record *record = &plan->record;
    const char *whose = record->inherit ? "the program and its children" : "the program alone";

    if (record->session == PWK_SESSION_OWN)
        pwk_plan_add_session(plan, failed);
    else
        pwk_plan_add(
            plan, failed, PWK_STEP_BOOT,
            "take part in the prefix's shared session: wineserver, windows, files and network "
            "are those of stock Wine's programs; this is no boundary against hostile code");
    if (record->session != PWK_SESSION_OWN && record->network == PWK_NETWORK_ISOLATED)
        pwk_plan_mark(
            pwk_plan_add(
                plan, failed, PWK_STEP_BOOT,
                "refuse %s every address but loopback, and names that others would have to be "
                "asked for, where Windows' sockets reach Wine; that keeps honest programs off the "
                "network, and is no boundary against hostile code, which can make sockets of its "
                "own: --session own is one",
                whose),
            PWK_WORTH_DOOR);
    if (record->registry == PWK_REGISTRY_OVERLAY)
        pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_BOOT,
                                   "serve %s the kernel's own registry, a layer over the prefix's: "
                                   "what the prefix changes shows, what the kernel changes stays "
                                   "here; but for %zu paths that live in the session",
                                   whose, record->passthrough_count),
                      PWK_WORTH_DOOR);
    else if (record->registry == PWK_REGISTRY_PRIVATE)
        pwk_plan_mark(pwk_plan_add(plan, failed, PWK_STEP_BOOT,
                                   "serve %s the kernel's own registry (a copy of the prefix's, "
                                   "made at its first start), but for %zu paths that live in the "
                                   "session",
                                   whose, record->passthrough_count),
                      PWK_WORTH_DOOR);
    else
        pwk_plan_add(plan, failed, PWK_STEP_BOOT,
                     "take nothing over from Wine but the counting of statistics, for %s", whose);
    if (record->windows != PWK_WINDOWS_PREFIX)
        pwk_plan_add(plan, failed, PWK_STEP_BOOT, "let %s see Windows %s, build %u%s", whose,
                     pwk_windows_word(record->windows),
                     pwk_windows_build_by_number(record->windows, record->build)->build,
                     record->syscall_numbers == PWK_NUMBERS_WINDOWS
                         ? ", and make native system calls by its numbers"
                         : "");
    pwk_plan_mark(
        pwk_plan_add(
            plan, failed, PWK_STEP_BOOT,
            "catch the system calls that the program issues itself: they are the kernel's, and "
            "none reaches Linux%s",
            record->rewrite_sites ? "; places that make many become direct calls" : ""),
        PWK_WORTH_DOOR);
    add_policy_step(plan, failed);
    if (record->audit_level != PWK_AUDIT_OFF)
        pwk_plan_add(plan, failed, PWK_STEP_BOOT,
                     "write the audit log (level %s) to %s/audit.jsonl%s%s",
                     pwk_audit_level_word(record->audit_level), record->state,
                     record->audit[0] != '\0' ? " and " : "", record->audit);
}

/* As Debian's wrapper of Wine has it, and without the complaints about what a machine may lack: a
 * display, Vulkan, Samba's ntlm_auth, Bluetooth (whose driver Wine cannot load then). */
#define QUIET_WINE "fixme-all,err-winediag,err-systray,err-vulkan,err-ntlm,err-ntoskrnl"
/* An absolute path, which libwayland tries without a word where there is no run-time folder. */
#define NO_WAYLAND "/dev/null"

static void add_run_steps(struct pwk_plan *plan, bool *failed, const struct pwk_facts *facts)
{
    if (!facts->has_wine_debug)
        add_variable(plan, failed, "WINEDEBUG", QUIET_WINE, "which is not set");
    if (!facts->has_server)
        add_variable(plan, failed, "WINESERVER", plan->wine.server, "which is not set");
    if (facts->lacks_wayland)
        add_variable(plan, failed, "WAYLAND_DISPLAY", NO_WAYLAND,
                     "since nothing says where Wayland is, and Wine's library for it complains");
    if (plan->record.session == PWK_SESSION_OWN)
        pwk_plan_add_desktop_variables(plan, failed);
    for (int i = 0; i < PWK_WINDOWS_LIBRARY_VARIABLES; i++)
        add_variable(plan, failed, facts->library.names[i], facts->library.values[i],
                     "so that programs find pwk.dll");
    if (plan->record.registry == PWK_REGISTRY_OVERLAY && plan->record.session != PWK_SESSION_OWN)
        pwk_plan_add(plan, failed, PWK_STEP_WATCH,
                     "start the watcher of the prefix's registry, where the session has none: a "
                     "process that tells kernels what changed there, and ends with the session");
    else if (plan->record.registry == PWK_REGISTRY_OVERLAY)
        pwk_plan_add(
            plan, failed, PWK_STEP_BOOT,
            "start the session's follower beside the program, where it has none: a process "
            "outside that publishes what the prefix's registry becomes, and ends with the "
            "session");
    pwk_plan_add(plan, failed, PWK_STEP_RUN, "%s %s %s (found as %s)",
                 plan->stats ? "run, and print the kernel's statistics at the end:"
                 : plan->record.session == PWK_SESSION_OWN ? "run in the session:"
                                                           : "become",
                 plan->loader, plan->program, facts->program.path);
}

int pwk_plan_build(struct pwk_plan *plan, const struct pwk_arguments *arguments,
                   const struct pwk_facts *facts, struct pwk_error *error)
{
    bool failed = false;
    int rc;

    plan->marker = -1;
    plan->session.lock = plan->session.init = -1;
    plan->wine = facts->wine;
    plan->stats = arguments->stats;
    plan->ephemeral = arguments->ephemeral || facts->state_ephemeral;
    plan->arguments = arguments->program + 1;
    strcpy(plan->prefix, facts->prefix);
    strcpy(plan->loader, facts->loader);
    strcpy(plan->program, facts->program.name);
    strcpy(plan->program_path, facts->program.path);
    rc = merge(&plan->record, arguments, facts, error);
    if (rc == 0)
        rc = choose_build(&plan->record, arguments, facts, error);
    if (rc == 0)
        rc = pwk_plan_merge_cage(plan, arguments, facts, error);
    if (rc == 0)
        rc = check(plan, arguments, facts, error);
    if (rc == 0)
        rc = resolve_policy(plan, arguments, facts, error);
    if (rc != 0)
        return rc;
    add_state_steps(plan, &failed, facts);
    add_boot_steps(plan, &failed);
    add_run_steps(plan, &failed, facts);
    return failed ? pwk_error_set(error, -ENOMEM, "no memory left") : 0;
}

void pwk_plan_finish(struct pwk_plan *plan)
{
    for (size_t i = 0; i < plan->step_count; i++)
        free(plan->steps[i].words);
    plan->step_count = 0;
    pwk_boot_record_finish(&plan->record);
}
