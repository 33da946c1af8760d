// SPDX-License-Identifier: MIT
//
// Times one map in one shape. What it prints is for the program that runs the race: a line for each phase, its name and a
// number.
//
// Usage: NAME time|worst|pair|count SHAPE COUNT
//
//   time    nanoseconds per operation (of this thread's processor time), bytes per id, steps
//   worst   the slowest operation, in nanoseconds: each is done in several rounds, the quickest of them counts
//   pair    a reader beside a writer: nanoseconds per operation of each
//   count   for callgrind: marks the phases

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <urcu.h>
#include <valgrind/callgrind.h>
#include <x86intrin.h>

#include "race.h"

/* Of a map that is slow when it is large, this many operations are timed; and of survivors one in this many ids survives. */
enum { SAMPLE = 2048, SURVIVES = 256, LAG = 16 };
/* Entries that a writer beside a reader uses in turn, with a grace period before each is used again. */
enum { RING = 16384 };

static const char *shape;
static size_t count, maps, total;
size_t expected_count;
static uint64_t *ids, *shuffled;
static struct entry *entries;

#define NEED(condition)                                                                   \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                          \
		}                                                                         \
	} while (0)

static uint64_t random_word(uint64_t *state)
{
	uint64_t mixed = *state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed ^ mixed >> 31;
}

static double clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

/* As good as random, and never the same twice: each step can be undone. (0, the one number that is no id, is 0's.) */
static uint64_t random_31(uint64_t number)
{
	const uint64_t all = 0x7fffffff;

	number = number * 0x2c1b3c6d & all;
	number ^= number >> 15;
	number = number * 0x297a2d39 & all;
	number ^= number >> 13;
	number = number * 0x6c1b3c6d & all;
	return number ^ number >> 16;
}

static uint64_t id_of(size_t i)
{
	uint64_t factor, shift, state = i;

	if (!strcmp(shape, "dense") || !strcmp(shape, "cyclic"))
		return i + 1;
	if (!strcmp(shape, "survivors"))
		return i * SURVIVES + 1;
	if (!strcmp(shape, "random31"))
		return random_31(i + 1);
	if (!strcmp(shape, "random64"))
		return random_word(&state);
	NEED(sscanf(shape, "%lu*2^%lu", &factor, &shift) == 2);
	return (i + 1) * (factor << shift);
}

static void prepare(void)
{
	uint64_t state = 1;
	size_t i;

	ids = malloc(count * sizeof(*ids));
	shuffled = malloc(count * sizeof(*ids));
	for (i = 0; i < count; i++)
		shuffled[i] = ids[i] = id_of(i);
	for (i = count - 1; i > 0; i--) {
		size_t other = random_word(&state) % (i + 1);
		uint64_t id = shuffled[i];

		shuffled[i] = shuffled[other];
		shuffled[other] = id;
	}
	/* Small maps are many, so that there is something to time. */
	maps = count < 256 ? 256 / count : 1;
	total = maps * count;
	NEED(!posix_memalign((void **)&entries, 4096, (total + RING) * sizeof(*entries)));
	/* Touched, so that no phase pays for that. */
	memset(entries, 0, (total + RING) * sizeof(*entries));
}

static bool is(const char *name) { return !strcmp(shape, name); }
static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static double began;
static void begin(void)
{
	CALLGRIND_ZERO_STATS;
	began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static double clock_costs;
static void end(const char *phase, size_t operations)
{
	double took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began - clock_costs;

	CALLGRIND_DUMP_STATS_AT(phase);
	printf("%s %.2f\n", phase, took / operations);
	printf("%s-operations %zu\n", phase, operations);
}

static void measure_clock(void)
{
	int i;

	for (i = 0; i < 100; i++) {
		double start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		double took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;

		if (!clock_costs || took < clock_costs)
			clock_costs = took;
	}
}

static void drop_references(void)
{
	size_t i;

	for (i = 0; i < total; i++)
		if (entries[i].count > 1)
			entries[i].count = 1;
}

static void look_up(const char *phase, void **map, const uint64_t *order, size_t timed)
{
	size_t m, i;

	begin();
	for (m = 0; m < maps; m++)
		/* Where not all are looked up, those in the middle. */
		for (i = (count - timed) / 2; i < (count + timed) / 2; i++) {
			struct entry *found;

			rcu_read_lock();
			found = map_lookup(map[m], order[i]);
			rcu_read_unlock();
			NEED(found);
		}
	end(phase, maps * timed);
	drop_references();
}

/* All ids go through the counter; one in SURVIVES stays. */
static void churn(void *map)
{
	size_t step, kept = 0;

	begin();
	for (step = 0; step < count * SURVIVES; step++) {
		bool survives = step % SURVIVES == 0;
		struct entry *entry = survives ? &entries[kept++] : &entries[total + step % (LAG + 1)];

		NEED(!map_insert(map, entry, 0));
		if (step >= LAG && (step - LAG) % SURVIVES)
			NEED(map_remove(map, step - LAG + 1));
	}
	end("churn", count * SURVIVES);
	for (; step < count * SURVIVES + LAG; step++)
		if ((step - LAG) % SURVIVES)
			NEED(map_remove(map, step - LAG + 1));
}

static void time_phases(void)
{
	void **map = malloc(maps * sizeof(*map));
	size_t m, i, before, timed = count, steps = 0;
	int counted = 0;
	const bool by_counter = is("cyclic");
	/* A slow map is filled without looking, and the last of it is timed. */
	size_t unchecked = map_is_slow && count > 65536 ? count - SAMPLE : 0;

	if (unchecked)
		timed = SAMPLE;
	/* Whatever is made once and by all: the read sections' thread, caches. */
	before = heap();
	for (m = 0; m < maps; m++)
		map[m] = map_new();
	if (is("survivors")) {
		churn(map[0]);
	} else {
		for (i = 0; i < unchecked; i++)
			map_insert_unchecked(map[0], &entries[i], by_counter ? 0 : ids[i]);
		begin();
		for (m = 0; m < maps; m++)
			for (i = unchecked; i < count; i++)
				NEED(!map_insert(map[m], &entries[m * count + i], by_counter ? 0 : ids[i]));
		end("insert", maps * timed);
	}
	printf("bytes %.2f\n", (double)(heap() - before) / total);
	printf("links %d\n", map_link_bytes);
	look_up("ordered", map, ids, timed);
	look_up("random", map, shuffled, timed);
	for (i = 0; i < timed; i++, steps += counted > 0 ? counted : 0)
		counted = map_steps(map[0], shuffled[i]);
	if (counted >= 0)
		printf("steps %.2f\n", (double)steps / timed);
	begin();
	for (m = 0; m < maps; m++)
		for (i = 0; i < timed; i++)
			NEED(map_remove(map[m], shuffled[i]));
	end("remove", maps * timed);
}

static double ticks_per_ns(void)
{
	double start = clock_ns(CLOCK_MONOTONIC);
	uint64_t ticks = __rdtsc();

	while (clock_ns(CLOCK_MONOTONIC) - start < 2e7)
		;
	return (__rdtsc() - ticks) / (clock_ns(CLOCK_MONOTONIC) - start);
}

static uint64_t tick(void)
{
	unsigned int processor;
	uint64_t ticks;

	_mm_lfence();
	ticks = __rdtscp(&processor);
	_mm_lfence();
	return ticks;
}

enum { ROUNDS = 7 };
static void worst(void)
{
	static const char *const names[] = { "worst-insert", "worst-lookup", "worst-remove" };
	uint32_t *best[3];
	double scale = ticks_per_ns();
	int round, phase;
	size_t i;

	NEED(maps == 1);
	for (phase = 0; phase < 3; phase++) {
		best[phase] = malloc(count * sizeof(*best[phase]));
		memset(best[phase], 0xff, count * sizeof(*best[phase]));
	}
	for (round = 0; round < ROUNDS; round++) {
		void *map = map_new();

		for (phase = 0; phase < 3; phase++)
			for (i = 0; i < count; i++) {
				uint64_t start = tick(), took;

				if (phase == 0) {
					NEED(!map_insert(map, &entries[i], ids[i]));
				} else if (phase == 1) {
					rcu_read_lock();
					NEED(map_lookup(map, ids[i]));
					rcu_read_unlock();
				} else {
					NEED(map_remove(map, ids[i]));
				}
				took = tick() - start;
				if (took < best[phase][i])
					best[phase][i] = took;
			}
		map_free(map);
	}
	for (phase = 0; phase < 3; phase++) {
		uint32_t most = 0;

		for (i = 0; i < count; i++)
			if (best[phase][i] > most)
				most = best[phase][i];
		printf("%s %.0f\n", names[phase], most / scale);
	}
}

static void *shared_map;
static int is_over;
static double read_ns, write_ns;
static void *read_on(void *argument)
{
	double start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	size_t i, done = 0;

	(void)argument;
	rcu_register_thread();
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		for (i = 0; i < 1024; i++, done++) {
			struct entry *found;

			rcu_read_lock();
			found = map_lookup(shared_map, shuffled[done % count]);
			rcu_read_unlock();
			NEED(found);
			__atomic_sub_fetch(&found->count, 1, __ATOMIC_RELEASE);
		}
	read_ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / done;
	rcu_unregister_thread();
	return NULL;
}

/* The reader looks for what stays, the writer inserts and removes others. */
static void pair(void)
{
	pthread_t reader;
	size_t i, done = 0;
	double start;

	NEED(maps == 1);
	shared_map = map_new();
	for (i = 0; i < count; i++)
		NEED(!map_insert(shared_map, &entries[i], ids[i]));
	pthread_create(&reader, NULL, read_on, NULL);
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start < 2e8)
		for (i = 0; i < 256; i++, done += 2) {
			uint64_t id = ids[count - 1] + 1 + done % 4096;

			/* A reader may be standing on what was removed, on its way to another. */
			if (done / 2 % RING == RING - 1)
				synchronize_rcu();
			NEED(!map_insert(shared_map, &entries[total + done / 2 % RING], id));
			NEED(map_remove(shared_map, id));
		}
	write_ns = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / done;
	__atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
	pthread_join(reader, NULL);
	printf("reader %.2f\nwriter %.2f\n", read_ns, write_ns);
}

int main(int arguments, char **argument)
{
	if (arguments != 4) {
		fprintf(stderr, "usage: %s time|worst|pair|count SHAPE COUNT\n", argument[0]);
		return 2;
	}
	shape = argument[2];
	expected_count = count = strtoul(argument[3], NULL, 10);
	rcu_register_thread();
	prepare();
	measure_clock();
	if (!strcmp(argument[1], "worst"))
		worst();
	else if (!strcmp(argument[1], "pair"))
		pair();
	else
		time_phases();
	/* What other threads still do is nobody's any more. */
	fflush(NULL);
	_Exit(0);
}
