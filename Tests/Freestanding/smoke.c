// SPDX-License-Identifier: MIT
//
// Uses the freestanding object the way that C in Linux would, on one thread: it links, and each entry point does what it
// says. What the table does is tested elsewhere; here it is the boundary that counts.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t backing_table_state_size(void);
void backing_table_init(void *state, void *first, uint32_t limit, uint64_t seed, uint64_t seed_too);
int32_t backing_table_insert(void *state, void *context, void *entry, uint64_t *id);
void *backing_table_remove(void *state, void *context, uint64_t id);
void *backing_table_lookup(void *state, void *context, uint64_t id);
uint32_t backing_table_dismantle(void *state, void *context);
void backing_entry_put(void *context, void *entry);

struct backing_entry {
	uintptr_t next;
	uint64_t key;
	uint64_t id;
	uint32_t count;
	uint32_t padding;
};

_Static_assert(sizeof(struct backing_entry) == 32, "an entry is 32 bytes");

struct host {
	int locked, locks, segments, retired, starved;
};

#define CHECK(condition)                                                              \
	do {                                                                          \
		if (!(condition)) {                                                   \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                      \
		}                                                                     \
	} while (0)

void backing_host_lock(struct host *host)
{
	CHECK(!host->locked);
	host->locked = 1;
	host->locks++;
}

void backing_host_unlock(struct host *host)
{
	CHECK(host->locked);
	host->locked = 0;
}

void *backing_host_alloc_segment(struct host *host)
{
	CHECK(!host->locked);
	if (host->starved)
		return NULL;
	host->segments++;
	return calloc(1, 4096);
}

void backing_host_free_segment(struct host *host, void *segment)
{
	CHECK(!host->locked);
	host->segments--;
	free(segment);
}

void backing_host_retire(struct host *host, void *entry)
{
	CHECK(!host->locked);
	CHECK(((struct backing_entry *)entry)->count == 0);
	host->retired++;
}

enum { COUNT = 5000 };

/* The answer, or the id if it is 0. */
static int64_t insert(void *state, struct host *host, struct backing_entry *entry, uint64_t id)
{
	uint64_t asked = id;
	int32_t answer = backing_table_insert(state, host, entry, &id);

	CHECK(answer == 0 ? !asked || id == asked : id == asked);
	return answer ? answer : (int64_t)id;
}

int main(void)
{
	static struct backing_entry entries[COUNT + 2];
	struct host host = { 0 };
	void *first = calloc(1, 2048);
	void *state = malloc(backing_table_state_size());
	struct backing_entry *spare = &entries[COUNT], *found;
	const uint64_t wide = 0x123456789abcdef0;
	uint32_t id;

	memset(state, 0xa5, backing_table_state_size());
	CHECK(backing_table_state_size() <= 256);
	backing_table_init(state, first, COUNT, 12345, 67890);

	for (id = 1; id <= 256; id++)
		CHECK(insert(state, &host, &entries[id - 1], 0) == id);
	CHECK(host.segments == 0);
	host.starved = 1;
	CHECK(insert(state, &host, spare, 0) == -12);
	host.starved = 0;
	for (; id <= COUNT; id++)
		CHECK(insert(state, &host, &entries[id - 1], 0) == id);
	CHECK(host.segments > 0);

	CHECK(insert(state, &host, spare, 0) == -28);
	CHECK(backing_table_remove(state, &host, 0) == NULL);
	CHECK(backing_table_lookup(state, &host, 77 + (1ull << 32)) == NULL);

	found = backing_table_lookup(state, &host, 77);
	CHECK(found == &entries[76] && found->count == 2 && found->id == 77);
	CHECK(backing_table_lookup(state, &host, 77) == found && found->count == 3);
	backing_entry_put(&host, found);
	CHECK(backing_table_remove(state, &host, 77) == found);
	CHECK(found->id == 0 && backing_table_lookup(state, &host, 77) == NULL);
	backing_entry_put(&host, found);
	CHECK(host.retired == 0);
	backing_entry_put(&host, found);
	CHECK(host.retired == 1);

	CHECK(insert(state, &host, spare, 78) == -17);
	CHECK(insert(state, &host, spare, wide) == (int64_t)wide);
	CHECK(spare->id == wide && backing_table_lookup(state, &host, wide) == spare);
	backing_entry_put(&host, spare);
	CHECK(backing_table_lookup(state, &host, (uint32_t)wide) == NULL);

	/* A reference outlives the table, which tells of it. */
	CHECK(backing_table_lookup(state, &host, 78) == &entries[77]);
	CHECK(backing_table_dismantle(state, &host) == 1);
	CHECK(host.segments == 0 && host.retired == COUNT);
	backing_entry_put(&host, &entries[77]);
	CHECK(host.retired == COUNT + 1);
	free(state);
	free(first);
	printf("freestanding: runs: %d entries, the lock taken %d times\n", COUNT, host.locks);
	return 0;
}
