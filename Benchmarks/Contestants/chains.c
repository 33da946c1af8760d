// SPDX-License-Identifier: MIT
//
// 256 chains that never become more, under a lock; lookups without one.

#include <pthread.h>
#include <stdlib.h>

#include "race.h"

const int map_link_bytes = 8;
const bool map_is_slow = true;
const int map_id_bits = 64;

struct map {
	pthread_mutex_t lock;
	uint64_t next;
	/* Chains in other lines of the cache than what writers write. */
	char apart[64];
	struct entry *chains[256];
};

/* The links: the next of the chain, in links[0]. */
static struct entry *follow(struct entry *const *place) { return __atomic_load_n(place, __ATOMIC_ACQUIRE); }
static struct entry **after(struct entry *entry) { return (struct entry **)&entry->links[0]; }

static struct entry **chain_of(struct map *map, uint64_t id)
{
	return &map->chains[id * 0x9e3779b97f4a7c15 >> 56];
}

void *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	pthread_mutex_init(&map->lock, NULL);
	map->next = 1;
	return map;
}

static void put_in(struct map *map, struct entry *entry, uint64_t id)
{
	struct entry **chain = chain_of(map, id);

	entry->count = 1;
	entry->id = id;
	*after(entry) = *chain;
	__atomic_store_n(chain, entry, __ATOMIC_RELEASE);
}

static struct entry *find(struct map *map, uint64_t id)
{
	struct entry *entry = follow(chain_of(map, id));

	while (entry && __atomic_load_n(&entry->id, __ATOMIC_RELAXED) != id)
		entry = follow(after(entry));
	return entry;
}

int map_insert(void *argument, struct entry *entry, uint64_t id)
{
	struct map *map = argument;
	bool there;

	pthread_mutex_lock(&map->lock);
	if (!id)
		id = map->next++;
	there = find(map, id);
	if (!there)
		put_in(map, entry, id);
	pthread_mutex_unlock(&map->lock);
	return there ? -1 : 0;
}

void map_insert_unchecked(void *map, struct entry *entry, uint64_t id)
{
	if (!id)
		id = ((struct map *)map)->next++;
	put_in(map, entry, id);
}

struct entry *map_lookup(void *map, uint64_t id)
{
	struct entry *entry = find(map, id);

	return entry && take_reference(entry) ? entry : NULL;
}

struct entry *map_remove(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct entry **place = chain_of(map, id), *entry;

	pthread_mutex_lock(&map->lock);
	while ((entry = *place) && entry->id != id)
		place = after(entry);
	if (entry) {
		__atomic_store_n(place, *after(entry), __ATOMIC_RELEASE);
		__atomic_store_n(&entry->id, 0, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&map->lock);
	return entry;
}

void map_free(void *map) { free(map); }

int map_steps(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct entry *entry = *chain_of(map, id);
	int steps = 1;

	while (entry && entry->id != id) {
		entry = *after(entry);
		steps++;
	}
	return steps;
}
