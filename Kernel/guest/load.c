// SPDX-License-Identifier: MIT
//
// Many ids, and many at once.
//
//   load many COUNT          that many live ids, from the first to the last, and back to none; unmounted with all live
//   load race SECONDS        both processors register, open, read and close in one connection, both kinds of ids
//   load memory COUNT        slab bytes per live id: dense, and survivors of many allocations
//   load instructions COUNT  marks for QEMU to count between: the ioctls and opens with 1, 1,000, COUNT live ids
#include "mark.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file;

static int make_file(void)
{
	int fd = open("/tmp/backing", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	need(fd >= 0 && write(fd, "backing", 7) == 7, "/tmp/backing");
	return fd;
}

static bool id_reads(const struct server *server, long id)
{
	char text[8] = "";
	int fd = open_id(server, id);

	if (fd < 0)
		return false;
	need(pread(fd, text, 7, 0) >= 0, "read");
	close(fd);
	return !strcmp(text, "backing");
}

/*
 * Waits until a cache has come down to a number of objects. Memory comes back after a grace period; what KASAN holds
 * back of it, to catch those who still use it, goes when the cache is shrunk.
 */
static bool comes_down(const char *cache, long to)
{
	char path[100];
	int tries, fd;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	for (tries = 0; tries < 60; tries++) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		need(fd >= 0 && write(fd, "1", 1) == 1, path);
		close(fd);
		if (slab_of(cache).active <= to)
			return true;
		sleep(1);
	}
	printf("# %s: %ld objects, %ld expected\n", cache, slab_of(cache).active, to);
	return false;
}

static void many(long count)
{
	struct server server;
	struct slab entries = slab_of("kmalloc-64"), segments = slab_of("kmalloc-4k");
	long id, wrong = 0, tenth = count / 10;
	double start = 0, times[2] = { 0, 0 };

	server_start(&server, "/tmp/many", true, 0);
	for (id = 1; id <= count; id++) {
		if (id == 1 || id == count - tenth + 1)
			start = now();
		wrong += backing_open(&server, file, 0, 0) != id;
		if (id == tenth)
			times[0] = now() - start;
	}
	times[1] = now() - start;
	check(!wrong, "%ld live ids, each the next", count);
	printf("# %.0f ns an id in the first tenth, %.0f in the last\n", times[0] / tenth * 1e9, times[1] / tenth * 1e9);
	for (id = 1; id <= count; id += count / 100)
		wrong += !id_reads(&server, id);
	wrong += !id_reads(&server, count);
	check(!wrong, "a hundred of them, and the last, are found");
	for (id = 1; id <= count; id++)
		wrong += backing_close(&server, id) != 0;
	check(!wrong, "each is taken back");
	/* Allowances are for what the rest of the system holds meanwhile. */
	check(comes_down("kmalloc-64", entries.active + 4096), "their memory is too");
	for (id = 1; id <= count / 4; id++)
		wrong += backing_open(&server, file, SERVER_ID, id * 8) != id * 8;
	check(!wrong, "a quarter as many server ids in strides");
	server_stop(&server);
	check(comes_down("kmalloc-64", entries.active + 4096) && comes_down("kmalloc-4k", segments.active + 64),
	      "unmounted with all of them live: all memory is handed back");
}

static struct server shared;
static atomic_bool stop;
static atomic_long opened, registered, wrongs;

struct racer {
	pthread_t thread;
	int processor;
	void (*work)(struct racer *racer);
	unsigned int random;
};

enum { SHARED_IDS = 8, FIRST_SHARED = 1000000 };

/* Kernel-allocated. */
static void churn_kernel(struct racer *racer)
{
	long id = backing_open(&shared, file, 0, 0);

	(void)racer;
	atomic_fetch_add(&registered, id > 0);
	atomic_fetch_add(&wrongs, id <= 0 && id != -EAGAIN);
	if (id > 0)
		atomic_fetch_add(&wrongs, backing_close(&shared, id) != 0);
}

/* The server's, the same few from both processors: each answer but these would be wrong. */
static void churn_server(struct racer *racer)
{
	long id = FIRST_SHARED + rand_r(&racer->random) % SHARED_IDS, got;

	got = backing_open(&shared, file, SERVER_ID, id);
	atomic_fetch_add(&registered, got == id);
	atomic_fetch_add(&wrongs, got != id && got != -EEXIST);
	got = backing_close(&shared, FIRST_SHARED + rand_r(&racer->random) % SHARED_IDS);
	atomic_fetch_add(&wrongs, got != 0 && got != -ENOENT);
}

static void look_up(struct racer *racer)
{
	int fd = open_id(&shared, FIRST_SHARED + rand_r(&racer->random) % SHARED_IDS);
	char text[8] = "";

	atomic_fetch_add(&opened, fd >= 0);
	atomic_fetch_add(&wrongs, fd < 0 && fd != -EIO);
	if (fd < 0)
		return;
	atomic_fetch_add(&wrongs, pread(fd, text, 7, 0) != 7 || strcmp(text, "backing"));
	close(fd);
}

static void *race_on(void *argument)
{
	struct racer *racer = argument;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(racer->processor, &set);
	need(sched_setaffinity(0, sizeof(set), &set) == 0, "affinity");
	while (!atomic_load(&stop))
		racer->work(racer);
	return NULL;
}

static void race(int seconds)
{
	static void (*const works[])(struct racer *) = { churn_kernel, churn_server, look_up, look_up };
	struct racer racers[8];
	int i;

	server_start(&shared, "/tmp/race", true, 0);
	for (i = 0; i < 8; i++) {
		racers[i] = (struct racer){ .processor = i % 2, .work = works[i / 2], .random = i + 1 };
		need(pthread_create(&racers[i].thread, NULL, race_on, &racers[i]) == 0, "thread");
	}
	sleep(seconds);
	atomic_store(&stop, true);
	for (i = 0; i < 8; i++)
		pthread_join(racers[i].thread, NULL);
	check(!wrongs && opened && registered, "both processors at once: %ld ids, %ld opens, no wrong answer", registered,
	      opened);
	server_stop(&shared);
}

static const char *const caches[] = { "kmalloc-64", "kmalloc-2k", "kmalloc-4k", "radix_tree_node", "cred_jar", "cred" };
enum { CACHES = sizeof(caches) / sizeof(*caches) };

/* By cache, so that what has nothing to do with the table can be told apart. */
static void report(const char *what, long ids, const struct slab *before)
{
	int i;

	printf("# %s: %ld live ids, bytes each in use", what, ids);
	for (i = 0; i < CACHES; i++) {
		long bytes = slab_of(caches[i]).bytes - before[i].bytes;

		if (bytes)
			printf("; %s %.1f", caches[i], (double)bytes / ids);
	}
	printf("\n");
}

static void memory(long count)
{
	enum { SURVIVORS = 4096 };
	struct slab before[CACHES];
	struct server server;
	long id, *ring, i;
	int cache;

	server_start(&server, "/tmp/memory", true, 0);
	for (cache = 0; cache < CACHES; cache++)
		before[cache] = slab_of(caches[cache]);
	for (i = 1; i <= count; i++)
		need(backing_open(&server, file, 0, 0) == i, "dense ids");
	report("dense", count, before);
	server_stop(&server);
	sleep(5);

	server_start(&server, "/tmp/memory", true, 0);
	for (cache = 0; cache < CACHES; cache++)
		before[cache] = slab_of(caches[cache]);
	ring = calloc(SURVIVORS, sizeof(*ring));
	/* One in count / SURVIVORS stays, spread over all of them. */
	for (i = 0; i < count; i++) {
		id = backing_open(&server, file, 0, 0);
		need(id > 0, "an id");
		if (i % (count / SURVIVORS) == 0 && i / (count / SURVIVORS) < SURVIVORS)
			ring[i / (count / SURVIVORS)] = id;
		else
			need(backing_close(&server, id) == 0, "close");
	}
	sleep(5);
	report("survivors", SURVIVORS, before);
	server_stop(&server);
	free(ring);
}

/* A thousand times each: registering and taking back, and opening and closing the file of an id. */
static void instructions(long count)
{
	enum { TIMES = 1000, FAR = 1 << 30 };
	const long lives[] = { 1, 1000, count };
	struct server server;
	bool chooses;
	long live = 0, i;
	size_t level;

	server_start(&server, "/tmp/instructions", true, 0);
	chooses = backing_open(&server, file, SERVER_ID, 1) == 1 && backing_close(&server, 1) == 0;
	for (level = 0; level < sizeof(lives) / sizeof(*lives); level++) {
		for (; live < lives[level]; live++)
			need(backing_open(&server, file, 0, 0) > 0, "an id");
		mark_begin();
		for (i = 0; i < TIMES; i++)
			need(backing_close(&server, backing_open(&server, file, 0, 0)) == 0, "an id of the kernel's");
		mark_end();
		printf("# work BACKING_OPEN and CLOSE, %ld live; kernel; -; %d; 0\n", live, 2 * TIMES);
		if (chooses) {
			mark_begin();
			for (i = 0; i < TIMES; i++)
				need(backing_close(&server, backing_open(&server, file, SERVER_ID, FAR + i)) == 0,
				     "an id of the server's");
			mark_end();
			printf("# work BACKING_OPEN and CLOSE, %ld live; server; -; %d; 0\n", live, 2 * TIMES);
		}
		need(id_reads(&server, 1), "the first id's file");
		mark_begin();
		for (i = 0; i < TIMES; i++)
			need(close(open_id(&server, 1)) == 0, "open");
		mark_end();
		printf("# work open and close of a file, %ld live; kernel; -; 0; 0\n", live);
	}
	server_stop(&server);
}

int main(int count, char **arguments)
{
	need(count == 3, "usage: load many|race|memory|instructions NUMBER");
	file = make_file();
	if (!strcmp(arguments[1], "many"))
		many(atol(arguments[2]));
	else if (!strcmp(arguments[1], "race"))
		race(atoi(arguments[2]));
	else if (!strcmp(arguments[1], "instructions"))
		instructions(atol(arguments[2]));
	else
		memory(atol(arguments[2]));
	return failures != 0;
}
