// SPDX-License-Identifier: MIT
//
// liburcu's hash table, which takes no lock to insert or remove either. It has as many buckets as there will be ids from the
// start. (It also grows by itself, on a thread of its own; how large it becomes then depends on when that thread runs. Of ten
// tries with a million dense ids on a busy machine of two processors, three were not done with the insertions after two minutes.)

#include <stdlib.h>
#include <urcu.h>
#include <urcu/rculfhash.h>

#include "race.h"

const int map_link_bytes = sizeof(struct cds_lfht_node);
const bool map_is_slow;
const int map_id_bits = 64;

struct map {
	struct cds_lfht *table;
	uint64_t next;
};

static unsigned long hash(uint64_t id)
{
	id ^= id >> 32;
	id *= 0xd6e8feb86659fd93;
	id ^= id >> 32;
	id *= 0xd6e8feb86659fd93;
	return id ^ id >> 32;
}

static int matches(struct cds_lfht_node *node, const void *id)
{
	return __atomic_load_n(&((struct entry *)node)->id, __ATOMIC_RELAXED) == *(const uint64_t *)id;
}

void *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));
	size_t size = 1;

	while (size < expected_count)
		size *= 2;
	map->table = cds_lfht_new(size, size, size, 0, NULL);
	map->next = 1;
	return map;
}

int map_insert(void *argument, struct entry *entry, uint64_t id)
{
	struct map *map = argument;
	struct cds_lfht_node *node = (struct cds_lfht_node *)entry;
	bool added;

	if (!id)
		id = map->next++;
	entry->count = 1;
	entry->id = id;
	cds_lfht_node_init(node);
	rcu_read_lock();
	added = cds_lfht_add_unique(map->table, hash(id), matches, &id, node) == node;
	rcu_read_unlock();
	return added ? 0 : -1;
}

void map_insert_unchecked(void *map, struct entry *entry, uint64_t id) { map_insert(map, entry, id); }

struct entry *map_lookup(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct cds_lfht_iter iter;
	struct entry *entry;

	cds_lfht_lookup(map->table, hash(id), matches, &id, &iter);
	entry = (struct entry *)cds_lfht_iter_get_node(&iter);
	return entry && take_reference(entry) ? entry : NULL;
}

struct entry *map_remove(void *argument, uint64_t id)
{
	struct map *map = argument;
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_read_lock();
	cds_lfht_lookup(map->table, hash(id), matches, &id, &iter);
	node = cds_lfht_iter_get_node(&iter);
	if (node && cds_lfht_del(map->table, node))
		node = NULL;
	rcu_read_unlock();
	if (node)
		__atomic_store_n(&((struct entry *)node)->id, 0, __ATOMIC_RELAXED);
	return (struct entry *)node;
}

void map_free(void *argument)
{
	struct map *map = argument;

	cds_lfht_destroy(map->table, NULL);
	free(map);
}

int map_steps(void *map, uint64_t id) { (void)map; (void)id; return -1; }
