/* SPDX-License-Identifier: MIT */
/*
 * What every contestant in the race of maps is: a map from id to entry, with one function for each thing that is timed.
 * Each is linked with race.c into a program of its own, and called from there through these functions alone.
 */
#ifndef RACE_H
#define RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As large for everyone as what Linux keeps for a backing file. */
struct entry {
	/* What the map keeps in it. */
	uint64_t links[2];
	uint64_t id;
	uint32_t count;
	uint32_t padding;
	uint64_t file[4];
};

/* How many bytes of the entry's links the map uses. */
extern const int map_link_bytes;
/* Whether an insertion without a look for the same id is to be had, for maps that take too long to fill otherwise. */
extern const bool map_is_slow;
/* The widest id that it takes, in bits. */
extern const int map_id_bits;

/* How many ids there will be: for a map that has to know. */
extern size_t expected_count;

void *map_new(void);
/* Under that id, or, if it is 0, under the next of the map's counter. 0 if it is in. */
int map_insert(void *map, struct entry *entry, uint64_t id);
void map_insert_unchecked(void *map, struct entry *entry, uint64_t id);
/* In a read section: the entry, with one more reference, or NULL. */
struct entry *map_lookup(void *map, uint64_t id);
struct entry *map_remove(void *map, uint64_t id);
/* The map is empty. */
void map_free(void *map);
/* Pointers followed by a lookup, or -1 where the map does not let anybody count. */
int map_steps(void *map, uint64_t id);

/* How Linux takes a reference in a lookup: not from zero, and not beyond what fits. The same for all but the table, which
 * has this in it. */
static inline bool take_reference(struct entry *entry)
{
	uint32_t seen = __atomic_load_n(&entry->count, __ATOMIC_RELAXED);

	do {
		if (!seen)
			return false;
	} while (!__atomic_compare_exchange_n(&entry->count, &seen, seen + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

#endif
