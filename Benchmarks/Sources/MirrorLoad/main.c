// SPDX-License-Identifier: MIT
//
//   MirrorLoad DIRECTORY prepare THREADS
//   MirrorLoad DIRECTORY run OPERATION THREADS SECONDS      as long; at least one operation each
//   MirrorLoad DIRECTORY do OPERATION THREADS COUNT         so many operations, by each thread
//   MirrorLoad DIRECTORY steps                              what the standard input says: see steps.c
//
// The threads begin together. Prints `operations` (a number) and `rate` (operations a second).
#define _GNU_SOURCE
#include "load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static operation *work;
static double seconds;
static uint64_t count; // 0: as long as `seconds`
static pthread_barrier_t begin;

struct worker {
    pthread_t thread;
    struct place place;
    double rate;
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *run(void *argument) {
    struct worker *worker = argument;
    pthread_barrier_wait(&begin);
    double start = now(), end;
    do {
        work(&worker->place);
        worker->place.turn++;
        end = now();
    } while (count ? worker->place.turn < count : end - start < seconds);
    worker->rate = (double)worker->place.turn / (end - start);
    // What was renamed once is renamed back, for the next that comes.
    if (work == operation_named("rename") && worker->place.turn % 2) work(&worker->place);
    return NULL;
}

int main(int arguments, char **argument) {
    if (arguments < 3 || chdir(argument[1])) fail("usage: MirrorLoad DIRECTORY prepare|run|do|steps ...", arguments > 1 ? argument[1] : "");
    const char *mode = argument[2];
    if (arguments == 4 && !strcmp(mode, "prepare")) {
        prepare(atoi(argument[3]));
        return 0;
    }
    if (arguments == 3 && !strcmp(mode, "steps")) {
        follow_steps();
        return 0;
    }
    if (arguments != 6 || (strcmp(mode, "run") && strcmp(mode, "do"))) fail("usage", mode);
    work = operation_named(argument[3]);
    if (!work) fail("no such operation", argument[3]);
    if (!strcmp(mode, "do")) count = strtoull(argument[5], NULL, 10);
    else seconds = atof(argument[5]);

    static struct worker workers[LARGEST];
    int threads = atoi(argument[4]);
    if (threads < 1 || threads > LARGEST) fail("threads", argument[4]);
    pthread_barrier_init(&begin, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        workers[i].place.number = i;
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i])) fail("pthread_create", "");
    }
    double rate = 0;
    uint64_t operations = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        rate += workers[i].rate;
        operations += workers[i].place.turn;
    }
    printf("operations %llu\nrate %f\n", (unsigned long long)operations, rate);
    return 0;
}
