/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * audit_text.c - see audit_text.h.
 */
#include "kernel/audit_text.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "kernel/number_text.h"
#include "kernel/utf8.h"

#define STRING_MAX 2048 /* bytes of one value; longer ones are cut, and "cut":true says so */
#define NAME_MAX_BYTES 32
#define PAIRS_MAX 16
#define TAIL_MAX 64 /* kept free for what closes a line */
#define YEAR_10000 UINT64_C(253402300800)

/* ---- records ---- */

/* One string with its zero, cut at a character's boundary; false where it is left out. */
static bool put_string(struct audit_record *record, const char *text, size_t limit)
{
    size_t size = strnlen(text, limit + 1);
    size_t used = record->head.size;

    if (size > limit) {
        size = limit;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80) {
            size--;
        }
        record->head.cut = 1;
    }
    if (used + size + 1 > AUDIT_TEXT_MAX) {
        record->head.cut = 1;
        return false;
    }
    memcpy(record->text + used, text, size);
    record->text[used + size] = '\0';
    record->head.size = (uint16_t)(used + size + 1);
    return true;
}

void audit_record_fill_plain(struct audit_record *record, const char *event, const char *verdict)
{
    record->head.size = 0;
    record->head.cut = 0;
    put_string(record, event, NAME_MAX_BYTES);
    put_string(record, verdict, NAME_MAX_BYTES);
}

static void put_pairs(struct audit_record *record, va_list pairs)
{
    const char *name;

    while ((name = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);
        uint16_t before = record->head.size;

        if (!put_string(record, name, NAME_MAX_BYTES) ||
            !put_string(record, value != NULL ? value : "", STRING_MAX)) {
            record->head.size = before;
        }
    }
}

void audit_record_fill(struct audit_record *record, const char *event, const char *verdict,
                       va_list pairs)
{
    audit_record_fill_plain(record, event, verdict);
    put_pairs(record, pairs);
}

void audit_record_fill_about(struct audit_record *record, pid_t pid, const char *event,
                             const char *verdict, va_list pairs)
{
    char number[NAME_MAX_BYTES + 1];

    pwk_decimal(number, (uint64_t)pid);
    audit_record_fill_plain(record, event, verdict);
    put_string(record, "pid", NAME_MAX_BYTES);
    put_string(record, number, NAME_MAX_BYTES);
    put_pairs(record, pairs);
}

bool audit_record_take_pid(struct audit_record *record, pid_t *pid)
{
    const char *end = record->text + record->head.size;
    char *name = record->text;
    uint64_t number = 0;

    for (int i = 0; i < 2; i++) {
        name += strlen(name) + 1;
    }
    if (name == end || strcmp(name, "pid") != 0) {
        return false;
    }
    const char *at = name + sizeof("pid");
    for (; *at >= '0' && *at <= '9' && number <= INT_MAX; at++) {
        number = number * 10 + (uint64_t)(*at - '0');
    }
    if (*at != '\0' || number == 0 || number > INT_MAX) {
        return false;
    }
    *pid = (pid_t)number;
    memmove(name, at + 1, (size_t)(end - (at + 1)));
    record->head.size = (uint16_t)(record->head.size - (at + 1 - name));
    return true;
}

/* ---- lines ---- */

struct line {
    char *text;
    size_t length;
    size_t limit; /* add_bytes goes no further */
    bool cut;
};

static bool add_bytes(struct line *line, const char *bytes, size_t size)
{
    if (line->length + size > line->limit) {
        line->cut = true;
        return false;
    }
    memcpy(line->text + line->length, bytes, size);
    line->length += size;
    return true;
}

#define ADD(line, literal) add_bytes(line, literal, sizeof(literal) - 1)

static void add_number(struct line *line, uint64_t number, size_t width)
{
    char digits[20];

    add_bytes(line, digits, pwk_number_digits(digits, number, 10, width));
}

/* One character in JSON: control characters, DEL included, as \u00XX. */
static bool add_character(struct line *line, const char *at, size_t length, uint32_t code)
{
    static const char hex[] = "0123456789abcdef";

    if (code == '"' || code == '\\') {
        return add_bytes(line, (const char[]){'\\', (char)code}, 2);
    }
    if (code < 0x20 || code == 0x7f) {
        return add_bytes(line, (const char[]){'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]},
                         6);
    }
    return add_bytes(line, at, length);
}

/* A JSON string. The closing quote may go past the limit by one byte. */
static void add_string(struct line *line, const char *text)
{
    size_t left = strlen(text);

    if (!ADD(line, "\"")) {
        return;
    }
    while (left > 0) {
        uint32_t code;
        size_t length = pwk_utf8_read(text, left, &code);
        bool fits =
            length > 0 ? add_character(line, text, length, code) : ADD(line, "\xef\xbf\xbd");
        if (!fits) {
            break;
        }
        length = length > 0 ? length : 1;
        text += length;
        left -= length;
    }
    line->text[line->length++] = '"';
}

/* `,"name":"value"`, left out as a whole where not even the name would fit. */
static void add_pair(struct line *line, const char *name, const char *value)
{
    if (line->length + strlen(name) + sizeof(",\"\":\"\"") > line->limit) {
        line->cut = true;
        return;
    }
    ADD(line, ",");
    add_string(line, name);
    ADD(line, ":");
    add_string(line, value);
}

/* UTC in ISO 8601. Reckoned here because gmtime_r takes the C library's lock. */
static void add_time(struct line *line, uint64_t nanoseconds)
{
    uint64_t seconds = nanoseconds / 1000000000;

    /* Years are counted from March, so that the day of the leap year is the last of its year. */
    uint64_t days = seconds / 86400 + 719468;
    uint64_t second = seconds % 86400;
    uint64_t era = days / 146097;
    uint64_t day_of_era = days % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t march_month = (5 * day_of_year + 2) / 153;
    uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;

    add_number(line, year_of_era + era * 400 + (month <= 2), 4);
    ADD(line, "-");
    add_number(line, month, 2);
    ADD(line, "-");
    add_number(line, day_of_year - (153 * march_month + 2) / 5 + 1, 2);
    ADD(line, "T");
    add_number(line, second / 3600, 2);
    ADD(line, ":");
    add_number(line, second / 60 % 60, 2);
    ADD(line, ":");
    add_number(line, second % 60, 2);
    ADD(line, ".");
    add_number(line, nanoseconds / 1000 % 1000000, 6);
    ADD(line, "Z");
}

/* Small letters and underscores, and none of those that the log itself gives a meaning. */
static bool is_name(const char *name)
{
    static const char *const taken[] = {"time",  "kernel",  "pid",     "tid",
                                        "event", "verdict", "dropped", "cut"};
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz_");

    if (length == 0 || length > NAME_MAX_BYTES || name[length] != '\0') {
        return false;
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(name, taken[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* The pairs of a record whose strings are known to be whole. No name may come twice: readers of
 * JSON do not agree on which counts. */
static bool add_pairs(struct line *line, const char *at, const char *end)
{
    const char *names[PAIRS_MAX];
    size_t count = 0;

    while (at < end) {
        const char *name = at;
        const char *value = name + strlen(name) + 1;

        if (count == PAIRS_MAX || !is_name(name)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (strcmp(names[i], name) == 0) {
                return false;
            }
        }
        names[count++] = name;
        add_pair(line, name, value);
        at = value + strlen(value) + 1;
    }
    return true;
}

size_t audit_line_format(char text[AUDIT_LINE_MAX], const char *kernel, pid_t pid,
                         const struct audit_record *record)
{
    struct line line = {.text = text, .limit = AUDIT_LINE_MAX - TAIL_MAX};
    const char *verdict = record->text + strlen(record->text) + 1;

    if (record->head.time / 1000000000 >= YEAR_10000) {
        return 0;
    }
    ADD(&line, "{\"time\":\"");
    add_time(&line, record->head.time);
    ADD(&line, "\"");
    add_pair(&line, "kernel", kernel);
    ADD(&line, ",\"pid\":");
    add_number(&line, (uint64_t)pid, 1);
    ADD(&line, ",\"tid\":");
    add_number(&line, record->head.tid, 1);
    add_pair(&line, "event", record->text);
    add_pair(&line, "verdict", verdict);
    if (!add_pairs(&line, verdict + strlen(verdict) + 1, record->text + record->head.size)) {
        return 0;
    }
    if (line.cut || record->head.cut) {
        line.limit = AUDIT_LINE_MAX;
        ADD(&line, ",\"cut\":true");
    }
    return line.length;
}

size_t audit_line_end(char text[AUDIT_LINE_MAX], size_t size, uint64_t dropped)
{
    struct line line = {.text = text, .length = size, .limit = AUDIT_LINE_MAX};

    if (dropped > 0) {
        ADD(&line, ",\"dropped\":");
        add_number(&line, dropped, 1);
    }
    ADD(&line, "}\n");
    return line.length;
}
