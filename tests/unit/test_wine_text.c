/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_wine_text.c - the parser of Wine's registry text: what it tells its sink, and what it
 * refuses, with the line.
 *
 * The sink writes what it is told as lines (units beyond printable ASCII as <hex>), which are
 * compared whole. Every text is parsed in a block of exactly its size, so that a sanitizer sees
 * any byte read beyond it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/wine_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HEADER "WINE REGISTRY Version 2\n"
#define BASE ";; All keys relative to \\\\Machine\n"
#define START HEADER BASE "[k] 1\n"
#define START_LOG "base \\Machine\nkey k time=116444736010000000\n"

/* ---- a sink that keeps a log ---- */

struct log {
    FILE *stream;
    char *text;
    size_t size;
    int stop_in; /* calls until the sink answers `answer`; 0: never */
    int answer;
};

static int answer(struct log *log)
{
    return log->stop_in && --log->stop_in == 0 ? log->answer : 0;
}

static void write_units(struct log *log, const uint16_t *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (units[i] >= 0x20 && units[i] < 0x7f)
            fputc(units[i], log->stream);
        else
            fprintf(log->stream, "<%x>", units[i]);
    }
}

static int log_base(void *context, const uint16_t *path, size_t units)
{
    struct log *log = context;

    fputs("base ", log->stream);
    write_units(log, path, units);
    fputc('\n', log->stream);
    return answer(log);
}

static int log_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                   const uint16_t *class_name, size_t class_units, bool link)
{
    struct log *log = context;

    fputs("key ", log->stream);
    write_units(log, path, units);
    fprintf(log->stream, " time=%llu", (unsigned long long)last_write);
    if (class_name) {
        fputs(" class=", log->stream);
        write_units(log, class_name, class_units);
    }
    fputs(link ? " link\n" : "\n", log->stream);
    return answer(log);
}

static int log_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    struct log *log = context;

    fputs("value ", log->stream);
    write_units(log, name, units);
    fprintf(log->stream, " type=%x ", type);
    if (type == 1 || type == 2 || type == 7) {
        write_units(log, data, size / sizeof(uint16_t));
        if (size % sizeof(uint16_t))
            fputs(" odd", log->stream);
    } else {
        for (size_t i = 0; i < size; i++)
            fprintf(log->stream, "%02x", ((const unsigned char *)data)[i]);
    }
    fputc('\n', log->stream);
    return answer(log);
}

static void log_init(struct log *log)
{
    memset(log, 0, sizeof(*log));
    log->stream = open_memstream(&log->text, &log->size);
    assert_non_null(log->stream);
}

static void log_finish(struct log *log)
{
    fclose(log->stream);
    free(log->text);
}

static int parse(const char *text, size_t size, struct log *log, struct wine_text_error *error)
{
    const struct wine_text_sink sink = {log, log_base, log_key, log_value};
    char *block = malloc(size ? size : 1);
    int result;

    assert_non_null(block);
    memcpy(block, text, size);
    result = wine_text_parse(block, size, &sink, error);
    free(block);
    fflush(log->stream);
    return result;
}

static void assert_told(const char *text, const char *expected)
{
    struct wine_text_error error;
    struct log log;

    log_init(&log);
    if (parse(text, strlen(text), &log, &error))
        fail_msg("line %zu: %s\nof: %s", error.line, error.text, text);
    assert_string_equal(error.text, "");
    assert_string_equal(log.text, expected);
    log_finish(&log);
}

/* ---- what is read ---- */

static const char sample[] = HEADER BASE "\n#arch=win64\n#future=1\n; a comment\n"
                                         "\n[Software\\\\Vendor \\[1\\]] 1600000000\n"
                                         "#time=1d68a0f4a1b2c3d\n"
                                         "@=\"default\"\n"
                                         "\"text\"=\"C:\\\\dir \\\"quoted\\\"\"\n"
                                         "\"expand\"=str(2):\"%PATH%\"\n"
                                         "\"multi\"=str(7):\"one\\0two\\0\"\n"
                                         "\"number\"=dword:0000beef\n"
                                         "\"binary\"=hex:00,01,fe,\\\n"
                                         "  ff,10\n"
                                         "\"quad\"=hex(b):01,02,03,04,05,06,07,08\n"
                                         "\"empty\"=hex(80000001):\n"
                                         "\n[Link] 1600000001\n"
                                         "#time=10\n"
                                         "#class=\"Cl\\x00e4ss\"\n"
                                         "#link\n"
                                         "\"SymbolicLinkValue\"=hex(6):5c,00\n"
                                         "\n[Bare]\n"
                                         "\n[] 0\n";

static const char sample_told[] = "base \\Machine\n"
                                  "key Software\\Vendor [1] time=132445037326445629\n"
                                  "value  type=1 default<0>\n"
                                  "value text type=1 C:\\dir \"quoted\"<0>\n"
                                  "value expand type=2 %PATH%<0>\n"
                                  "value multi type=7 one<0>two<0><0>\n"
                                  "value number type=4 efbe0000\n"
                                  "value binary type=3 0001feff10\n"
                                  "value quad type=b 0102030405060708\n"
                                  "value empty type=80000001 \n"
                                  "key Link time=16 class=Cl<e4>ss link\n"
                                  "value SymbolicLinkValue type=6 5c00\n"
                                  "key Bare time=0\n"
                                  "key  time=116444736000000000\n";

static void the_whole_grammar_is_told_in_order(void **state)
{
    (void)state;
    assert_told(sample, sample_told);
}

static void a_text_without_keys_has_its_base(void **state)
{
    (void)state;
    assert_told(HEADER BASE, "base \\Machine\n");
    assert_told(HEADER ";; All keys relative to REGISTRY\\\\User\\\\a\\[b\\]\n",
                "base REGISTRY\\User\\a[b]\n");
    assert_told(HEADER BASE "\n#arch=win32\n", "base \\Machine\n");
}

static void lines_may_end_as_in_windows(void **state)
{
    (void)state;
    assert_told("WINE REGISTRY Version 2\r\n;; All keys relative to a\r\n\r\n[k] 1\r\n"
                "#time=2\r\n\"v\"=\"x\"\r\n@=hex:01,\\\r\n  02\r\n\"d\"=dword:3\r\n",
                "base a\nkey k time=2\nvalue v type=1 x<0>\nvalue  type=3 0102\n"
                "value d type=4 03000000\n");
}

static void numbers_may_be_short(void **state)
{
    (void)state;
    assert_told(START "@=hex:1\n\"d\"=dword:f\n\"e\"=hex:\n",
                START_LOG "value  type=3 01\nvalue d type=4 0f000000\nvalue e type=3 \n");
}

static void blanks_are_allowed_between_the_parts(void **state)
{
    (void)state;
    assert_told(START "  \"a\" = \"b\" \t\n\t@= hex: 01 , 02 , \\ \n 3\n \t \n",
                START_LOG "value a type=1 b<0>\nvalue  type=3 010203\n");
}

static void escapes_become_units(void **state)
{
    static const struct {
        const char *text;
        const char *units;
    } escapes[] = {
        {"\\a\\b\\e\\f\\n\\r\\t\\v", "<7><8><1b><c><a><d><9><b>"},
        {"\\\\ \\\" \\[ \\q", "\\ \" [ q"},
        {"\\x4", "<4>"},
        {"\\x00e9t\\xe9", "<e9>t<e9>"},
        {"\\x12345", "<1234>5"},
        {"\\xABCDg", "<abcd>g"},
        {"\\xd83d\\xde00", "<d83d><de00>"},
        {"\\xd83d", "<d83d>"},
        {"\\xyz", "xyz"},
        {"\\0\\1\\17\\0017\\778", "<0><1><f><1>7?8"},
        {"\\777", "<1ff>"},
        {"\\8", "8"},
        {"]", "]"},
    };
    char text[256];
    char expected[256];

    (void)state;
    for (size_t i = 0; i < COUNT(escapes); i++) {
        snprintf(text, sizeof(text), START "\"%s\"=\"%s\"\n", escapes[i].text, escapes[i].text);
        snprintf(expected, sizeof(expected), START_LOG "value %s type=1 %s<0>\n", escapes[i].units,
                 escapes[i].units);
        assert_told(text, expected);
    }
}

static void bytes_beyond_ascii_are_utf8_or_latin1(void **state)
{
    static const struct {
        const char *text;
        const char *units;
    } texts[] = {
        {"\xc3\xa4", "<e4>"},
        {"\xe4\xb8\x80", "<4e00>"},
        {"\xf0\x9f\x98\x80", "<d83d><de00>"},
        {"\xf4\x8f\xbf\xbf", "<dbff><dfff>"},
        {"\\\xc3\xa4", "<e4>"},
        {"\xe4x", "<e4>x"},
        {"\xe4", "<e4>"},                         /* the quote is no part of it */
        {"\xf0\x9f\x98", "<f0><9f><98>"},         /* cut short */
        {"\x80", "<80>"},                         /* a continuation alone */
        {"\xc1\xbf", "<c1><bf>"},                 /* overlong */
        {"\xe0\x80\x80", "<e0><80><80>"},         /* overlong */
        {"\xf0\x8f\xbf\xbf", "<f0><8f><bf><bf>"}, /* overlong */
        {"\xed\xa0\x80", "<ed><a0><80>"},         /* a surrogate */
        {"\xf4\x90\x80\x80", "<f4><90><80><80>"}, /* beyond U+10FFFF */
        {"\xff\xfe", "<ff><fe>"},
    };
    char text[256];
    char expected[256];

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        snprintf(text, sizeof(text), START "\"%s\"=\"%s\"\n", texts[i].text, texts[i].text);
        snprintf(expected, sizeof(expected), START_LOG "value %s type=1 %s<0>\n", texts[i].units,
                 texts[i].units);
        assert_told(text, expected);
    }
    assert_told(HEADER ";; All keys relative to \xff\xc3\xa4\n[\xe4]\n",
                "base <ff><e4>\nkey <e4> time=0\n");
}

/* ---- long data ---- */

struct long_value {
    size_t name_units;
    size_t size;
    bool right;
};

static int ignore_base(void *context, const uint16_t *path, size_t units)
{
    (void)context, (void)path, (void)units;
    return 0;
}

static int ignore_key(void *context, const uint16_t *path, size_t units, uint64_t last_write,
                      const uint16_t *class_name, size_t class_units, bool link)
{
    (void)context, (void)path, (void)units, (void)last_write;
    (void)class_name, (void)class_units, (void)link;
    return 0;
}

static unsigned char pattern(size_t index)
{
    return (unsigned char)(index * 7 + index / 251);
}

static int check_long_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                            const void *data, size_t size)
{
    struct long_value *value = context;

    value->right = type == 3 && units == value->name_units && size == value->size;
    for (size_t i = 0; value->right && i < units; i++)
        value->right = name[i] == 'a' + i % 26;
    for (size_t i = 0; value->right && i < size; i++)
        value->right = ((const unsigned char *)data)[i] == pattern(i);
    return 0;
}

static void long_names_and_data_are_whole(void **state)
{
    struct long_value value = {.name_units = 1u << 20, .size = (4u << 20) + 5};
    const struct wine_text_sink sink = {&value, ignore_base, ignore_key, check_long_value};
    struct wine_text_error error;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    assert_non_null(stream);
    fputs(START "\"", stream);
    for (size_t i = 0; i < value.name_units; i++)
        fputc('a' + (int)(i % 26), stream);
    fputs("\"=hex:", stream);
    for (size_t i = 0; i < value.size; i++)
        fprintf(stream, i % 25 == 24 ? "%02x,\\\n  " : "%02x,", pattern(i));
    fclose(stream);
    while (text[size - 1] != ',') /* what stands behind the last byte */
        size--;
    text[size - 1] = '\n';
    assert_int_equal(wine_text_parse(text, size, &sink, &error), 0);
    assert_true(value.right);
    free(text);
}

/* ---- what is refused ---- */

static void what_is_no_such_text_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text;
        size_t line;
        const char *reason;
    } refused[] = {
        {"", 1, "not Wine's registry text"},
        {"\n", 1, "not Wine's registry text"},
        {"REGEDIT4\n", 1, "not Wine's registry text"},
        {"WINE REGISTRY Version 20\n" BASE, 1, "not Wine's registry text"},
        {"WINE REGISTRY Version 1\n" BASE, 1, "not Wine's registry text"},
        {HEADER, 1, "before the line ';; All keys relative to"},
        {HEADER "[k] 1\n", 2, "a key before the line"},
        {HEADER BASE BASE, 3, "a second line"},
        {HEADER BASE "#arch=arm\n", 3, "unknown architecture"},
        {HEADER BASE "@=\"x\"\n", 3, "a value before the first key"},
        {HEADER BASE "[k\n", 3, "without its closing ]"},
        {HEADER BASE "[k\\\n", 3, "a backslash at the end"},
        {HEADER BASE "[k] yesterday\n", 3, "time in seconds"},
        {HEADER BASE "[k] 1 2\n", 3, "time in seconds"},
        {HEADER BASE "[k] 12345678901\n", 3, "time in seconds"},
        {START "#time=\n", 4, "#time"},
        {START "#time=12345678123456789\n", 4, "#time"},
        {START "#time=1g\n", 4, "#time"},
        {START "#class=x\n", 4, "not in quotes"},
        {START "#class=\"x\n", 4, "without its closing \""},
        {START "#class=\"x\"y\n", 4, "follows the class"},
        {START "@=\"x\"\n#link\n", 5, "behind its values"},
        {START "\"v=1\n", 4, "without its closing \""},
        {START "\"v\"\"x\"\n", 4, "no ="},
        {START "@\n", 4, "no ="},
        {START "\"v\"=\n", 4, "a value that is neither"},
        {START "\"v\"=strange\n", 4, "a value that is neither"},
        {START "\"v\"=str(2\"x\"\n", 4, "a value that is neither"},
        {START "\"v\"=str():\"x\"\n", 4, "a value that is neither"},
        {START "\"v\"=hex(123456789):00\n", 4, "a value that is neither"},
        {START "\"v\"=hex(g):00\n", 4, "a value that is neither"},
        {START "\"v\"=\"x\" y\n", 4, "follows the closing quote"},
        {START "\"v\"=\"x\\\n", 4, "a backslash at the end"},
        {START "\"v\"=dword:\n", 4, "dword"},
        {START "\"v\"=dword:123456789\n", 4, "dword"},
        {START "\"v\"=dword:-1\n", 4, "dword"},
        {START "\"v\"=hex:0g\n", 4, "no byte"},
        {START "\"v\"=hex:123\n", 4, "no byte"},
        {START "\"v\"=hex:,01\n", 4, "no byte"},
        {START "\"v\"=hex:01 02\n", 4, "no byte"},
        {START "\"v\"=hex:01,\n", 4, "behind a comma"},
        {START "\"v\"=hex:01,\\\n\n", 5, "an empty line"},
        {START "\"v\"=hex:01,\\\n  02,\\\n", 5, "in the middle of hex data"},
        {START "\"v\"=hex:01,\\\n\"w\"=\"x\"\n", 5, "no byte"},
        {START "whatever\n", 4, "no key, value, option or comment"},
        {START "@=\"x\"", 4, "in the middle of a line"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct wine_text_error error;
        struct log log;
        int result;

        log_init(&log);
        result = parse(refused[i].text, strlen(refused[i].text), &log, &error);
        if (result != -EINVAL || error.line != refused[i].line ||
            !strstr(error.text, refused[i].reason))
            fail_msg("%d, line %zu: %s\nof: %s", result, error.line, error.text, refused[i].text);
        log_finish(&log);
    }
}

static void zero_bytes_are_refused(void **state)
{
    static const char inside[] = START "\"v\"=\"x\0y\"\n";
    static const char escaped[] = START "\"v\"=\"x\\\0y\"\n";
    static const char block[] = START "\0\0\0\0\n";
    struct wine_text_error error;
    struct log log;

    (void)state;
    log_init(&log);
    assert_int_equal(parse(inside, sizeof(inside) - 1, &log, &error), -EINVAL);
    assert_int_equal(error.line, 4);
    assert_int_equal(parse(escaped, sizeof(escaped) - 1, &log, &error), -EINVAL);
    assert_int_equal(parse(block, sizeof(block) - 1, &log, &error), -EINVAL);
    assert_int_equal(error.line, 4);
    log_finish(&log);
}

/* Only a cut between two lines, behind the base line and outside hex data, leaves no trace. */
static void a_text_cut_off_anywhere_is_refused(void **state)
{
    size_t base_end = strlen(HEADER BASE);

    (void)state;
    for (size_t size = 0; size < sizeof(sample) - 1; size++) {
        bool whole_lines = size >= base_end && sample[size - 1] == '\n' &&
                           !(size >= 2 && sample[size - 2] == '\\');
        struct wine_text_error error;
        struct log log;
        int result;

        log_init(&log);
        result = parse(sample, size, &log, &error);
        assert_int_equal(result, whole_lines ? 0 : -EINVAL);
        if (result) {
            assert_true(error.line >= 1);
            assert_string_not_equal(error.text, "");
        }
        log_finish(&log);
    }
}

/* ---- the sink's answers ---- */

static void the_sink_ends_it_with_its_own_answer(void **state)
{
    size_t calls = 0;

    (void)state;
    for (const char *line = sample_told; *line; line = strchr(line, '\n') + 1)
        calls++;
    for (size_t call = 1; call <= calls + 1; call++) {
        struct wine_text_error error;
        size_t lines = 0;
        struct log log;
        int result;

        log_init(&log);
        log.stop_in = (int)call;
        log.answer = call % 2 ? -EIO : 1;
        result = parse(sample, sizeof(sample) - 1, &log, &error);
        assert_int_equal(result, call <= calls ? log.answer : 0);
        assert_string_equal(error.text, "");
        for (const char *c = log.text; *c; c++)
            lines += *c == '\n';
        assert_int_equal(lines, call <= calls ? call : calls);
        assert_memory_equal(log.text, sample_told, log.size);
        log_finish(&log);
    }
}

static void the_error_may_be_left_out(void **state)
{
    struct log log;

    (void)state;
    log_init(&log);
    assert_int_equal(parse("x\n", 2, &log, NULL), -EINVAL);
    assert_int_equal(parse(sample, sizeof(sample) - 1, &log, NULL), 0);
    log_finish(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_grammar_is_told_in_order),
        cmocka_unit_test(a_text_without_keys_has_its_base),
        cmocka_unit_test(lines_may_end_as_in_windows),
        cmocka_unit_test(numbers_may_be_short),
        cmocka_unit_test(blanks_are_allowed_between_the_parts),
        cmocka_unit_test(escapes_become_units),
        cmocka_unit_test(bytes_beyond_ascii_are_utf8_or_latin1),
        cmocka_unit_test(long_names_and_data_are_whole),
        cmocka_unit_test(what_is_no_such_text_is_refused_with_its_line),
        cmocka_unit_test(zero_bytes_are_refused),
        cmocka_unit_test(a_text_cut_off_anywhere_is_refused),
        cmocka_unit_test(the_sink_ends_it_with_its_own_answer),
        cmocka_unit_test(the_error_may_be_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
