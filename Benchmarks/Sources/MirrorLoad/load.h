// SPDX-License-Identifier: MIT
//
// The load of the mirror's benchmark: loops that consist of the system calls which they are named for.
#pragma once

#include <stdint.h>

// What one thread works on: files of its own, in a folder of its own.
struct place {
    int number;
    uint64_t turn; // how many operations it has done
};

// Each thread's files, and names in a folder that is listed.
enum { FILES = 256, BYTES = 4096, FEW_NAMES = 512, MANY_NAMES = 20000, LARGEST = 16 };

typedef void operation(struct place *);

// The operation of this name, or NULL.
operation *operation_named(const char *name);

// Makes the files that the operations need, in the working directory.
void prepare(int threads);

// Carries out what is said on the standard input, step by step: see steps.c.
void follow_steps(void);

// Says what failed, and ends.
_Noreturn void fail(const char *what, const char *name);
