/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_reg_text.c - .reg files: what the reader tells its sink and what it refuses, with the line;
 * what the writer writes; and that reading gives back what was written.
 *
 * The sink writes what it is told as lines (units beyond printable ASCII as <hex>), which are
 * compared whole. Every text is read in a block of exactly its size, so that a sanitizer sees any
 * byte read beyond it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/reg_text.h"
#include "registry/reg_text_encoding.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HEAD5 "Windows Registry Editor Version 5.00\r\n"
#define HEAD4 "REGEDIT4\r\n"
#define START HEAD5 "\n[k]\n"

/* ---- a sink that keeps a log ---- */

struct log {
    FILE *stream;
    char *text;
    size_t size;
    int stop_in; /* calls until the sink answers 7; 0: never */
    double share;
};

static int answer(struct log *log)
{
    return log->stop_in && --log->stop_in == 0 ? 7 : 0;
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

static int log_path(struct log *log, const char *what, const uint16_t *path, size_t units)
{
    fprintf(log->stream, "%s ", what);
    write_units(log, path, units);
    fputc('\n', log->stream);
    return answer(log);
}

static int log_key(void *context, const uint16_t *path, size_t units)
{
    return log_path(context, "key", path, units);
}

static int log_delete_key(void *context, const uint16_t *path, size_t units)
{
    return log_path(context, "gone", path, units);
}

static int log_value(void *context, const uint16_t *name, size_t units, uint32_t type,
                     const void *data, size_t size)
{
    struct log *log = context;

    fputs("value ", log->stream);
    write_units(log, name, units);
    fprintf(log->stream, " %x ", type);
    if ((type == 1 || type == 2 || type == 7) && size % 2 == 0) {
        write_units(log, data, size / 2);
    } else {
        for (size_t i = 0; i < size; i++)
            fprintf(log->stream, "%02x", ((const unsigned char *)data)[i]);
    }
    fputc('\n', log->stream);
    return answer(log);
}

static int log_delete_value(void *context, const uint16_t *name, size_t units)
{
    return log_path(context, "no value", name, units);
}

static void log_progress(void *context, double share)
{
    struct log *log = context;

    assert_true(share >= log->share && share <= 1);
    log->share = share;
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

static int read_block(const void *text, size_t size, struct log *log, struct reg_text_error *error)
{
    const struct reg_text_sink sink = {log,       log_key,          log_delete_key,
                                       log_value, log_delete_value, log_progress};
    char *block = malloc(size ? size : 1);
    int result;

    assert_non_null(block);
    memcpy(block, text, size);
    result = reg_text_read(block, size, &sink, error);
    free(block);
    fflush(log->stream);
    return result;
}

static void reads_block(const void *text, size_t size, const char *told)
{
    struct reg_text_error error;
    struct log log;
    int result;

    log_init(&log);
    result = read_block(text, size, &log, &error);
    if (result)
        fail_msg("line %zu: %s, in: %s", error.line, error.text, (const char *)text);
    assert_string_equal(log.text, told);
    log_finish(&log);
}

static void reads(const char *text, const char *told)
{
    reads_block(text, strlen(text), told);
}

static void refuses(const char *text, size_t line, const char *reason)
{
    struct reg_text_error error;
    struct log log;

    log_init(&log);
    assert_int_equal(read_block(text, strlen(text), &log, &error), -EINVAL);
    if (error.line != line || !strstr(error.text, reason))
        fail_msg("line %zu '%s' in place of line %zu '%s', in: %s", error.line, error.text, line,
                 reason, text);
    log_finish(&log);
}

/* ---- reading ---- */

static void keys(void **state)
{
    (void)state;
    reads(HEAD5, "");
    reads("REGEDIT4", "");
    reads(HEAD5 "[HKEY_X\\a b]\r\n\r\n[-HKEY_X\\c]\r\n", "key HKEY_X\\a b\ngone HKEY_X\\c\n");
    reads(START "[a]b]\n[c ]  ; text\n[ d]", "key k\nkey a]b\nkey c \nkey  d\n");
    reads(START "[a\\]\r[b]\r\n[--c]", "key k\nkey a\\\nkey b\ngone -c\n");
    reads(HEAD5 "; comment [x]\n\n  ; more\n  [a]\n", "key a\n");
}

static void values(void **state)
{
    (void)state;
    reads(START "\"n\"=\"text\"\n@=\"\"\n\"\"=\"d\"",
          "key k\nvalue n 1 text<0>\nvalue  1 <0>\nvalue  1 d<0>\n");
    reads(START "  \"a\" = \"x\" ; c\n\"b\"\t=\t\"y\"\t;c\n@ =\"z\";c",
          "key k\nvalue a 1 x<0>\nvalue b 1 y<0>\nvalue  1 z<0>\n");
    reads(START "\"\\\\a\\\"\"=\"c:\\\\d \\\"e\\\" \\n\\r\\0;\"",
          "key k\nvalue \\a\" 1 c:\\d \"e\" <a><d><0>;<0>\n");
    reads(START "\"a\nb\"=\"1\r\n2\n\"\n\"c\"=\"d\"",
          "key k\nvalue a<a>b 1 1<d><a>2<a><0>\nvalue c 1 d<0>\n");
    reads(START "\"a\"=-\n@= - ;c\n", "key k\nno value a\nno value \n");
    reads(START "\"a\"=dword:1\n\"b\"=dword:89aBCdef ;c\n",
          "key k\nvalue a 4 01000000\nvalue b 4 efcdab89\n");
    reads(HEAD5 "[-k]\n\"a\"=\"x\"\n\"b\"=-\n[m]\n\"c\"=dword:1\n",
          "gone k\nkey m\nvalue c 4 01000000\n");
}

static void hex_data(void **state)
{
    (void)state;
    reads(START "\"a\"=hex:\n\"b\"=hex(2):\n\"c\"=hex:1,fF,00,\n",
          "key k\nvalue a 3 \nvalue b 2 \nvalue c 3 01ff00\n");
    reads(START "\"a\"=hex(0):01\n\"b\"=hex(ffffffff):02\n\"c\"=hex(b):1,2,3,4,5,6,7,8",
          "key k\nvalue a 0 01\nvalue b ffffffff 02\nvalue c b 0102030405060708\n");
    reads(START "\"a\"=hex:01,\\\r\n  02,\\ ; c\r\n\r\n ;d\r\n\t03 , 04,  \\\r\n05 ;e\r\n[l]",
          "key k\nvalue a 3 0102030405\nkey l\n");
    reads(START "\"a\"=hex:\\\n  01\n", "key k\nvalue a 3 01\n");
    reads(START "\"a\"=hex(1):41,00\n\"b\"=hex(7):41,00,00,00,00,00\n\"c\"=hex(1):41",
          "key k\nvalue a 1 A\nvalue b 7 A<0><0>\nvalue c 1 41\n");
    reads(HEAD4 "[k]\n\"a\"=hex(2):25,80,00\n\"b\"=hex(7):\n\"c\"=hex(0):41,42\n",
          "key k\nvalue a 2 %<20ac><0>\nvalue b 7 \nvalue c 0 4142\n");
}

static void encodings(void **state)
{
    static const char wide[] = "\xff\xfeR\0E\0G\0E\0D\0I\0T\0004\0\n\0[\0\x3d\xd8\0\xdc]\0";
    static const char lone[] = "\xff\xfeR\0E\0G\0E\0D\0I\0T\0004\0\n\0[\0\0\xdc]\0";
    struct reg_text_error error;
    struct log log;

    (void)state;
    reads(HEAD5 "[\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80]", "key <e4><20ac><d83d><de00>\n");
    reads("\xef\xbb\xbf" HEAD4 "[\xc3\xa4]", "key <e4>\n");
    reads(HEAD5 "[\xe4\x80]", "key <e4><20ac>\n");
    reads(HEAD4 "[\xc3\xa4\x81]", "key <c3><a4><81>\n");
    reads_block(wide, sizeof(wide) - 1, "key <d83d><dc00>\n");
    reads_block(wide + 2, sizeof(wide) - 3, "key <d83d><dc00>\n");
    reads_block(lone, sizeof(lone) - 1, "key <dc00>\n");
    refuses("\xef\xbb\xbf" HEAD4 "[\xe4]", 1, "not UTF-8");
    log_init(&log);
    assert_int_equal(read_block(wide, sizeof(wide) - 2, &log, &error), -EINVAL);
    assert_non_null(strstr(error.text, "middle of a character"));
    assert_int_equal(read_block("REGEDIT4\n[\0]", 12, &log, &error), -EINVAL);
    assert_int_equal(error.line, 2);
    assert_int_equal(read_block("REGEDIT4\n[a]\n\"\0\"=-", 19, &log, &error), -EINVAL);
    assert_int_equal(error.line, 3);
    log_finish(&log);
    for (int byte = 0; byte < 256; byte++)
        assert_int_equal(reg_text_to_ansi(reg_text_from_ansi((unsigned char)byte)), byte);
    assert_int_equal(reg_text_to_ansi(0x80), -1);
    assert_int_equal(reg_text_to_ansi(0x100), -1);
}

static void mistakes(void **state)
{
    static const struct {
        const char *text;
        size_t line;
        const char *reason;
    } bad[] = {
        {"", 1, "no .reg file"},
        {"REGEDIT\n", 1, "no .reg file"},
        {"regedit4\n", 1, "no .reg file"},
        {"REGEDIT4 x\n", 1, "follows the version"},
        {"Windows Registry Editor Version 5.001\n", 1, "follows the version"},
        {HEAD5 "\"a\"=\"b\"", 2, "before the first key"},
        {HEAD5 "[a\n]", 2, "closing bracket"},
        {HEAD5 "[]", 2, "without a name"},
        {HEAD5 "\r\n[-]", 3, "without a name"},
        {HEAD5 "[a] b", 2, "follows the closing bracket"},
        {START "what", 4, "no key, value or comment"},
        {START "#c", 4, "no key, value or comment"},
        {START "\"a\"", 4, "no ="},
        {START "\"a\"=", 4, "neither a text"},
        {START "\"a\"=x", 4, "neither a text"},
        {START "\"a\"=\"b\nc", 4, "closing quote"},
        {START "\"a", 4, "closing quote"},
        {START "\"a\"=\"b\"c", 4, "follows the data"},
        {START "\"a\"=\"b\nc\"d", 5, "follows the data"},
        {START "\"a\"=\"\\d\"", 4, "backslash"},
        {START "\"a\"=\"\\", 4, "backslash"},
        {START "\"a\"=-b", 4, "follows the data"},
        {START "\"a\"=dword:", 4, "dword"},
        {START "\"a\"=dword:x", 4, "dword"},
        {START "\"a\"=dword:123456789", 4, "follows the data"},
        {START "\"a\"=hex", 4, "no :"},
        {START "\"a\"=hex():", 4, "type of the hex data"},
        {START "\"a\"=hex(100000000):", 4, "type of the hex data"},
        {START "\"a\"=hex:01,,02", 4, "no byte"},
        {START "\"a\"=hex:,", 4, "no byte"},
        {START "\"a\"=hex:100", 4, "follows the data"},
        {START "\"a\"=hex:01\\\n02", 4, "follows the data"},
        {START "\"a\"=hex:01,\\", 4, "cut off"},
        {START "\"a\"=hex:01,\\\n\n", 6, "cut off"},
        {START "\"a\"=hex:01,\\\n[b]", 5, "no byte"},
        {START "\"a\"=hex:01,\\x\n02", 4, "no byte"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        refuses(bad[i].text, bad[i].line, bad[i].reason);
}

static void a_sink_ends_the_reading(void **state)
{
    static const char text[] = START "\"a\"=\"b\"\n\"c\"=-\n[-d]\n[e]";

    (void)state;
    for (int calls = 1; calls <= 5; calls++) {
        struct reg_text_error error;
        struct log log;

        log_init(&log);
        log.stop_in = calls;
        assert_int_equal(read_block(text, strlen(text), &log, &error), 7);
        assert_string_equal(error.text, "");
        assert_int_equal(error.line, calls + 2);
        log_finish(&log);
    }
    assert_int_equal(reg_text_read("x", 1, &(struct reg_text_sink){0}, NULL), -EINVAL);
}

/* ---- writing ---- */

struct output {
    unsigned char bytes[65536];
    size_t size;
    int error;
};

static int take(void *context, const void *bytes, size_t size)
{
    struct output *output = context;

    if (output->error)
        return output->error;
    assert_true(size > 0 && size <= sizeof(output->bytes) - output->size);
    memcpy(output->bytes + output->size, bytes, size);
    output->size += size;
    return 0;
}

/* The ASCII text in the units of version 5. */
static void assert_wide(const struct output *output, const char *text)
{
    assert_int_equal(output->size, 2 + 2 * strlen(text));
    assert_memory_equal(output->bytes, "\xff\xfe", 2);
    for (size_t i = 0; text[i]; i++)
        if (output->bytes[2 + 2 * i] != (unsigned char)text[i] || output->bytes[3 + 2 * i])
            fail_msg("differs at: %s", text + i);
}

static void the_shape_of_a_file(void **state)
{
    static const unsigned char bytes[64] = {1, 2, 3};
    static const char text[] = HEAD5
        "\r\n[HKEY_X\\k]\r\n@=\"\"\r\n\"a\\\\\\\"\"=\"c:\\\\\"\r\n\"d\"=dword:0000001f\r\n"
        "\"name\"=hex:01,02,03,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,\\\r\n"
        "  00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,\\\r\n"
        "  00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00\r\n"
        "\"n\"=hex(0):\r\n\"o\"=hex(fedc1234):01\r\n\"g\"=-\r\n\r\n[-HKEY_X\\g]\r\n\r\n";
    static struct output output;
    struct reg_text_writer writer;
    uint32_t number = 31;

    (void)state;
    reg_text_writer_init(&writer, REG_TEXT_5, take, &output);
    reg_text_write_key(&writer, u"HKEY_X\\k", 8);
    reg_text_write_value(&writer, NULL, 0, 1, u"", 2);
    reg_text_write_value(&writer, u"a\\\"", 3, 1, u"c:\\", 8);
    reg_text_write_value(&writer, u"d", 1, 4, &number, 4);
    reg_text_write_value(&writer, u"name", 4, 3, bytes, sizeof(bytes));
    reg_text_write_value(&writer, u"n", 1, 0, NULL, 0);
    reg_text_write_value(&writer, u"o", 1, 0xfedc1234, bytes, 1);
    reg_text_write_delete_value(&writer, u"g", 1);
    reg_text_write_delete_key(&writer, u"HKEY_X\\g", 8);
    assert_int_equal(reg_text_writer_finish(&writer), 0);
    assert_wide(&output, text);
}

static void what_cannot_be_written(void **state)
{
    static struct output output;
    struct reg_text_writer writer;

    (void)state;
    for (int format = REG_TEXT_5; format <= REG_TEXT_4; format++) {
        const int narrow = format == REG_TEXT_4 ? -EILSEQ : 0;

        output.size = 0;
        reg_text_writer_init(&writer, format, take, &output);
        assert_int_equal(reg_text_write_key(&writer, u"", 0), -EILSEQ);
        assert_int_equal(reg_text_write_key(&writer, u"-a", 2), -EILSEQ);
        assert_int_equal(reg_text_write_key(&writer, u"a\nb", 3), -EILSEQ);
        assert_int_equal(reg_text_write_delete_key(&writer, u"a\0b", 3), -EILSEQ);
        assert_int_equal(reg_text_write_key(&writer, u"\x416", 1), narrow);
        assert_int_equal(reg_text_write_value(&writer, u"\x416", 1, 4, u"12", 4), narrow);
        assert_int_equal(reg_text_write_value(&writer, u"a", 1, 1, u"\x416", 4), narrow);
        assert_int_equal(reg_text_write_value(&writer, u"a", 1, 7, u"\x416", 4), narrow);
        assert_int_equal(reg_text_write_value(&writer, u"a", 1, 2, u"ab", 3), narrow);
        assert_int_equal(reg_text_write_delete_value(&writer, u"\x416", 1), narrow);
        assert_int_equal(reg_text_write_value(&writer, u"a", 1, 3, u"\x416", 3), 0);
    }
    output.error = -ENOSPC;
    assert_int_equal(reg_text_writer_finish(&writer), -ENOSPC);
    output.error = 0;
    assert_int_equal(reg_text_writer_finish(&writer), -ENOSPC);
}

/* ---- there and back ---- */

static const struct {
    uint32_t type;
    size_t size;
    const void *data;
    bool only_5;
} samples[] = {
    {1, 8, u"abc"},          {1, 6, u"abc"},     {1, 0, u""},        {1, 10, u"a\0bc"},
    {1, 10, u"abc\0"},       {1, 2, u""},        {1, 4, u"\0"},      {1, 3, u"ab", true},
    {1, 12, u"a\r\nbc"},     {1, 8, u"\"\\;"},   {2, 8, u"%a%"},     {2, 6, u"%a%"},
    {2, 0, u""},             {7, 12, u"a\0bc\0"}, {7, 2, u""},        {7, 0, u""},
    {7, 8, u"\u20ac\u00e4b"}, {3, 5, "12345"},    {3, 0, u""},        {4, 4, "\1\2\3\4"},
    {4, 3, "\1\2\3"},        {4, 0, u""},        {5, 4, "\1\2\3\4"}, {6, 6, u"\\ab"},
    {11, 8, "12345678"},     {0, 4, u"ab"},      {2, 5, u"%a%", true}, {7, 6, u"abc"},
    {0xffffffff, 3, "xyz"},  {1, 6, u"\u0416\xd83d", true},
};

static const struct {
    const uint16_t *text;
    size_t units;
    bool only_5;
} names[] = {
    {u"", 0},     {u"@", 1},      {u"a", 1},   {u"a\"b\\", 4},       {u" a ", 3},
    {u"a\0b", 3}, {u"a\r\nb", 4}, {u"]=[", 3}, {u"\u00e4\u0178", 2}, {u";", 1},
    {u"\t", 1},   {u"\u4e00\xdc00", 2, true},
};

/* Writes every sample under every name, reads that, and compares what is told with what the sink
 * tells when it is given the samples themselves. */
static void there_and_back(enum reg_text_format format)
{
    static struct output output;
    struct reg_text_error error;
    struct reg_text_writer writer;
    struct log wanted, got;

    output.size = 0;
    log_init(&wanted);
    log_init(&got);
    reg_text_writer_init(&writer, format, take, &output);
    for (size_t i = 0; i < COUNT(names); i++) {
        if (names[i].only_5 && format == REG_TEXT_4)
            continue;
        assert_int_equal(reg_text_write_key(&writer, u"HKEY_X\\a]; b ", 13), 0);
        log_key(&wanted, u"HKEY_X\\a]; b ", 13);
        for (size_t j = 0; j < COUNT(samples); j++) {
            if (samples[j].only_5 && format == REG_TEXT_4)
                continue;
            assert_int_equal(reg_text_write_value(&writer, names[i].text, names[i].units,
                                                  samples[j].type, samples[j].data,
                                                  samples[j].size),
                             0);
            log_value(&wanted, names[i].text, names[i].units, samples[j].type, samples[j].data,
                      samples[j].size);
        }
        assert_int_equal(reg_text_write_delete_value(&writer, names[i].text, names[i].units), 0);
        log_delete_value(&wanted, names[i].text, names[i].units);
    }
    assert_int_equal(reg_text_writer_finish(&writer), 0);
    if (read_block(output.bytes, output.size, &got, &error))
        fail_msg("line %zu: %s", error.line, error.text);
    fflush(wanted.stream);
    assert_string_equal(got.text, wanted.text);
    log_finish(&wanted);
    log_finish(&got);
}

static void version_5_gives_back_everything(void **state)
{
    (void)state;
    there_and_back(REG_TEXT_5);
}

static void regedit4_gives_back_what_it_can_hold(void **state)
{
    (void)state;
    there_and_back(REG_TEXT_4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(values),
        cmocka_unit_test(hex_data),
        cmocka_unit_test(encodings),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(a_sink_ends_the_reading),
        cmocka_unit_test(the_shape_of_a_file),
        cmocka_unit_test(what_cannot_be_written),
        cmocka_unit_test(version_5_gives_back_everything),
        cmocka_unit_test(regedit4_gives_back_what_it_can_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
