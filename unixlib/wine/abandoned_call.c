/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * abandoned_call.c - see abandoned_call.h. Wine 8.0's way back out of an abandoned call is a
 * function of Microsoft's convention between its two dispatchers, whose first argument (rcx) is the
 * frame. How far the registers lie within a frame is read from the dispatcher's own instruction
 * that saves them.
 */
#include "wine/abandoned_call.h"

#include <cpuid.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

/* Of the area of xsave and fxsave (Intel's manual, volume 1, chapter 13). */
#define XMM_AREA 160 /* xmm0 */
#define XMM_SIZE 16
#define STATES 512 /* which parts of an xsave area are valid; the others are as at a reset */
#define STATE_SSE 2

#define FIRST_KEPT 6
#define KEPT_SIZE (10 * XMM_SIZE)

static struct {
    uintptr_t start, end; /* Wine's dispatcher of services and its way back; 0: none is known */
    uint32_t area;        /* bytes from a frame's start */
    bool has_states;
} wine;

/* xsavec64 disp32(%rcx) */
static const unsigned char save[] = {0x48, 0x0f, 0xc7, 0xa1};

static bool processor_has_xsave(void)
{
    unsigned a, b, c = 0, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE;
}

void pwk_abandoned_call_find(void *ntdll)
{
    const unsigned char *start = dlsym(ntdll, "__wine_syscall_dispatcher_prolog_end");
    const unsigned char *end = dlsym(ntdll, "__wine_unix_call_dispatcher_prolog_end");

    if (!start || end < start || dlsym(ntdll, "KeAddSystemServiceTable"))
        return;
    for (const unsigned char *at = start; at + sizeof save + sizeof wine.area <= end; at++) {
        if (memcmp(at, save, sizeof save) != 0)
            continue;
        memcpy(&wine.area, at + sizeof save, sizeof wine.area);
        wine.has_states = processor_has_xsave();
        wine.end = (uintptr_t)end;
        wine.start = (uintptr_t)start;
        return;
    }
}

static bool has_registers(const unsigned char *area)
{
    uint64_t states = STATE_SSE;

    if (wine.has_states)
        memcpy(&states, area + STATES, sizeof states);
    return states & STATE_SSE;
}

void pwk_abandoned_call_mend(void *context, uintptr_t faulted)
{
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
    uintptr_t next = (uintptr_t)machine->gregs[REG_RIP];
    unsigned char *registers = (unsigned char *)machine->fpregs;
    const unsigned char *area;
    uint64_t states;

    if (next == faulted || next < wine.start || next >= wine.end || !registers)
        return;
    area = (const unsigned char *)machine->gregs[REG_RCX] + wine.area;
    registers += XMM_AREA + FIRST_KEPT * XMM_SIZE;
    if (has_registers(area))
        memcpy(registers, area + XMM_AREA + FIRST_KEPT * XMM_SIZE, KEPT_SIZE);
    else
        memset(registers, 0, KEPT_SIZE);
    if (!wine.has_states)
        return;
    registers = (unsigned char *)machine->fpregs + STATES;
    memcpy(&states, registers, sizeof states);
    states |= STATE_SSE;
    memcpy(registers, &states, sizeof states);
}
