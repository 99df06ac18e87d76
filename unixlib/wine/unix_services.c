/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unix_services.c - see unix_services.h. Each symbol is one jump, so that it does not matter which
 * calling convention the Wine in use has.
 */
#include "wine/unix_services.h"

#include <dlfcn.h>
#include <stddef.h>

#define SYMBOL(name)                                                                               \
    __attribute__((visibility("hidden"))) void *pwk_serves_##name;                                 \
    __asm__(".pushsection .text\n.globl " #name "\n.type " #name ", @function\n" #name             \
            ":\n\tjmp *pwk_serves_" #name "(%rip)\n.size " #name ", .-" #name "\n.popsection");

/* Of the served families only those that deal with keys: the others are counted at their doors
 * from Windows code alone. */
#define SYMBOL_key(name) SYMBOL(name)
#define SYMBOL_object(name) SYMBOL(name)
#define SYMBOL_file(name)
#define SYMBOL_memory(name)
#define SYMBOL_section(name)
#define SYMBOL_process(name)
#define SYMBOL_transaction(name)
#define NT_FAMILY(family, reason)
#define NT_PASSED(name, family)
#define NT_SERVED(name, family, count, handler) SYMBOL_##family(name)
#include "nt/services.def"
#undef NT_SERVED

#define ENTRY_key(name) {#name, &pwk_serves_##name},
#define ENTRY_object(name) ENTRY_key(name)
#define ENTRY_file(name)
#define ENTRY_memory(name)
#define ENTRY_section(name)
#define ENTRY_process(name)
#define ENTRY_transaction(name)
static const struct {
    const char *name;
    void **entry;
} symbols[] = {
#define NT_SERVED(name, family, count, handler) ENTRY_##family(name)
#include "nt/services.def"
#undef NT_SERVED
};

void pwk_unix_services_connect(void *ntdll, pwk_unix_service find)
{
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *entry = find ? find(symbols[i].name) : NULL;
        *symbols[i].entry = entry ? entry : dlsym(ntdll, symbols[i].name);
    }
}
