/* SPDX-License-Identifier: GPL-2.0 */
/*
 * FUSE: the table of backing ids.
 *
 * The table is Swift, linked in as backing_table_swift.o. It knows nothing of
 * files: this header is what C sees of it.
 */
#ifndef _FS_FUSE_BACKING_TABLE_H
#define _FS_FUSE_BACKING_TABLE_H

#include <linux/types.h>

struct fuse_conn;
struct fuse_backing;
struct fuse_backing_map;

/**
 * struct backing_entry - what the table keeps in each backing
 * @next: link to what follows in the chain
 * @key: place in the chain, never changes while anybody can see the entry
 * @id: the id under which the entry is found, 0 once it was removed
 * @count: references, one of them is the table's
 * @padding: unused
 *
 * Written by Swift alone.
 */
struct backing_entry {
	unsigned long next;
	u64 key;
	u64 id;
	u32 count;
	u32 padding;
};

/* What Swift does; @host is passed through to the functions below. */
size_t backing_table_state_size(void);
void backing_table_init(void *state, void *first, u32 limit, u64 seed,
			u64 seed_too);
/* Under *@id, or, if that is 0, under an id of 31 bits that is then there. */
int backing_table_insert(void *state, void *host, struct backing_entry *entry,
			 u64 *id);
struct backing_entry *backing_table_remove(void *state, void *host, u64 id);
struct backing_entry *backing_table_lookup(void *state, void *host, u64 id);
/* Returns how many entries somebody still has a reference to. */
u32 backing_table_dismantle(void *state, void *host);
void backing_entry_put(void *host, struct backing_entry *entry);

/* What it asks of C. It never calls one of them while it holds the lock. */
void backing_host_lock(void *host);
void backing_host_unlock(void *host);
void *backing_host_alloc_segment(void *host);
void backing_host_free_segment(void *host, void *segment);
void backing_host_retire(void *host, struct backing_entry *entry);

/* What the rest of FUSE uses; some of it Linux declares too, in one header or another. */
bool fuse_backing_table_create(struct fuse_conn *fc);
struct fuse_backing *fuse_backing_lookup(struct fuse_conn *fc, int backing_id);
int fuse_backing_open(struct fuse_conn *fc, struct fuse_backing_map *map);
int fuse_backing_close(struct fuse_conn *fc, int backing_id);

#endif /* _FS_FUSE_BACKING_TABLE_H */
