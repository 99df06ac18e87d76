/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * personality.h - the NT personality of this process: what the service rows work with. One
 * const-like struct, set before the first row is taken over and never freed.
 */
#ifndef PWK_NT_PERSONALITY_H
#define PWK_NT_PERSONALITY_H

#include <stdbool.h>

#include "kernel/audit.h"
#include "kernel/process_table.h"
#include "kernel/profile.h"
#include "nt/network.h"
#include "nt/services.h"
#include "registry/registry.h"

/* What only the room `wine` can do. */
struct nt_host {
    /* Wine's own service for this row. */
    ntstatus (*forward)(unsigned row, const uint64_t *arguments);
    /* A function of Wine's by its name. */
    ntstatus (*call)(const char *name, const uint64_t *arguments, size_t count);
    /* Where the program's own stub of a service stands; 0: not found. */
    uint64_t (*service_stub)(const char *name);
    /* The first call of a row in this process: Wine is up, no code of the program has run yet.
     * Anything but 0 ends the process. */
    int (*first_call)(void);
    /* While shown, processes that Wine starts get this kernel. Calls nest. */
    void (*show_kernel)(bool show);
    /* From here until end_birth the processes that this thread starts are told the number `birth`
     * and get the table of handles behind `handles` (-1: none), which is the callee's. A begin
     * without end, where the thread left the call by a fault, is made up for by the next. */
    void (*begin_birth)(uint64_t birth, int handles);
    void (*end_birth)(void);
    /* Something that may be an image has been mapped at `base`, `size` bytes long. NULL: nobody
     * needs to know. */
    void (*image_mapped)(uint64_t base, uint64_t size);
    /* True where a device control names an address (socket_controls.h). */
    bool (*network_request)(uint32_t code, uint64_t input, uint32_t size,
                            struct nt_network_request *request);
    /* The process is about to end itself. */
    void (*end_process)(void);
    /* The calling thread comes through a row, and may have been there before the kernel was: its
     * native calls are caught from now on. NULL: all threads' are. */
    void (*meet_thread)(void);
    /* Call sites of the program's that were made direct calls are put back in the range (size 0: in
     * the allocation that starts at `base`), and stay so until the end; all signals are blocked
     * meanwhile. NULL: no site is ever changed. */
    void (*begin_code_change)(uint64_t base, uint64_t size);
    void (*end_code_change)(void);
    /* The version that Wine has settled on, as PEB->OSMajorVersion; 0 before. */
    uint32_t (*settled_major_version)(void);
};

struct nt_personality {
    struct nt_host host;
    registry_t *registry; /* NULL: registry off */
    /* The same, once what it answers depends no more on how far the program has started: then the
     * warm way (warm_value.h) is open. Atomic. */
    registry_t *warm_registry;
    struct pwk_process_slot *slot;
    pwk_process_table_t *processes; /* NULL: none of this kernel's processes can be found */
    pwk_audit_t *audit;
    enum pwk_windows windows;
    uint32_t build; /* of that version; 0: its usual one */
    bool inherit;
    enum nt_network_mode network;
    /* The kernel was attached late: handles of wineserver's keys stand for our keys of the same
     * path when something is opened below them. */
    bool adopts_foreign_roots;
    /* From this address on memory must not become code of the program's (sandbox/trap.h); 0: it
     * may anywhere. */
    uint64_t native_line;
};

extern struct nt_personality nt_personality;

/* Serves the call with Wine's own service. */
ntstatus nt_forward(const struct nt_call *call);

/* Calls Wine by name with `count` arguments of 64 bits each: nt_host_call("NtClose", 1, handle). */
#define nt_host_call(name, count, ...)                                                             \
    nt_personality.host.call(name, (const uint64_t[]){__VA_ARGS__}, count)

/* Writes to the program's memory; a bad address is no harm. */
void nt_host_write(uint64_t address, const void *data, size_t size);

/* Records and counts a refusal; answers `status`. `what` is a name, never data. */
ntstatus nt_deny(const struct nt_call *call, ntstatus status, const char *what);

/* With level all every call is recorded, so that none may take a way past the dispatch. */
static inline bool nt_audits_every_call(void)
{
    return (atomic_load_explicit(&pwk_audit_attention, memory_order_relaxed) &
            PWK_AUDIT_EVERY_CALL) != 0;
}

/* Records a call that was served: which service, and its status. */
void nt_audit_call(unsigned row, ntstatus status);

/* One line to the person at the terminal, once a process and kind, when the store fails. */
void nt_report_store_error(int error);

#endif
