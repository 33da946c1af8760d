// SPDX-License-Identifier: MIT
//
// Loads of one thread in steps, between which who counts can take stock: a line with a step's name and a number comes in, `done` goes
// out. Files that a step opens stay open until another step closes them, so that an open can be told from its close.
#define _GNU_SOURCE
#include "load.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 4096, NAME = 64 };
static int held[MOST], holding;

static void hold(const char *name, int flags) {
    if (holding == MOST) fail("too many files are open", name);
    int file = open(name, flags | O_CLOEXEC, 0644);
    if (file < 0) fail("open", name);
    held[holding++] = file;
}

static void old_name(char *name, int index) { snprintf(name, NAME, "0/f%03d", index % FILES); }
static void fresh_name(char *name, int index) { snprintf(name, NAME, "0/s%d", index); }

static void close_all(void) {
    while (holding > 0) close(held[--holding]);
}

// A request for attributes between two closes: so each FORGET is read by itself, as from a server with nothing else to do.
static void close_apart(void) {
    while (holding > 0) {
        struct statx found;
        close(held[--holding]);
        if (statx(AT_FDCWD, "0/rename", AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &found)) fail("statx", "0/rename");
    }
}

static void transfer(int is_write, int index) {
    static _Alignas(4096) char bytes[BYTES];
    int file = held[index % holding];
    long length = is_write ? pwrite(file, bytes, sizeof bytes, 0) : pread(file, bytes, sizeof bytes, 0);
    if (length != sizeof bytes) fail(is_write ? "write" : "read", "a file that is open");
}

// Reads the directory that is held to its end: from the start, or from where the first part ended when it was read before.
static void list_held(int from_start) {
    static char buffer[1 << 15];
    static off_t second;
    long length;
    lseek(held[0], from_start ? 0 : second, SEEK_SET);
    for (int part = 0; (length = syscall(SYS_getdents64, held[0], buffer, sizeof buffer)) > 0; part++) {
        if (part || !from_start) continue;
        struct dirent64 *entry = NULL;
        for (long at = 0; at < length; at += entry->d_reclen) entry = (struct dirent64 *)(buffer + at);
        second = entry->d_off;
    }
    if (length < 0) fail("list", "a folder");
}

static void step(const char *what, int number) {
    char name[NAME];
    struct statx found;
    if (!strcmp(what, "close")) return close_all();
    if (!strcmp(what, "close-apart")) return close_apart();
    for (int i = 0; i < number; i++) {
        old_name(name, i);
        if (!strcmp(what, "getattr")) {
            if (statx(AT_FDCWD, "0/rename", AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &found)) fail("statx", name);
        } else if (!strcmp(what, "getattr-root")) {
            if (statx(AT_FDCWD, ".", AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &found)) fail("statx", ".");
        } else if (!strcmp(what, "lookup")) {
            close(open(name, O_PATH | O_CLOEXEC));
        } else if (!strcmp(what, "absent")) {
            static int absent; // another name each time
            snprintf(name, NAME, "0/absent%d", absent++);
            if (!access(name, F_OK)) fail("is there", name);
        } else if (!strcmp(what, "open")) {
            hold(name, O_RDONLY);
        } else if (!strcmp(what, "open-direct")) {
            hold(name, O_RDWR | O_DIRECT);
        } else if (!strcmp(what, "create")) {
            fresh_name(name, i);
            hold(name, O_WRONLY | O_CREAT | O_EXCL);
        } else if (!strcmp(what, "hold")) {
            fresh_name(name, i);
            hold(name, O_PATH);
        } else if (!strcmp(what, "unlink")) {
            fresh_name(name, i);
            if (unlink(name)) fail("unlink", name);
        } else if (!strcmp(what, "open-directory")) {
            hold("0/few", O_RDONLY | O_DIRECTORY);
        } else if (!strcmp(what, "list")) {
            list_held(1);
        } else if (!strcmp(what, "list-rest")) {
            list_held(0);
        } else if (!strcmp(what, "read") || !strcmp(what, "write")) {
            transfer(*what == 'w', i);
        } else {
            fail("no such step", what);
        }
    }
}

void follow_steps(void) {
    char what[NAME];
    int number;
    while (scanf("%63s %d", what, &number) == 2) {
        step(what, number);
        puts("done");
        fflush(stdout);
    }
    close_all();
}
