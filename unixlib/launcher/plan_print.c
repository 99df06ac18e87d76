/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan_print.c - a plan for people and for programs. pwk-wine loads no library for JSON: it is
 * linked statically, since each library would cost every start.
 */
#include <string.h>

#include "kernel/utf8.h"
#include "launcher/plan.h"

static const char *const kind_words[] = {
    [PWK_STEP_SWEEP] = "sweep",   [PWK_STEP_PREFIX] = "prefix",
    [PWK_STEP_STATE] = "state",   [PWK_STEP_SESSION] = "session",
    [PWK_STEP_CAGE] = "cage",     [PWK_STEP_REGISTRY] = "registry",
    [PWK_STEP_REAPER] = "reaper", [PWK_STEP_POLICY] = "policy",
    [PWK_STEP_BOOT] = "boot",     [PWK_STEP_ENVIRONMENT] = "environment",
    [PWK_STEP_WATCH] = "watch",   [PWK_STEP_RUN] = "run",
};

static const char *const worth_words[] = {
    [PWK_WORTH_NOTHING] = NULL,
    [PWK_WORTH_DOOR] = "door",
    [PWK_WORTH_BOUNDARY] = "boundary",
};

void pwk_plan_print(const struct pwk_plan *plan, FILE *stream)
{
    for (size_t i = 0; i < plan->step_count; i++) {
        const char *worth = worth_words[plan->steps[i].worth];

        fprintf(stream, "%2zu. %s%s%s%s\n", i + 1, plan->steps[i].words, worth ? " [" : "",
                worth ? worth : "", worth ? "]" : "");
    }
}

/* Source: RFC 8259, "Strings". */
static void write_string(FILE *stream, const char *text)
{
    size_t left = strlen(text);

    fputc('"', stream);
    while (left > 0) {
        uint32_t code;
        size_t length = pwk_utf8_read(text, left, &code);

        if (length == 0) {
            fputs("\\ufffd", stream);
            length = 1;
        } else if (code == '"' || code == '\\') {
            fprintf(stream, "\\%c", (int)code);
        } else if (code < ' ' || code == 0x7f) {
            fprintf(stream, "\\u%04x", (unsigned)code);
        } else {
            fwrite(text, 1, length, stream);
        }
        text += length;
        left -= length;
    }
    fputc('"', stream);
}

static void write_member(FILE *stream, const char *name, const char *value)
{
    fprintf(stream, "\"%s\": ", name);
    if (value != NULL)
        write_string(stream, value);
    else
        fputs("null", stream);
}

static void write_step(FILE *stream, const struct pwk_step *step, size_t number)
{
    fprintf(stream, "\n    {\"step\": %zu, ", number);
    write_member(stream, "kind", kind_words[step->kind]);
    fputs(", ", stream);
    write_member(stream, "words", step->words);
    fputs(", ", stream);
    write_member(stream, "wall", worth_words[step->worth]);
    if (step->variable != NULL) {
        fputs(", ", stream);
        write_member(stream, "variable", step->variable);
        fputs(", ", stream);
        write_member(stream, "value", step->value);
    }
    fputc('}', stream);
}

static void write_reached(FILE *stream, const struct pwk_desktop *desktop)
{
    fputs(",\n  \"reached\": {", stream);
    for (int i = 0; i < PWK_DESKTOP_SWITCHES; i++)
        fprintf(stream, "%s\"%s\": %s", i > 0 ? ", " : "", pwk_desktop_word(i),
                desktop->reached[i] ? "true" : "false");
    fputc('}', stream);
}

void pwk_plan_print_json(const struct pwk_plan *plan, FILE *stream)
{
    fputs("{\n  ", stream);
    write_member(stream, "kernel", plan->record.kernel);
    fputs(",\n  ", stream);
    write_member(stream, "session", pwk_session_mode_word(plan->record.session));
    if (plan->record.session == PWK_SESSION_OWN)
        write_reached(stream, &plan->cage.desktop);
    fputs(",\n  \"steps\": [", stream);
    for (size_t i = 0; i < plan->step_count; i++) {
        if (i > 0)
            fputc(',', stream);
        write_step(stream, &plan->steps[i], i + 1);
    }
    fputs("\n  ]\n}\n", stream);
}
