// SPDX-License-Identifier: MIT
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int failures;

void check(bool ok, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf(ok ? "ok " : "not ok ");
	vprintf(format, arguments);
	printf("\n");
	fflush(stdout);
	va_end(arguments);
	failures += !ok;
}

void need(bool ok, const char *what)
{
	if (ok)
		return;
	printf("not ok %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The root is node 1; the file of an id comes after it. */
static uint64_t node_of(uint64_t id)
{
	return id + 1;
}

static void attributes(struct fuse_attr *attr, uint64_t node)
{
	attr->ino = node;
	attr->mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
	attr->nlink = 1;
	attr->size = 4096;
	attr->blksize = 4096;
}

union body {
	struct fuse_init_out init;
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open;
	struct fuse_statfs_out statfs;
};

/* The size of the answer's body, or -errno. */
static int answer(struct server *server, const struct fuse_in_header *in, const void *argument, union body *out)
{
	uint64_t id;
	char *end;

	memset(out, 0, sizeof(*out));
	switch (in->opcode) {
	case FUSE_INIT:
		out->init.major = FUSE_KERNEL_VERSION;
		out->init.minor = FUSE_KERNEL_MINOR_VERSION;
		out->init.flags = FUSE_INIT_EXT;
		out->init.max_write = 65536;
		if (server->passthrough) {
			out->init.flags2 = FUSE_PASSTHROUGH >> 32;
			out->init.max_stack_depth = 1;
		}
		return sizeof(out->init);
	case FUSE_LOOKUP:
		id = strtoull(argument, &end, 10);
		if (*end || !id)
			return -ENOENT;
		out->entry.nodeid = node_of(id);
		attributes(&out->entry.attr, out->entry.nodeid);
		return sizeof(out->entry);
	case FUSE_GETATTR:
		attributes(&out->attr.attr, in->nodeid);
		return sizeof(out->attr);
	case FUSE_OPEN:
		out->open.open_flags = FOPEN_PASSTHROUGH;
		out->open.backing_id = in->nodeid - node_of(0);
		return sizeof(out->open);
	case FUSE_STATFS:
		return sizeof(out->statfs);
	case FUSE_RELEASE:
	case FUSE_OPENDIR:
	case FUSE_RELEASEDIR:
		return 0;
	default:
		return -ENOSYS;
	}
}

static void *serve(void *argument)
{
	static const size_t size = 1 << 20;
	struct server *server = argument;
	char *buffer = malloc(size);
	struct fuse_in_header *in = (void *)buffer;
	struct {
		struct fuse_out_header header;
		union body body;
	} out;

	for (;;) {
		ssize_t got = read(server->device, buffer, size);
		int length;

		if (got < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (got < 0)
			break;
		if (in->opcode == FUSE_FORGET || in->opcode == FUSE_BATCH_FORGET)
			continue;
		length = answer(server, in, in + 1, &out.body);
		out.header.unique = in->unique;
		out.header.error = length < 0 ? length : 0;
		out.header.len = sizeof(out.header) + (length < 0 ? 0 : length);
		if (in->opcode == FUSE_INIT && server->fail_nth)
			set_fail_nth(server->fail_nth);
		got = write(server->device, &out, out.header.len);
		if (in->opcode == FUSE_INIT && server->fail_nth) {
			server->failed = get_fail_nth() == 0;
			set_fail_nth(0);
		}
	}
	free(buffer);
	return NULL;
}

void server_start(struct server *server, const char *dir, bool passthrough, int fail_nth)
{
	char options[100];
	struct stat info;

	memset(server, 0, sizeof(*server));
	snprintf(server->dir, sizeof(server->dir), "%s", dir);
	server->passthrough = passthrough;
	server->fail_nth = fail_nth;
	mkdir(dir, 0755);
	server->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	need(server->device >= 0, "open /dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", server->device);
	need(mount("test", dir, "fuse", MS_NOSUID | MS_NODEV, options) == 0, "mount");
	need(pthread_create(&server->thread, NULL, serve, server) == 0, "thread");
	/* Waits for INIT. */
	need(stat(dir, &info) == 0, "stat of the mount");
}

void server_stop(struct server *server)
{
	need(umount2(server->dir, 0) == 0, "umount");
	pthread_join(server->thread, NULL);
	close(server->device);
}

long backing_open(const struct server *server, int fd, uint32_t flags, uint64_t id)
{
	struct fuse_backing_map map = { .fd = fd, .flags = flags, .id = id };
	int got = ioctl(server->device, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return got < 0 ? -errno : got;
}

long backing_close(const struct server *server, int32_t id)
{
	return ioctl(server->device, FUSE_DEV_IOC_BACKING_CLOSE, &id) < 0 ? -errno : 0;
}

int open_id(const struct server *server, long id)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/%ld", server->dir, id);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Stays open: to open it takes allocations, which are what is counted. */
static int fail_nth_file(void)
{
	static _Thread_local int fd = -1;
	char path[64];

	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/fail-nth", gettid());
		fd = open(path, O_RDWR | O_CLOEXEC);
		need(fd >= 0, path);
	}
	return fd;
}

void set_fail_nth(int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);

	need(pwrite(fail_nth_file(), text, length, 0) == length, "fail-nth");
}

int get_fail_nth(void)
{
	char text[16] = "";

	need(pread(fail_nth_file(), text, sizeof(text) - 1, 0) > 0, "fail-nth");
	return atoi(text);
}

struct slab slab_of(const char *wanted)
{
	struct slab sum = { 0, 0 };
	FILE *file = fopen("/proc/slabinfo", "r");
	char line[400], name[100];

	need(file, "/proc/slabinfo");
	while (fgets(line, sizeof(line), file)) {
		long active, size;

		if (sscanf(line, "%99s %ld %*d %ld", name, &active, &size) != 3)
			continue;
		if (strcmp(name, wanted))
			continue;
		sum.active = active;
		sum.bytes = active * size;
	}
	fclose(file);
	return sum;
}

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}
