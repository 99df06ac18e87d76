/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * version.c - the Windows version that a program sees. Everything a program can ask comes, in
 * Wine, from the registry: ntdll reads it once while it starts and answers RtlGetVersion,
 * GetVersionEx and VerifyVersionInfo from that. So a version is a list of fixed values over the
 * kernel's registry; nothing is stored, and two programs of one kernel can see two versions.
 *
 * Two lists, because ntdll of Wine 8 reads "CurrentVersion" as the true number, while on Windows
 * 10 and later programs must find 6.3 there. The first list serves until ntdll has settled (its
 * version stands in the PEB then), and it hides the versions that winecfg keeps under
 * HKCU\Software\Wine, which ntdll would prefer.
 *
 * Facts: Microsoft, "Operating System Version", "Windows 10/11 release information".
 */
#include "nt/version.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "kernel/windows_build.h"
#include "nt/personality.h"

#define MAX_VALUES 48
#define ARENA_UNITS 4096

#define REG_SZ 1u
#define REG_DWORD 4u

/* What all builds of a version share. */
static const struct nt_version versions[] = {
    [PWK_WINDOWS_7] = {6, 1, .service_pack = 1, .product = "Windows 7 Professional", "6.1"},
    [PWK_WINDOWS_8] = {6, 2, .product = "Windows 8 Pro", "6.2"},
    [PWK_WINDOWS_81] = {6, 3, .product = "Windows 8.1 Pro", "6.3"},
    [PWK_WINDOWS_10] = {10, 0, .product = "Windows 10 Pro", "6.3"},
    /* Windows 11 still calls itself 10 in this value. */
    [PWK_WINDOWS_11] = {10, 0, .product = "Windows 10 Pro", "6.3"},
};

static const char *const version_keys[] = {
    "\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion",
    "\\Registry\\Machine\\Software\\Wow6432Node\\Microsoft\\Windows NT\\CurrentVersion",
};

static const char *const winecfg_keys[] = {
    "\\Registry\\User\\*\\Software\\Wine",
    "\\Registry\\User\\*\\Software\\Wine\\AppDefaults\\*",
};

static const char control_key[] = "\\Registry\\Machine\\System\\*\\Control\\Windows";

struct value_list {
    struct registry_fixed_value values[MAX_VALUES];
    size_t count;
    uint16_t arena[ARENA_UNITS];
    size_t used;
};

static struct value_list starting, settled;
enum { PHASE_NONE, PHASE_STARTING, PHASE_SETTLED };
static atomic_int phase;

bool nt_version_facts(enum pwk_windows windows, uint32_t number, struct nt_version *out)
{
    const struct pwk_windows_build *build = pwk_windows_build_by_number(windows, number);

    if (!build)
        return false;
    *out = versions[windows];
    out->build = build->build;
    out->update_revision = build->update_revision;
    out->display_version = build->display_version;
    out->release = build->release_id;
    return true;
}

static const uint16_t *keep_text(struct value_list *list, const char *text, size_t *units)
{
    uint16_t *start = list->arena + list->used;

    *units = strlen(text);
    for (size_t i = 0; i <= *units; i++)
        start[i] = (unsigned char)text[i];
    list->used += *units + 1;
    return start;
}

static struct registry_fixed_value *add(struct value_list *list, const char *key, const char *name)
{
    struct registry_fixed_value *value = &list->values[list->count++];

    value->path = keep_text(list, key, &value->path_units);
    value->name = keep_text(list, name, &value->name_units);
    return value;
}

static void add_text(struct value_list *list, const char *key, const char *name, const char *text)
{
    struct registry_fixed_value *value = add(list, key, name);
    size_t units;

    if (!text)
        return; /* hidden */
    value->type = REG_SZ;
    value->data = keep_text(list, text, &units);
    value->size = (units + 1) * 2;
}

static void add_number(struct value_list *list, const char *key, const char *name, uint32_t number)
{
    struct registry_fixed_value *value = add(list, key, name);
    uint16_t *data = list->arena + list->used;

    memcpy(data, &number, sizeof number);
    list->used += 2;
    value->type = REG_DWORD;
    value->data = data;
    value->size = sizeof number;
}

static void add_optional_number(struct value_list *list, const char *key, const char *name,
                                uint32_t number, bool present)
{
    if (present)
        add_number(list, key, name, number);
    else
        add_text(list, key, name, NULL);
}

static void add_version_key(struct value_list *list, const char *key,
                            const struct nt_version *version, const char *current_version)
{
    char build[12], pack[24];

    snprintf(build, sizeof build, "%u", version->build);
    snprintf(pack, sizeof pack, "Service Pack %u", version->service_pack);
    add_text(list, key, "CurrentVersion", current_version);
    add_text(list, key, "CurrentBuild", build);
    add_text(list, key, "CurrentBuildNumber", build);
    add_text(list, key, "ProductName", version->product);
    add_text(list, key, "CSDVersion", version->service_pack ? pack : NULL);
    add_text(list, key, "DisplayVersion", version->display_version);
    add_text(list, key, "ReleaseId", version->release);
    add_optional_number(list, key, "CurrentMajorVersionNumber", version->major,
                        version->major >= 10);
    add_optional_number(list, key, "CurrentMinorVersionNumber", version->minor,
                        version->major >= 10);
    add_optional_number(list, key, "UBR", version->update_revision, version->update_revision != 0);
}

static void build_list(struct value_list *list, const struct nt_version *version, bool start)
{
    char number[24];

    snprintf(number, sizeof number, "%u.%u", version->major, version->minor);
    for (size_t i = 0; i < sizeof version_keys / sizeof version_keys[0]; i++)
        add_version_key(list, version_keys[i], version, start ? number : version->current_version);
    add_number(list, control_key, "CSDVersion", version->service_pack << 8);
    for (size_t i = 0; start && i < sizeof winecfg_keys / sizeof winecfg_keys[0]; i++)
        add_text(list, winecfg_keys[i], "Version", NULL);
}

void nt_version_start(void)
{
    struct nt_version version;

    if (!nt_version_facts(nt_personality.windows, nt_personality.build, &version) ||
        !nt_personality.registry)
        return;
    build_list(&starting, &version, true);
    build_list(&settled, &version, false);
    registry_set_fixed_values(nt_personality.registry, starting.values, starting.count);
    atomic_store(&phase, PHASE_STARTING);
}

bool nt_version_settle(void)
{
    int expected = PHASE_STARTING;

    if (atomic_load_explicit(&phase, memory_order_acquire) != PHASE_STARTING)
        return true;
    if (!nt_personality.host.settled_major_version())
        return false;
    if (atomic_compare_exchange_strong(&phase, &expected, PHASE_SETTLED))
        registry_set_fixed_values(nt_personality.registry, settled.values, settled.count);
    return true;
}
