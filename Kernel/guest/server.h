/* SPDX-License-Identifier: MIT */
/*
 * A FUSE server that is just large enough to negotiate passthrough: a flat
 * directory in which the file N is backed by the backing id N.
 *
 * Compiled with -include of the kernel's own <linux/fuse.h>.
 */
#ifndef SERVER_H
#define SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct server {
	int device;
	char dir[64];
	/* What INIT answers. */
	bool passthrough;
	/* If not 0: the allocation, counted from 1, that fails in INIT. */
	int fail_nth;
	/* Whether it did. */
	bool failed;
	pthread_t thread;
};

/* Mounts on @dir (made if need be), and serves until server_stop. */
void server_start(struct server *server, const char *dir, bool passthrough, int fail_nth);
/* Unmounts, and waits for the thread. Ids that are live stay so until then. */
void server_stop(struct server *server);

/* The ioctls: an id (or 0), or -errno. */
long backing_open(const struct server *server, int fd, uint32_t flags, uint64_t id);
long backing_close(const struct server *server, int32_t id);
#define SERVER_ID FUSE_BACKING_FLAG_SERVER_ID

/* Opens the file of an id for reading: a descriptor, or -errno. */
int open_id(const struct server *server, long id);
/* Has the @nth allocation of this thread from now on fail; 0: none. */
void set_fail_nth(int nth);
/* How many are left until it fails; 0: it has failed, or none is set. */
int get_fail_nth(void);

/* A test's answer, one line each; count of those not ok. */
extern int failures;
void check(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For what tests rely on: ends the program. */
void need(bool ok, const char *what);

/* What /proc/slabinfo says of a cache; zeros if it does not know it. */
struct slab {
	/* Objects that are in use, and their bytes. */
	long active, bytes;
};
struct slab slab_of(const char *cache);
double now(void);

#endif
