// SPDX-License-Identifier: MIT
//
// Linux's IDR, as FUSE uses it.

#include <pthread.h>
#include <linux/idr.h>

#include "race.h"

const int map_link_bytes;
const bool map_is_slow;
const int map_id_bits = 31;

/* Linux's own initialisation, which makes the cache that nodes come from. */
void radix_tree_init(void);
static void __attribute__((constructor)) start(void) { radix_tree_init(); }

struct map {
	pthread_mutex_t lock;
	/* Linux's lock is elsewhere, in other lines of the cache. */
	char apart[64];
	struct idr idr;
};

void *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	pthread_mutex_init(&map->lock, NULL);
	idr_init(&map->idr);
	return map;
}

int map_insert(void *argument, struct entry *entry, uint64_t id)
{
	struct map *map = argument;
	int given;

	entry->count = 1;
	idr_preload(GFP_KERNEL);
	pthread_mutex_lock(&map->lock);
	if (id)
		given = idr_alloc(&map->idr, entry, id, id + 1, GFP_ATOMIC);
	else
		given = idr_alloc_cyclic(&map->idr, entry, 1, 0, GFP_ATOMIC);
	if (given > 0)
		WRITE_ONCE(entry->id, given);
	pthread_mutex_unlock(&map->lock);
	idr_preload_end();
	return given > 0 ? 0 : given;
}

void map_insert_unchecked(void *map, struct entry *entry, uint64_t id) { map_insert(map, entry, id); }

struct entry *map_lookup(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct entry *entry = idr_find(&map->idr, id);

	return entry && take_reference(entry) ? entry : NULL;
}

struct entry *map_remove(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct entry *entry;

	pthread_mutex_lock(&map->lock);
	entry = idr_remove(&map->idr, id);
	if (entry)
		WRITE_ONCE(entry->id, 0);
	pthread_mutex_unlock(&map->lock);
	return entry;
}

void map_free(void *argument)
{
	struct map *map = argument;

	idr_destroy(&map->idr);
	free(map);
}

int map_steps(void *argument, uint64_t id)
{
	struct map *map = argument;
	void *head = map->idr.idr_rt.xa_head;

	(void)id;
	return xa_is_node(head) ? xa_to_node(head)->shift / XA_CHUNK_SHIFT + 2 : 1;
}
