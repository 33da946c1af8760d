// SPDX-License-Identifier: GPL-2.0
/*
 * FUSE: backing files by id.
 *
 * Ids are handed out by the kernel or chosen by the server, found without a
 * lock, and taken back. The map from id to backing is Swift: it is linked in
 * as backing_table_swift.o and declared in backing_table.h. Here is what it
 * asks of Linux (a lock, memory, grace periods), and the two ioctls.
 */

#include "fuse_i.h"

#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>

static unsigned int max_backing_ids = INT_MAX;
module_param(max_backing_ids, uint, 0644);
MODULE_PARM_DESC(max_backing_ids,
		 "Backing ids that may be live in a connection, from its start on");

/**
 * struct fuse_backing_table - the table of a connection
 * @first: its first memory, SZ_2K; it asks for more when it grows
 * @state: Swift's
 */
struct fuse_backing_table {
	void *first;
	u64 state[];
};

static struct fuse_backing *fuse_backing_of(struct backing_entry *entry)
{
	return entry ? container_of(entry, struct fuse_backing, entry) : NULL;
}

/* The lock under which the table is changed, for a bounded number of steps. */
void backing_host_lock(void *host)
{
	struct fuse_conn *fc = host;

	spin_lock(&fc->lock);
}

void backing_host_unlock(void *host)
{
	struct fuse_conn *fc = host;

	spin_unlock(&fc->lock);
}

void *backing_host_alloc_segment(void *host)
{
	return kzalloc(SZ_4K, GFP_KERNEL);
}

void backing_host_free_segment(void *host, void *segment)
{
	kfree(segment);
}

/* The last reference is gone; readers may still be standing on the entry. */
void backing_host_retire(void *host, struct backing_entry *entry)
{
	struct fuse_backing *fb = fuse_backing_of(entry);

	pr_debug("%s: fb=0x%p\n", __func__, fb);

	fput(fb->file);
	put_cred(fb->cred);
	kfree_rcu(fb, rcu);
}

void fuse_backing_put(struct fuse_backing *fb)
{
	if (!fb)
		return;

	/* As refcount_t has it: a put too many, or a count that has stuck. */
	WARN_ON_ONCE((s32)READ_ONCE(fb->entry.count) <= 0);
	backing_entry_put(fb, &fb->entry);
}

void fuse_backing_files_init(struct fuse_conn *fc)
{
	fc->backing_table = NULL;
}

/*
 * Makes the table of a connection that negotiated passthrough. Without one
 * passthrough stays off and the mount goes on.
 */
bool fuse_backing_table_create(struct fuse_conn *fc)
{
	struct fuse_backing_table *table;
	u32 limit = READ_ONCE(max_backing_ids);

	table = kzalloc(sizeof(*table) + backing_table_state_size(),
			GFP_KERNEL);
	if (!table)
		return false;

	table->first = kzalloc(SZ_2K, GFP_KERNEL);
	if (!table->first) {
		kfree(table);
		return false;
	}

	backing_table_init(table->state, table->first,
			   min_t(u32, limit, INT_MAX), get_random_u64(),
			   get_random_u64());
	/* Pairs with fuse_backing_table(): who sees the table sees it made. */
	smp_store_release(&fc->backing_table, table);

	return true;
}

static struct fuse_backing_table *fuse_backing_table(struct fuse_conn *fc)
{
	/* Pairs with fuse_backing_table_create(). */
	return smp_load_acquire(&fc->backing_table);
}

/* Nobody uses the connection any more. */
void fuse_backing_files_free(struct fuse_conn *fc)
{
	struct fuse_backing_table *table = fuse_backing_table(fc);

	if (!table)
		return;

	/* Nor has anybody a reference left. */
	WARN_ON_ONCE(backing_table_dismantle(table->state, fc));
	kfree(table->first);
	kfree(table);
	fc->backing_table = NULL;
}

/* The table, for who may change it; NULL if the caller may not. */
static struct fuse_backing_table *fuse_backing_table_admin(struct fuse_conn *fc)
{
	/* TODO: relax CAP_SYS_ADMIN once backing files are visible to lsof */
	if (!fc->passthrough || !capable(CAP_SYS_ADMIN))
		return NULL;

	return fuse_backing_table(fc);
}

/* Whether a file may back others; 0 or why not. */
static int fuse_backing_check_file(struct fuse_conn *fc, struct file *file)
{
	struct dentry *dentry = file->f_path.dentry;

	/* read/write/splice/mmap passthrough only relevant for regular files */
	if (d_is_dir(dentry))
		return -EISDIR;
	if (!d_is_reg(dentry))
		return -EINVAL;
	if (file_inode(file)->i_sb->s_stack_depth >= fc->max_stack_depth)
		return -ELOOP;

	return 0;
}

/* Takes over the reference to @file, if it succeeds. */
static struct fuse_backing *fuse_backing_new(struct file *file)
{
	struct fuse_backing *fb = kmalloc(sizeof(*fb), GFP_KERNEL);

	if (!fb)
		return NULL;

	fb->cred = get_current_cred();
	fb->file = file;

	return fb;
}

/*
 * A kernel-allocated id is the counter's next. If that one is live, which a
 * connection meets whose server chose it, the answer is -EAGAIN and the next
 * call tries the one after it: nothing here loops.
 */
int fuse_backing_open(struct fuse_conn *fc, struct fuse_backing_map *map)
{
	struct fuse_backing_table *table = fuse_backing_table_admin(fc);
	bool server_id = map->flags & FUSE_BACKING_FLAG_SERVER_ID;
	struct fuse_backing *fb;
	struct file *file;
	u64 id = map->id;
	int res;

	pr_debug("%s: fd=%d flags=0x%x id=%llu\n", __func__, map->fd,
		 map->flags, map->id);

	if (!table)
		return -EPERM;

	if (map->flags & ~FUSE_BACKING_FLAG_SERVER_ID)
		return -EINVAL;

	/* The table takes 64 bits, OPEN replies carry 31 so far */
	if (server_id ? !id || id > INT_MAX : id)
		return -EINVAL;

	file = fget_raw(map->fd);
	if (!file)
		return -EBADF;

	res = fuse_backing_check_file(fc, file);
	if (res)
		goto out_fput;

	res = -ENOMEM;
	fb = fuse_backing_new(file);
	if (!fb)
		goto out_fput;

	res = backing_table_insert(table->state, fc, &fb->entry, &id);
	if (res < 0) {
		put_cred(fb->cred);
		kfree(fb);
		goto out_fput;
	}

	pr_debug("%s: id=%llu\n", __func__, id);

	return id;

out_fput:
	fput(file);

	return res;
}

int fuse_backing_close(struct fuse_conn *fc, int backing_id)
{
	struct fuse_backing_table *table = fuse_backing_table_admin(fc);
	struct backing_entry *entry;

	pr_debug("%s: backing_id=%d\n", __func__, backing_id);

	if (!table)
		return -EPERM;

	if (backing_id <= 0)
		return -EINVAL;

	entry = backing_table_remove(table->state, fc, backing_id);
	if (!entry)
		return -ENOENT;

	fuse_backing_put(fuse_backing_of(entry));

	return 0;
}

/* The backing of an id, with a reference, or NULL. Takes no lock. */
struct fuse_backing *fuse_backing_lookup(struct fuse_conn *fc, int backing_id)
{
	struct fuse_backing_table *table = fuse_backing_table(fc);
	struct backing_entry *entry;

	if (!table || backing_id <= 0)
		return NULL;

	rcu_read_lock();
	entry = backing_table_lookup(table->state, fc, backing_id);
	rcu_read_unlock();

	return fuse_backing_of(entry);
}
