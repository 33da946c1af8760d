// SPDX-License-Identifier: MIT
//
// The table, as the object that Linux links.

#include <pthread.h>
#include <stdlib.h>

#include "race.h"

size_t backing_table_state_size(void);
void backing_table_init(void *state, void *first, uint32_t limit, uint64_t seed, uint64_t seed_too);
int32_t backing_table_insert(void *state, void *host, void *entry, uint64_t *id);
void *backing_table_remove(void *state, void *host, uint64_t id);
void *backing_table_lookup(void *state, void *host, uint64_t id);
uint32_t backing_table_dismantle(void *state, void *host);

const int map_link_bytes = 16;
const bool map_is_slow;
const int map_id_bits = 64;

struct map {
	pthread_mutex_t lock;
	void *first;
	uint64_t *state;
};

void backing_host_lock(struct map *map) { pthread_mutex_lock(&map->lock); }
void backing_host_unlock(struct map *map) { pthread_mutex_unlock(&map->lock); }
void *backing_host_alloc_segment(void *map) { (void)map; return calloc(1, 4096); }
void backing_host_free_segment(void *map, void *segment) { (void)map; free(segment); }
void backing_host_retire(void *map, void *entry) { (void)map; (void)entry; }

void *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	pthread_mutex_init(&map->lock, NULL);
	map->first = calloc(1, 2048);
	/* In lines of its own, as kmalloc puts it; Linux's lock is elsewhere too. */
	map->state = aligned_alloc(64, (backing_table_state_size() + 63) & ~63);
	/* Drawn once, so that runs can be compared. */
	backing_table_init(map->state, map->first, 0x7fffffff, 0x5851f42d4c957f2d, 0x14057b7ef767814f);
	return map;
}

int map_insert(void *map, struct entry *entry, uint64_t id)
{
	return backing_table_insert(((struct map *)map)->state, map, entry, &id);
}

void map_insert_unchecked(void *map, struct entry *entry, uint64_t id) { map_insert(map, entry, id); }
struct entry *map_lookup(void *map, uint64_t id) { return backing_table_lookup(((struct map *)map)->state, map, id); }
struct entry *map_remove(void *map, uint64_t id) { return backing_table_remove(((struct map *)map)->state, map, id); }
int map_steps(void *map, uint64_t id) { (void)map; (void)id; return -1; }

void map_free(void *argument)
{
	struct map *map = argument;

	backing_table_dismantle(map->state, map);
	free(map->first);
	free(map->state);
	free(map);
}
