/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * program.c - where a program is, and what kind of file it is. The rules follow Wine's own search
 * so far as it has one, and say what is wrong where Wine would only give a number.
 */
#include "launcher/program.h"

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the kind of file ---- */

/* Facts of the PE format (Microsoft's "PE Format"): offsets from the start of the file and of the
 * "PE\0\0" signature. */
#define DOS_HEADER_SIZE 64
#define DOS_NEW_HEADER_OFFSET 60
#define PE_MACHINE 4
#define PE_SECTION_COUNT 6
#define PE_OPTIONAL_SIZE 20
#define PE_OPTIONAL 24
#define PE_CHARACTERISTICS 22
#define PE_SUBSYSTEM 92
#define PE_HEADER_SIZE 94
#define SECTION_SIZE 40
#define SECTION_FILE_SIZE 16
#define SECTION_FILE_OFFSET 20
#define SECTION_SLACK 4096
#define MACHINE_I386 0x014c
#define MACHINE_AMD64 0x8664
#define CHARACTERISTIC_DLL 0x2000
#define SUBSYSTEM_NATIVE 1

static uint16_t read_16(const unsigned char *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t read_32(const unsigned char *at)
{
    return (uint32_t)read_16(at) | (uint32_t)read_16(at + 2) << 16;
}

static bool has_extension(const char *path, const char *extension)
{
    size_t length = strlen(path);
    size_t extension_length = strlen(extension);

    return length > extension_length &&
           strcasecmp(path + length - extension_length, extension) == 0;
}

/* What Wine opens through start.exe. */
static bool is_script(const char *path)
{
    return has_extension(path, ".bat") || has_extension(path, ".cmd") ||
           has_extension(path, ".msi") || has_extension(path, ".lnk");
}

/* Reads up to `size` bytes at `offset`; how many there were, or a negative errno. */
static ssize_t read_at(int fd, void *to, size_t size, off_t offset)
{
    ssize_t got;

    do
        got = pread(fd, to, size, offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static int check_pe(const char *path, const unsigned char pe[PE_HEADER_SIZE],
                    struct pwk_error *error)
{
    uint16_t machine = read_16(pe + PE_MACHINE);

    if ((read_16(pe + PE_CHARACTERISTICS) & CHARACTERISTIC_DLL) != 0)
        return pwk_error_set(error, -ENOEXEC,
                             "%s is a DLL: name a program, or run it with rundll32", path);
    if (machine == MACHINE_I386)
        return pwk_error_set(error, -ENOEXEC,
                             "%s is a 32-bit program: this version of pwk runs 64-bit programs "
                             "only; use its 64-bit edition",
                             path);
    if (machine != MACHINE_AMD64)
        return pwk_error_set(error, -ENOEXEC,
                             "%s is for another processor (machine %#x): use its x86-64 edition",
                             path, machine);
    if (read_16(pe + PE_SUBSYSTEM) == SUBSYSTEM_NATIVE)
        return pwk_error_set(error, -ENOEXEC, "%s is a driver, not a program", path);
    return 0;
}

/* False where a section lies beyond the end of the file: it was cut short. What Windows rounds a
 * section's size up to is allowed for. */
static bool is_whole(int fd, uint32_t header, const unsigned char pe[PE_HEADER_SIZE])
{
    off_t section = (off_t)header + PE_OPTIONAL + read_16(pe + PE_OPTIONAL_SIZE);
    unsigned count = read_16(pe + PE_SECTION_COUNT);
    unsigned char bytes[SECTION_SIZE];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    for (; count > 0; count--, section += SECTION_SIZE) {
        uint64_t end;

        if (read_at(fd, bytes, sizeof(bytes), section) < SECTION_SIZE)
            return false;
        end = (uint64_t)read_32(bytes + SECTION_FILE_OFFSET) + read_32(bytes + SECTION_FILE_SIZE);
        if (read_32(bytes + SECTION_FILE_SIZE) != 0 && end > (uint64_t)st.st_size + SECTION_SLACK)
            return false;
    }
    return true;
}

/* Names that no Windows program can be told of: Wine maps them to others of its own. */
static int check_name(const char *path, struct pwk_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t length = strlen(name);
    bool control = false;

    for (const char *at = name; *at != '\0'; at++)
        control = control || (unsigned char)*at < ' ';
    if (!control && name[strcspn(name, "\"*?<>|\\:")] == '\0' && length > 0 &&
        name[length - 1] != ' ' && name[length - 1] != '.')
        return 0;
    return pwk_error_set(error, -ENOEXEC,
                         "%s has a name that Windows cannot have (one of \"*?<>|\\:, a control "
                         "character, or a blank or dot at its end): rename it",
                         path);
}

static int check_content(const char *path, int fd, struct pwk_error *error)
{
    unsigned char header[DOS_HEADER_SIZE] = {0};
    unsigned char pe[PE_HEADER_SIZE] = {0};
    ssize_t got = read_at(fd, header, sizeof(header), 0);

    if (got < 0)
        return pwk_error_set(error, (int)got, "%s cannot be read: %s", path, strerror((int)-got));
    if (got == 0)
        return pwk_error_set(error, -ENOEXEC, "%s is empty: fetch it again", path);
    if (got >= SELFMAG && memcmp(header, ELFMAG, SELFMAG) == 0)
        return pwk_error_set(error, -ENOEXEC, "%s is a Linux program: run it without pwk-wine",
                             path);
    if (got < DOS_HEADER_SIZE || header[0] != 'M' || header[1] != 'Z')
        return pwk_error_set(error, -ENOEXEC,
                             "%s is not a Windows program (no .exe, .bat, .cmd, .msi or .lnk)",
                             path);
    got = read_at(fd, pe, sizeof(pe), (off_t)read_32(header + DOS_NEW_HEADER_OFFSET));
    if (got >= 2 && (memcmp(pe, "NE", 2) == 0 || memcmp(pe, "LE", 2) == 0))
        return pwk_error_set(error, -ENOEXEC,
                             "%s is a 16-bit program: pwk runs 64-bit programs only", path);
    if (got < PE_HEADER_SIZE || memcmp(pe, "PE\0", 4) != 0)
        return pwk_error_set(error, -ENOEXEC,
                             "%s is a DOS program, or was cut short: fetch it again, or use its "
                             "64-bit edition",
                             path);
    got = check_pe(path, pe, error);
    if (got == 0 && !is_whole(fd, read_32(header + DOS_NEW_HEADER_OFFSET), pe))
        return pwk_error_set(error, -ENOEXEC, "%s was cut short: fetch it again", path);
    return (int)got;
}

int pwk_program_check(const char *path, struct pwk_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int code;

    if (fd < 0 || fstat(fd, &st) != 0) {
        code = -errno;
        pwk_error_set(error, code, "%s cannot be read: %s", path, strerror(-code));
    } else if (S_ISDIR(st.st_mode)) {
        code = pwk_error_set(error, -EISDIR, "%s is a folder: name a program in it", path);
    } else if (!S_ISREG(st.st_mode)) {
        code = pwk_error_set(error, -ENOEXEC, "%s is a device or pipe, not a program", path);
    } else {
        code = check_name(path, error);
        if (code == 0 && !(is_script(path) && st.st_size > 0))
            code = check_content(path, fd, error);
    }
    if (fd >= 0)
        close(fd);
    return code;
}

/* ---- the place ---- */

static bool exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

/* Writes the name of the entry of `folder` that is `name` but for case. */
static bool find_entry(const char *folder, const char *name, char entry_name[NAME_MAX + 1])
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    while (entries != NULL && !found && (entry = readdir(entries)) != NULL)
        if (strcasecmp(entry->d_name, name) == 0) {
            strcpy(entry_name, entry->d_name);
            found = true;
        }
    if (entries != NULL)
        closedir(entries);
    return found;
}

/* Appends component `name` to `path`: as it is where that exists, else without case, as Windows
 * looks names up. False when there is none, or no room. */
static bool append_component(char path[PATH_MAX], const char *name)
{
    char entry_name[NAME_MAX + 1];
    size_t length = strlen(path);

    if (length + 1 + strlen(name) >= PATH_MAX)
        return false;
    snprintf(path + length, PATH_MAX - length, "/%s", name);
    if (exists(path))
        return true;
    path[length] = '\0';
    if (!find_entry(length == 0 ? "/" : path, name, entry_name) ||
        length + 1 + strlen(entry_name) >= PATH_MAX)
        return false;
    snprintf(path + length, PATH_MAX - length, "/%s", entry_name);
    return exists(path);
}

/* Appends the components of `rest`, which either slash may part. */
static bool append_components(char path[PATH_MAX], const char *rest)
{
    char *copy = strdup(rest);
    char *position = copy;
    char *component;
    bool found = copy != NULL;

    while (found && (component = strsep(&position, "\\/")) != NULL)
        if (*component != '\0' && strcmp(component, ".") != 0)
            found = append_component(path, component);
    free(copy);
    return found;
}

static bool is_dos_path(const char *word)
{
    return isalpha((unsigned char)word[0]) && word[1] == ':';
}

/* X:\A\B as a Unix path. Without a separator behind the colon the path counts from the root too:
 * a drive's own current folder is not known before a program runs. */
static bool resolve_dos_path(char path[PATH_MAX], const char *word, const char *prefix)
{
    int length =
        snprintf(path, PATH_MAX, "%s/dosdevices/%c:", prefix, tolower((unsigned char)word[0]));

    return length > 0 && length < PATH_MAX && exists(path) && append_components(path, word + 2);
}

/* The last component's extension counts: "7.1\setup" has none. */
static bool has_any_extension(const char *word)
{
    const char *last = word + strlen(word);

    while (last > word && strchr("/\\:", last[-1]) == NULL)
        last--;
    return strchr(last, '.') != NULL;
}

/* A place to look in: writes the path of `word` there. */
typedef bool (*place_finder)(char path[PATH_MAX], const char *place, const char *word,
                             const char *prefix);

static bool find_in_folder(char path[PATH_MAX], const char *folder, const char *word,
                           const char *prefix)
{
    (void)prefix;
    if (strlen(folder) >= PATH_MAX)
        return false;
    strcpy(path, folder);
    return append_component(path, word);
}

static bool find_unix_path(char path[PATH_MAX], const char *place, const char *word,
                           const char *prefix)
{
    (void)place;
    (void)prefix;
    if (strlen(word) >= PATH_MAX)
        return false;
    strcpy(path, word);
    return exists(path);
}

static bool find_dos_path(char path[PATH_MAX], const char *place, const char *word,
                          const char *prefix)
{
    (void)place;
    return resolve_dos_path(path, word, prefix);
}

/* Each folder of WINEPATH, a list of DOS paths between semicolons. */
static bool find_in_winepath(char path[PATH_MAX], const char *place, const char *word,
                             const char *prefix)
{
    char *copy = strdup(place);
    char *rest = copy;
    char *folder;
    bool found = false;

    while (!found && rest != NULL && (folder = strsep(&rest, ";")) != NULL)
        found = is_dos_path(folder) && resolve_dos_path(path, folder, prefix) &&
                append_component(path, word);
    free(copy);
    return found;
}

/* A relative path with backslashes, from the current folder. */
static bool find_relative_dos_path(char path[PATH_MAX], const char *place, const char *word,
                                   const char *prefix)
{
    (void)place;
    (void)prefix;
    strcpy(path, ".");
    return word[0] != '\\' && append_components(path, word);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* `word` with .exe where it has no extension, then as it is; `as_typed` tells which. A folder of
 * that name is passed by. */
static bool find_either(place_finder finder, char path[PATH_MAX], const char *place,
                        const char *word, const char *prefix, bool *as_typed)
{
    char with_exe[PATH_MAX];

    *as_typed = false;
    if (!has_any_extension(word) &&
        snprintf(with_exe, sizeof(with_exe), "%s.exe", word) < (int)sizeof(with_exe) &&
        finder(path, place, with_exe, prefix) && !is_folder(path))
        return true;
    *as_typed = finder(path, place, word, prefix) && !is_folder(path);
    return *as_typed;
}

int pwk_program_full_path(char full[PATH_MAX], const char *path, struct pwk_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    char folder[PATH_MAX];
    size_t length;

    if (slash == NULL)
        strcpy(folder, ".");
    else
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (realpath(folder, full) == NULL)
        return pwk_error_set(error, -errno, "%s: %s", folder, strerror(errno));
    length = strlen(full);
    if (length + 1 + strlen(name) >= PATH_MAX)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", path);
    snprintf(full + length, PATH_MAX - length, "%s%s", length > 1 ? "/" : "", name);
    return 0;
}

/* The program's name for Wine: as typed where Wine opens that itself, and for scripts, which
 * start.exe looks up; else the full path. */
static int name_for_wine(struct pwk_program *program, const char *word, bool as_typed,
                         struct pwk_error *error)
{
    if ((as_typed || is_script(program->path)) && word[0] != '-') {
        if (strlen(word) >= sizeof(program->name))
            return pwk_error_set(error, -ENAMETOOLONG, "%s: the name is too long", word);
        strcpy(program->name, word);
        return 0;
    }
    return pwk_program_full_path(program->name, program->path, error);
}

static bool find_bare_name(struct pwk_program *program, const char *word, const char *prefix,
                           const char *wine_libdir, bool *as_typed)
{
    static const char *const prefix_folders[] = {"drive_c/windows/system32", "drive_c/windows"};
    const char *winepath = getenv("WINEPATH");
    char folder[PATH_MAX];
    const char *base;

    if (find_either(find_unix_path, program->path, NULL, word, prefix, as_typed))
        return true;
    for (size_t i = 0; i < sizeof(prefix_folders) / sizeof(prefix_folders[0]); i++)
        if (snprintf(folder, sizeof(folder), "%s/%s", prefix, prefix_folders[i]) <
                (int)sizeof(folder) &&
            find_either(find_in_folder, program->path, folder, word, prefix, as_typed)) {
            *as_typed = false;
            return true;
        }
    /* Wine's own programs run as those of system32, where Wine serves them without a file. */
    if (snprintf(folder, sizeof(folder), "%s/x86_64-windows", wine_libdir) < (int)sizeof(folder) &&
        find_either(find_in_folder, program->path, folder, word, prefix, as_typed)) {
        base = strrchr(program->path, '/') + 1;
        snprintf(program->name, sizeof(program->name), "C:\\windows\\system32\\%s", base);
        *as_typed = false;
        return true;
    }
    if (winepath != NULL &&
        find_either(find_in_winepath, program->path, winepath, word, prefix, as_typed)) {
        *as_typed = false;
        return true;
    }
    return false;
}

int pwk_program_find(struct pwk_program *program, const char *word, const char *prefix,
                     const char *wine_libdir, struct pwk_error *error)
{
    place_finder finder = find_unix_path;
    bool as_typed = false;
    bool found;
    int rc;

    program->name[0] = '\0';
    program->path[0] = '\0';
    if (*word == '\0')
        return pwk_error_set(error, -ENOENT, "the name of the program is empty");
    if (is_dos_path(word))
        finder = find_dos_path;
    else if (strchr(word, '/') == NULL && strchr(word, '\\') != NULL)
        finder = find_relative_dos_path;
    if (finder == find_unix_path && strchr(word, '/') == NULL)
        found = find_bare_name(program, word, prefix, wine_libdir, &as_typed);
    else
        found = find_either(finder, program->path, NULL, word, prefix, &as_typed);
    if (!found && !finder(program->path, NULL, word, prefix))
        return pwk_error_set(error, -ENOENT,
                             "%s: program not found: check its name, or give its path", word);
    rc = pwk_program_check(program->path, error);
    if (rc != 0)
        return rc == -ENOENT ? -ENOEXEC : rc;
    return program->name[0] != '\0' ? 0 : name_for_wine(program, word, as_typed, error);
}

/* A file of the layer: no folder, and no mark for one that was deleted. */
static bool find_layer_file(char path[PATH_MAX], const char *base, const char *rest)
{
    struct stat st;

    strcpy(path, base);
    return append_components(path, rest) && lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int pwk_program_find_in_layer(struct pwk_program *program, const char *word, const char *prefix,
                              const char *upper, struct pwk_error *error)
{
    bool dos = is_dos_path(word) && tolower((unsigned char)word[0]) == 'c';
    char base[PATH_MAX], with_exe[PATH_MAX];
    size_t length = strlen(prefix), skipped = dos ? 2 : length;
    int rc;
    bool found = dos || (strncmp(word, prefix, length) == 0 && word[length] == '/');

    found = found &&
            snprintf(base, sizeof(base), "%s%s", upper, dos ? "/drive_c" : "") < PATH_MAX &&
            snprintf(with_exe, sizeof(with_exe), "%s.exe", word) < PATH_MAX;
    if (found && !has_any_extension(word) &&
        find_layer_file(program->path, base, with_exe + skipped))
        word = with_exe;
    else
        found = found && find_layer_file(program->path, base, word + skipped);
    if (!found)
        return -ENOENT;
    snprintf(program->name, sizeof(program->name), "%s", word);
    rc = pwk_program_check(program->path, error);
    /* Where the session sees it. */
    strcpy(base, program->path + strlen(upper));
    if (snprintf(program->path, sizeof(program->path), "%s%s", prefix, base) >= PATH_MAX)
        return pwk_error_set(error, -ENAMETOOLONG, "%s: the path is too long", word);
    return rc;
}
