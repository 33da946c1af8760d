// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NAME = 64 };

_Noreturn void fail(const char *what, const char *name) {
    fprintf(stderr, "load: %s: %s: %s\n", what, name, strerror(errno));
    exit(1);
}

static void file_name(char *name, const struct place *place) {
    snprintf(name, NAME, "%d/f%03d", place->number, (int)(place->turn % FILES));
}

// One that no run before this one had.
static void new_name(char *name, const struct place *place) {
    snprintf(name, NAME, "%d/n%d-%llu", place->number, (int)getpid(), (unsigned long long)place->turn);
}

static int opened(const char *name, int flags) {
    int file = open(name, flags | O_CLOEXEC, 0644);
    if (file < 0) fail("open", name);
    return file;
}

static void open_close(struct place *place) {
    char name[NAME];
    file_name(name, place);
    close(opened(name, O_RDONLY));
}

static void read_file(struct place *place) {
    char name[NAME], bytes[BYTES];
    file_name(name, place);
    int file = opened(name, O_RDONLY);
    if (read(file, bytes, sizeof bytes) != sizeof bytes) fail("read", name);
    close(file);
}

static void write_file(struct place *place) {
    char name[NAME], bytes[BYTES];
    memset(bytes, 'w', sizeof bytes);
    file_name(name, place);
    int file = opened(name, O_WRONLY);
    if (write(file, bytes, sizeof bytes) != sizeof bytes) fail("write", name);
    close(file);
}

static void create_unlink(struct place *place) {
    char name[NAME];
    new_name(name, place);
    close(opened(name, O_WRONLY | O_CREAT | O_EXCL));
    if (unlink(name)) fail("unlink", name);
}

static void mkdir_rmdir(struct place *place) {
    char name[NAME];
    new_name(name, place);
    if (mkdir(name, 0755)) fail("mkdir", name);
    if (rmdir(name)) fail("rmdir", name);
}

// There and back again, by turns.
static void rename_file(struct place *place) {
    char from[NAME], to[NAME];
    snprintf(from, NAME, "%d/%s", place->number, place->turn % 2 ? "renamed" : "rename");
    snprintf(to, NAME, "%d/%s", place->number, place->turn % 2 ? "rename" : "renamed");
    if (rename(from, to)) fail("rename", from);
}

static void stat_file(struct place *place) {
    char name[NAME];
    struct stat found;
    file_name(name, place);
    if (stat(name, &found)) fail("stat", name);
}

static void stat_forced(struct place *place) {
    char name[NAME];
    struct statx found;
    file_name(name, place);
    if (statx(AT_FDCWD, name, AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &found)) fail("statx", name);
}

// A name that was never asked for, each time.
static void stat_absent(struct place *place) {
    char name[NAME];
    struct stat found;
    new_name(name, place);
    if (stat(name, &found) == 0) fail("is there", name);
}

static void list(const char *folder, int names, int is_long) {
    static _Thread_local char buffer[1 << 15];
    int directory = opened(folder, O_RDONLY | O_DIRECTORY), seen = 0;
    long length;
    while ((length = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < length;) {
            struct dirent64 *entry = (struct dirent64 *)(buffer + at);
            struct stat found;
            at += entry->d_reclen;
            if (entry->d_name[0] == '.') continue;
            seen++;
            if (is_long && fstatat(directory, entry->d_name, &found, AT_SYMLINK_NOFOLLOW)) fail("stat", entry->d_name);
        }
    }
    if (length < 0 || seen != names) fail("listed wrongly", folder);
    close(directory);
}

static void list_few(struct place *place) {
    char name[NAME];
    snprintf(name, NAME, "%d/few", place->number);
    list(name, FEW_NAMES, 0);
}

static void list_few_long(struct place *place) {
    char name[NAME];
    snprintf(name, NAME, "%d/few", place->number);
    list(name, FEW_NAMES, 1);
}

static void list_many(struct place *place) { (void)place; list("many", MANY_NAMES, 0); }
static void list_many_long(struct place *place) { (void)place; list("many", MANY_NAMES, 1); }

operation *operation_named(const char *name) {
    static const struct { const char *name; operation *run; } all[] = {
        {"open", open_close}, {"read", read_file}, {"write", write_file}, {"create", create_unlink}, {"mkdir", mkdir_rmdir},
        {"rename", rename_file}, {"stat", stat_file}, {"stat-forced", stat_forced}, {"stat-absent", stat_absent},
        {"list-few", list_few}, {"list-few-long", list_few_long}, {"list-many", list_many}, {"list-many-long", list_many_long},
    };
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) if (!strcmp(all[i].name, name)) return all[i].run;
    return NULL;
}

static void make_files(const char *form, int folder, int count, int bytes) {
    static const char content[BYTES] = {'c'};
    for (int i = 0; i < count; i++) {
        char name[NAME];
        snprintf(name, NAME, form, folder, i);
        int file = opened(name, O_WRONLY | O_CREAT | O_TRUNC);
        if (write(file, content, bytes) != bytes) fail("write", name);
        close(file);
    }
}

void prepare(int threads) {
    for (int number = 0; number < threads; number++) {
        char name[NAME];
        snprintf(name, NAME, "%d", number);
        if (mkdir(name, 0755)) fail("mkdir", name);
        make_files("%d/f%03d", number, FILES, BYTES);
        make_files("%d/rename", number, 1, BYTES);
        snprintf(name, NAME, "%d/few", number);
        if (mkdir(name, 0755)) fail("mkdir", name);
        make_files("%d/few/name-%05d", number, FEW_NAMES, 0);
    }
    if (mkdir("many", 0755)) fail("mkdir", "many");
    make_files("many/%d-name-%05d", 0, MANY_NAMES, 0);
}
