// SPDX-License-Identifier: MIT
//
// Every row of the contract for backing ids, by ioctl, in its order.
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGEST 0x7fffffffL

static int file_with(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	return fd;
}

static void expect(long expected, long got, const char *what)
{
	check(expected == got, "%s%s", what, "");
	if (expected != got)
		printf("# expected %ld, found %ld\n", expected, got);
}

/* Whether the file of an id reads as @text. */
static bool reads(int fd, const char *text)
{
	char found[64] = "";

	return fd >= 0 && pread(fd, found, sizeof(found) - 1, 0) >= 0 && !strcmp(found, text);
}

static bool id_reads(const struct server *server, long id, const char *text)
{
	int fd = open_id(server, id);
	bool same = reads(fd, text);

	if (fd >= 0)
		close(fd);
	return same;
}

/* What both ioctls answer to a user without CAP_SYS_ADMIN. */
static int as_user(const struct server *server, int fd, bool closing)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		need(setgid(1000) == 0 && setuid(1000) == 0, "setuid");
		_exit(-(closing ? backing_close(server, 1) : backing_open(server, fd, 0, 0)));
	}
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

static void refusals(const struct server *server, int file)
{
	int directory = open("/tmp", O_RDONLY | O_DIRECTORY), null = open("/dev/null", O_RDONLY), pipes[2], overlay;

	need(pipe(pipes) == 0, "pipe");
	expect(-EPERM, as_user(server, file, false), "BACKING_OPEN without CAP_SYS_ADMIN: EPERM");
	expect(-EPERM, as_user(server, file, true), "BACKING_CLOSE without CAP_SYS_ADMIN: EPERM");
	expect(-EFAULT, ioctl(server->device, FUSE_DEV_IOC_BACKING_OPEN, NULL) < 0 ? -errno : 0, "a bad pointer: EFAULT");
	expect(-EINVAL, backing_open(server, file, 2, 0), "flag 2: EINVAL");
	expect(-EINVAL, backing_open(server, file, 1u << 31 | SERVER_ID, 5), "flag 31 with SERVER_ID: EINVAL");
	expect(-EINVAL, backing_open(server, file, 0, 5), "an id without SERVER_ID: EINVAL");
	expect(-EINVAL, backing_open(server, -1, 0, 5), "an id without SERVER_ID, a bad descriptor: EINVAL");
	expect(-EINVAL, backing_open(server, file, SERVER_ID, 0), "SERVER_ID with id 0: EINVAL");
	expect(-EINVAL, backing_open(server, file, SERVER_ID, LARGEST + 1), "SERVER_ID with INT32_MAX + 1: EINVAL");
	expect(-EINVAL, backing_open(server, file, SERVER_ID, 1ull << 32 | 5), "SERVER_ID with more than 32 bits: EINVAL");
	expect(-EINVAL, backing_open(server, -1, SERVER_ID, 0), "SERVER_ID with id 0, a bad descriptor: EINVAL");
	expect(-EBADF, backing_open(server, -1, 0, 0), "a bad descriptor: EBADF");
	expect(-EBADF, backing_open(server, 1000, SERVER_ID, 5), "a bad descriptor, SERVER_ID: EBADF");
	expect(-EISDIR, backing_open(server, directory, 0, 0), "a directory: EISDIR");
	expect(-EINVAL, backing_open(server, null, 0, 0), "a device: EINVAL");
	expect(-EINVAL, backing_open(server, pipes[0], 0, 0), "a pipe: EINVAL");
	mkdir("/tmp/l", 0755);
	mkdir("/tmp/u", 0755);
	mkdir("/tmp/w", 0755);
	mkdir("/tmp/o", 0755);
	close(file_with("/tmp/l/f", "lower"));
	need(mount("o", "/tmp/o", "overlay", 0, "lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w") == 0, "overlay");
	overlay = open("/tmp/o/f", O_RDONLY);
	need(overlay >= 0, "a file on overlayfs");
	expect(-ELOOP, backing_open(server, overlay, 0, 0), "a file that is stacked too deep: ELOOP");
	close(overlay);
	umount("/tmp/o");
	expect(-EINVAL, backing_close(server, 0), "BACKING_CLOSE of 0: EINVAL");
	expect(-EINVAL, backing_close(server, -1), "BACKING_CLOSE of -1: EINVAL");
	expect(-ENOENT, backing_close(server, 1), "BACKING_CLOSE of an id that is not live: ENOENT");
	close(directory);
	close(null);
	close(pipes[0]);
	close(pipes[1]);
}

/* What a server that knows nothing new sees: as with the IDR. */
static void old_server(const struct server *server, int file)
{
	expect(1, backing_open(server, file, 0, 0), "the first id is 1");
	expect(2, backing_open(server, file, 0, 0), "the second is 2");
	expect(0, backing_close(server, 2), "BACKING_CLOSE of a live id: 0");
	expect(-ENOENT, backing_close(server, 2), "and again: ENOENT");
	expect(3, backing_open(server, file, 0, 0), "an id is not handed out again at once");
	check(id_reads(server, 1, "one"), "a file opened with an id reads its backing");
	expect(-EIO, open_id(server, 2), "one opened with an id that is gone: EIO");
	expect(0, backing_close(server, 1), "BACKING_CLOSE of 1");
	expect(0, backing_close(server, 3), "BACKING_CLOSE of 3");
}

/* Continues where old_server ended: the counter is at 4. */
static void server_ids(const struct server *server, int file, int other)
{
	int open_file;

	expect(5, backing_open(server, file, SERVER_ID, 5), "SERVER_ID, free: that id");
	expect(6, backing_open(server, file, SERVER_ID, 6), "and the next");
	expect(LARGEST, backing_open(server, other, SERVER_ID, LARGEST), "INT32_MAX is an id");
	check(id_reads(server, 5, "one") && id_reads(server, LARGEST, "other"), "both are found");
	expect(-EEXIST, backing_open(server, other, SERVER_ID, 5), "SERVER_ID, live: EEXIST");
	check(id_reads(server, 5, "one"), "nothing changed");
	expect(-EBADF, backing_open(server, -1, SERVER_ID, 5), "SERVER_ID, live, a bad descriptor: EBADF");
	expect(4, backing_open(server, file, 0, 0), "the counter goes on where it was");
	expect(-EAGAIN, backing_open(server, file, 0, 0), "it meets a live id: EAGAIN");
	expect(-EAGAIN, backing_open(server, file, 0, 0), "and the next: EAGAIN, for it stepped");
	expect(7, backing_open(server, file, 0, 0), "then a free one");

	open_file = open_id(server, 5);
	check(reads(open_file, "one"), "an open file reads its backing");
	expect(0, backing_close(server, 5), "its id is taken back");
	check(reads(open_file, "one"), "it still does");
	expect(-EIO, open_id(server, 5), "another open by that id: EIO");
	expect(5, backing_open(server, other, SERVER_ID, 5), "the id is free for another file");
	expect(-EIO, open_id(server, 5), "while the first is open, the inode takes no other: EIO");
	close(open_file);
	check(id_reads(server, 5, "other"), "after it, the new one is read");
}

static void full(int file)
{
	static const char parameter[] = "/sys/module/fuse/parameters/max_backing_ids";
	struct server server;
	int fd = open(parameter, O_WRONLY);

	need(fd >= 0 && write(fd, "3", 1) == 1, parameter);
	server_start(&server, "/tmp/full", true, 0);
	need(pwrite(fd, "2147483647", 10, 0) == 10, parameter);
	close(fd);
	expect(1, backing_open(&server, file, 0, 0), "room for three: 1");
	expect(9, backing_open(&server, file, SERVER_ID, 9), "room for three: 9");
	expect(2, backing_open(&server, file, 0, 0), "room for three: 2");
	expect(-ENOSPC, backing_open(&server, file, 0, 0), "full: ENOSPC");
	expect(-ENOSPC, backing_open(&server, file, SERVER_ID, 4), "full, SERVER_ID: ENOSPC");
	expect(-ENOSPC, backing_open(&server, file, SERVER_ID, 9), "full, SERVER_ID, live: ENOSPC");
	expect(0, backing_close(&server, 9), "one goes");
	expect(3, backing_open(&server, file, 0, 0), "and there is room, and no refusal had stepped the counter");
	server_stop(&server);
}

/* Every allocation on the way fails in turn. */
static void no_memory(int file)
{
	struct server server;
	int without = 0, refused = 0, wrong = 0, nth, ids;
	bool failed;
	long got = 0;

	for (nth = 1;; nth++) {
		server_start(&server, "/tmp/nomem", true, nth);
		got = backing_open(&server, file, 0, 0);
		if (got == -EPERM)
			without++;
		else if (got != 1)
			break;
		server_stop(&server);
		if (!server.failed)
			break;
	}
	check(got == 1 && without == 2,
	      "no memory for the table when passthrough is negotiated: the mount goes on without (%d allocations)", without);

	/* The 257th id needs a segment. Some failures are made good where they happen. */
	for (nth = 1, failed = true; failed; nth++) {
		server_start(&server, "/tmp/nomem", true, 0);
		for (ids = 1; ids <= 256; ids++)
			need(backing_open(&server, file, 0, 0) == ids, "256 ids");
		set_fail_nth(nth);
		got = backing_open(&server, file, 0, 0);
		failed = get_fail_nth() == 0;
		set_fail_nth(0);
		if (got == -ENOMEM) {
			refused++;
			got = backing_open(&server, file, 0, 0);
		}
		wrong += got != 257;
		server_stop(&server);
	}
	check(!wrong && refused == 2, "no memory for an id: ENOMEM (%d allocations), and the next try has it", refused);
}

int main(void)
{
	struct server server, without;
	int file = file_with("/tmp/file", "one"), other = file_with("/tmp/other", "other");

	server_start(&without, "/tmp/without", false, 0);
	expect(-EPERM, backing_open(&without, file, 0, 0), "passthrough not negotiated: EPERM");
	expect(-EPERM, backing_open(&without, -1, 2, 5), "and before anything else: EPERM");
	expect(-EPERM, backing_close(&without, 0), "BACKING_CLOSE, passthrough not negotiated: EPERM");
	server_stop(&without);

	server_start(&server, "/tmp/contract", true, 0);
	refusals(&server, file);
	old_server(&server, file);
	server_ids(&server, file, other);
	server_stop(&server);
	full(file);
	no_memory(file);
	return failures != 0;
}
