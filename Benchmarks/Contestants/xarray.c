// SPDX-License-Identifier: MIT
//
// Linux's xarray, its lock its own.

#include <linux/xarray.h>

#include "race.h"

const int map_link_bytes;
const bool map_is_slow;
const int map_id_bits = 64;

/* Linux's own initialisation, which makes the cache that nodes come from. */
void radix_tree_init(void);
static void __attribute__((constructor)) start(void) { radix_tree_init(); }

struct map {
	struct xarray xa;
	u32 next;
};

void *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	xa_init_flags(&map->xa, XA_FLAGS_ALLOC1);
	return map;
}

int map_insert(void *argument, struct entry *entry, uint64_t id)
{
	struct map *map = argument;
	u32 given;

	entry->count = 1;
	if (id) {
		WRITE_ONCE(entry->id, id);
		return xa_insert(&map->xa, id, entry, GFP_KERNEL);
	}
	if (xa_alloc_cyclic(&map->xa, &given, entry, XA_LIMIT(1, INT_MAX), &map->next, GFP_KERNEL) < 0)
		return -1;
	WRITE_ONCE(entry->id, given);
	return 0;
}

void map_insert_unchecked(void *map, struct entry *entry, uint64_t id) { map_insert(map, entry, id); }

struct entry *map_lookup(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct entry *entry = xa_load(&map->xa, id);

	return entry && take_reference(entry) ? entry : NULL;
}

struct entry *map_remove(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct entry *entry = xa_erase(&map->xa, id);

	if (entry)
		WRITE_ONCE(entry->id, 0);
	return entry;
}

void map_free(void *argument)
{
	struct map *map = argument;

	xa_destroy(&map->xa);
	free(map);
}

int map_steps(void *argument, uint64_t id)
{
	struct map *map = argument;
	void *head = map->xa.xa_head;

	(void)id;
	/* Each node on the way, and the entry. */
	return xa_is_node(head) ? xa_to_node(head)->shift / XA_CHUNK_SHIFT + 2 : 1;
}
