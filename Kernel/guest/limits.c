// SPDX-License-Identifier: MIT
//
// How much a user gets of a filesystem that has limits, by one way of taking it, and with what error it ends.
//
//   limits DEVICE SOURCE PLACE LIMIT WAY WHO
//
// DEVICE  is mounted on SOURCE, with quotas. PLACE shows the same tree: SOURCE itself, or a mirror of it.
// LIMIT   blocks, inodes, group: a quota of the user's, or of a group's. reserve: what ext4 keeps for root.
// WAY     write, append, mapped, fallocate, copy: into a file of the user's.
//         create: files without content. grow, links: long names, so that the directory grows.
//         names: mkdir, symlink and setxattr when all is used up. chgrp: to a group that has used all.
// WHO     user: alone. root: into what is the user's.
//         rootfirst: the user, while root has had the file open for writing. userfirst: root opens it after the user.
//         rootbefore: the user, after root had it open. rootmaps: as userfirst, and root maps the file after the user has.
//
// Prints "AMOUNT END": what was got (KiB of the filesystem's, or names), and the error or signal that ended it, "past" for
// no end. Where root has the file open beside, a third word is how that went for root when the user had come to the end.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { USER = 1000, GROUP = 1000, OTHER_GROUP = 1001 };
enum { BLOCK = 4096 };
/* What the user may have, and what root takes beyond. */
enum { SHARE = 192 * 1024, BEYOND = 64 * 1024 };
/* The same where directories grow: a name costs more than a block of data. And inodes. */
enum { SMALL_SHARE = 3 * BLOCK, INODES = 12 };
/* Where root writes that is there beside the user, who does not come this far. */
enum { FAR = SHARE + BEYOND };
/* No way of taking it is tried more often. */
enum { MOST_NAMES = 120 };

static const char *device, *source, *place, *limit, *way, *who;
/* The directory of the user's that all happens in, in both trees; and its name. */
static char in_source[200], in_place[200], name[40];

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	printf("failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static bool is(const char *word, const char *other) { return !strcmp(word, other); }

/* One of a few buffers: for as long as an expression. */
static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *text(const char *format, ...)
{
	static char buffers[4][512];
	static unsigned int next;
	char *buffer = buffers[next++ % 4];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(buffer, sizeof(buffers[0]), format, arguments);
	va_end(arguments);
	return buffer;
}

/* How something ended. */
static const char *word(int error)
{
	switch (error) {
	case 0: return "past";
	case EDQUOT: return "EDQUOT";
	case ENOSPC: return "ENOSPC";
	case EIO: return "EIO";
	case EPERM: return "EPERM";
	case EACCES: return "EACCES";
	default: return text("errno-%d", error);
	}
}

/* What a process that is forked tells the one that waits. */
struct result {
	long amount;
	char end[100];
};

static struct result result(long amount, const char *end)
{
	struct result result = { amount, "" };

	snprintf(result.end, sizeof(result.end), "%s", end);
	return result;
}

// Limits.

static struct dqblk quota_of(int type, int id)
{
	struct dqblk quota;

	need(quotactl(QCMD(Q_GETQUOTA, type), device, id, (char *)&quota) == 0, "Q_GETQUOTA");
	return quota;
}

/* More than is in use now; 0: as much as there is. */
static void allow(int type, int id, long bytes, long inodes)
{
	struct dqblk quota = quota_of(type, id);

	quota.dqb_bhardlimit = bytes ? (quota.dqb_curspace + bytes) / 1024 : 0;
	quota.dqb_ihardlimit = inodes ? quota.dqb_curinodes + inodes : 0;
	quota.dqb_bsoftlimit = quota.dqb_isoftlimit = 0;
	quota.dqb_valid = QIF_LIMITS;
	need(quotactl(QCMD(Q_SETQUOTA, type), device, id, (char *)&quota) == 0, "Q_SETQUOTA");
}

static struct statvfs space(void)
{
	struct statvfs status;
	int fd = open(source, O_RDONLY | O_DIRECTORY);

	need(fd >= 0 && syncfs(fd) == 0 && fstatvfs(fd, &status) == 0 && status.f_bsize == BLOCK, source);
	close(fd);
	return status;
}

/* A file of root's takes all but what the user may have. */
static void leave(long bytes)
{
	const char *filler = text("%s/filler", source);
	int fd = open(filler, O_RDWR | O_CREAT | O_TRUNC, 0600);
	long size = 0, left;

	need(fd >= 0, filler);
	while (bytes && (left = (long)space().f_bavail * BLOCK - bytes) != 0) {
		size += left;
		need(left > 0 ? fallocate(fd, 0, size - left, left) == 0 : ftruncate(fd, size) == 0, "a filler");
	}
	close(fd);
}

static void set_limits(void)
{
	long share = is(way, "grow") || is(way, "links") ? SMALL_SHARE : SHARE;

	allow(USRQUOTA, USER, is(limit, "blocks") ? share : 0, is(limit, "inodes") ? INODES : 0);
	allow(GRPQUOTA, OTHER_GROUP, is(limit, "group") ? SHARE / 2 : 0, 0);
	/* Root has used up what root may have: that it does not bind root is looked at, too. */
	allow(USRQUOTA, 0, is(limit, "reserve") ? 0 : 1024, is(limit, "reserve") ? 0 : 1);
	leave(is(limit, "reserve") ? share : 0);
}

// Ways.

static sigjmp_buf beyond_the_end;
static void on_bus_error(int number) { siglongjmp(beyond_the_end, number); }

/* Stores to one page after the other. */
static int map_and_store(int fd, long from, long bytes)
{
	volatile char *memory;
	volatile long done = 0;
	int error;

	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, from);
	need(memory != MAP_FAILED, "mmap");
	signal(SIGBUS, on_bus_error);
	error = sigsetjmp(beyond_the_end, 1) ? -SIGBUS : 0;
	while (!error && done < bytes) {
		memory[done] = 1;
		done += BLOCK;
	}
	if (msync((void *)memory, bytes, MS_SYNC) != 0 && !error)
		error = errno;
	munmap((void *)memory, bytes);
	return error;
}

static int take_block(int fd, int data, long at)
{
	static const char block[BLOCK] = { 1 };
	off64_t from = 0, to = at;
	long done;

	if (is(way, "write"))
		done = pwrite(fd, block, BLOCK, at);
	else if (is(way, "append"))
		done = write(fd, block, BLOCK);
	else if (is(way, "fallocate"))
		done = fallocate(fd, 0, at, BLOCK) == 0 ? BLOCK : -1;
	else
		done = copy_file_range(data, &from, fd, &to, BLOCK, 0);
	if (done < 0)
		return errno;
	/* Nobody is at fault for a part of a block. */
	return done == BLOCK ? 0 : ERANGE;
}

/* Takes up to so much, and brings it to the disk. */
static const char *take(int fd, long from, long bytes)
{
	int data = open(text("%s/data", place), O_RDONLY), error = 0;
	long done;

	need(data >= 0, "the data to copy");
	if (is(way, "mapped"))
		error = map_and_store(fd, from, bytes);
	for (done = 0; !is(way, "mapped") && !error && done < bytes; done += BLOCK)
		error = take_block(fd, data, from + done);
	if (fsync(fd) != 0 && !error)
		error = errno;
	close(data);
	return error == -SIGBUS ? "SIGBUS" : word(error);
}

// Who.

static void become_user(void)
{
	gid_t other = OTHER_GROUP;

	umask(022);
	need(setgroups(1, &other) == 0 && setresgid(GROUP, GROUP, GROUP) == 0 && setresuid(USER, USER, USER) == 0, "setresuid");
}

static pid_t user;
static int user_stays[2];

/* Does it as the user, who keeps open what was opened until sent away. */
static struct result as_user(struct result (*work)(void))
{
	struct result found = { 0, "failed" };
	int pipes[2];

	fflush(stdout);
	need(pipe(pipes) == 0 && pipe(user_stays) == 0 && (user = fork()) >= 0, "fork");
	if (user == 0) {
		become_user();
		close(user_stays[1]);
		found = work();
		need(write(pipes[1], &found, sizeof(found)) == sizeof(found), "write");
		_exit((int)read(user_stays[0], pipes, 1));
	}
	close(pipes[1]);
	close(user_stays[0]);
	need(read(pipes[0], &found, sizeof(found)) == sizeof(found), "the user's end");
	close(pipes[0]);
	return found;
}

static void send_user_away(void)
{
	close(user_stays[1]);
	waitpid(user, NULL, 0);
}

static const int size = FAR + BEYOND;
static int open_flags(void) { return is(way, "append") ? O_WRONLY | O_APPEND : O_RDWR; }

/* The user's file. A store needs a file as long as itself. */
static int make_file(const char *directory)
{
	int fd = open(text("%s/file", directory), open_flags() | O_CREAT | O_EXCL, 0644);

	need(fd >= 0 && (!is(way, "mapped") || ftruncate(fd, size) == 0), "the user's file");
	return fd;
}

static struct result make_in_source(void)
{
	close(make_file(in_source));
	return result(0, "");
}

static struct result make_and_take(void)
{
	int fd = make_file(in_place);

	return result(0, take(fd, 0, FAR));
}

static struct result open_and_take(void)
{
	int fd = open(text("%s/file", in_place), open_flags());

	need(fd >= 0, "the user opens it");
	return result(0, take(fd, 0, FAR));
}

static int open_as_root(void)
{
	int fd = open(text("%s/file", in_place), open_flags());

	need(fd >= 0, "root opens it");
	return fd;
}

static long kibibytes(const char *of)
{
	struct stat status;

	need(stat(text("%s/%s", in_source, of), &status) == 0, of);
	return status.st_blocks / 2;
}

/* What root stores and syncs is root's own affair: that a store of the user's failed is told before, to each who has it open. */
static const char *take_as_root_beside(int fd)
{
	(void)fsync(fd);
	return take(fd, FAR, BEYOND);
}

/* Until the process ends. */
static void map_beside(int fd)
{
	if (is(who, "rootmaps"))
		need(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED, "mmap");
}

static int user_opened[2], root_opened[2];

static struct result make_wait_and_take(void)
{
	int fd = make_file(in_place);
	char byte = 0;

	map_beside(fd);
	need(write(user_opened[1], &byte, 1) == 1 && read(root_opened[0], &byte, 1) == 1, "a pipe");
	return result(0, take(fd, 0, FAR));
}

/* Not before the user has the file. */
static int open_after_user(void)
{
	char byte;
	int fd;

	need(read(user_opened[0], &byte, 1) == 1, "a pipe");
	fd = open_as_root();
	map_beside(fd);
	need(write(root_opened[1], &byte, 1) == 1, "a pipe");
	return fd;
}

static void content(void)
{
	struct result found;
	const char *end = "";
	long got;
	int fd;

	if (is(who, "user")) {
		found = as_user(make_and_take);
		printf("%ld %s\n", kibibytes("file"), found.end);
	} else if (is(who, "root")) {
		as_user(make_in_source);
		send_user_away();
		fd = open_as_root();
		end = take(fd, 0, SHARE + BEYOND);
		close(fd);
		printf("%ld %s\n", kibibytes("file"), end);
	} else if (is(who, "rootbefore")) {
		as_user(make_in_source);
		send_user_away();
		close(open_as_root());
		found = as_user(open_and_take);
		printf("%ld %s\n", kibibytes("file"), found.end);
	} else if (is(who, "rootfirst")) {
		as_user(make_in_source);
		send_user_away();
		fd = open_as_root();
		found = as_user(open_and_take);
		got = kibibytes("file");
		end = take_as_root_beside(fd);
		close(fd);
		printf("%ld %s %s\n", got, found.end, end);
	} else {
		pid_t child;

		/* The one that opens for root, and goes on when the user has come to the end but is still there. */
		need(pipe(user_opened) == 0 && pipe(root_opened) == 0, "pipe");
		fflush(stdout);
		need((child = fork()) >= 0, "fork");
		if (child == 0) {
			char byte = 0;

			fd = open_after_user();
			need(read(user_opened[0], &byte, 1) == 1, "a pipe");
			end = take_as_root_beside(fd);
			close(fd);
			printf(" %s\n", end);
			fflush(stdout);
			_exit(0);
		}
		found = as_user(make_wait_and_take);
		printf("%ld %s", kibibytes("file"), found.end);
		fflush(stdout);
		need(write(user_opened[1], "", 1) == 1, "a pipe");
		waitpid(child, NULL, 0);
	}
	if (!is(who, "root"))
		send_user_away();
}

/* Names until no more can be had, or enough. */
static struct result take_names(void)
{
	char long_name[220];
	int number, fd = 0, error = 0;

	for (number = 0; number < MOST_NAMES && !error; number++) {
		memset(long_name, 'n', sizeof(long_name));
		snprintf(long_name, sizeof(long_name), "%05d", number);
		/* As long as the buffer, or as the number. */
		long_name[is(way, "create") ? 5 : sizeof(long_name) - 1] = '\0';
		if (!is(way, "create"))
			long_name[5] = 'n';
		if (is(way, "links"))
			error = link(text("%s/file", in_place), text("%s/%s", in_place, long_name)) == 0 ? 0 : errno;
		else if ((fd = open(text("%s/%s", in_place, long_name), O_WRONLY | O_CREAT | O_EXCL, 0644)) < 0)
			error = errno;
		else
			close(fd);
		if (is(way, "create") && is(who, "root") && number == 2 * INODES)
			break;
		if (!is(way, "create") && is(who, "root") && kibibytes(".") * 1024 > 2 * SMALL_SHARE)
			break;
	}
	return result(number, word(error));
}

/* What takes a block, or an inode and a block, when all is used up. */
static struct result take_one_of_each(void)
{
	static char value[3000];
	const char *made, *linked, *set;
	char target[200];

	memset(target, 't', sizeof(target));
	target[sizeof(target) - 1] = '\0';
	made = word(mkdir(text("%s/directory", in_place), 0755) == 0 ? 0 : errno);
	linked = word(symlink(target, text("%s/symlink", in_place)) == 0 ? 0 : errno);
	set = word(setxattr(text("%s/file", in_place), "user.limits", value, sizeof(value), 0) == 0 ? 0 : errno);
	return result(0, text("mkdir:%s,symlink:%s,setxattr:%s", made, linked, set));
}

static struct result fill_source(void)
{
	int fd = make_file(in_source), error = 0;
	long at;

	for (at = 0; !error && at < FAR; at += BLOCK)
		error = fallocate(fd, 0, at, BLOCK) == 0 ? 0 : errno;
	close(fd);
	return result(0, word(error));
}

static struct result change_group(void)
{
	int fd = make_file(in_place), error;

	need(fallocate(fd, 0, 0, SHARE) == 0, "the user's file");
	error = fchown(fd, -1, OTHER_GROUP) == 0 ? 0 : errno;
	close(fd);
	return result(0, word(error));
}

static void names(void)
{
	struct result (*work)(void) = take_names, found;

	if (is(way, "links")) {
		as_user(make_in_source);
		send_user_away();
	}
	if (is(way, "names")) {
		need(!is(as_user(fill_source).end, "past"), "a limit");
		send_user_away();
		work = take_one_of_each;
	}
	if (is(way, "chgrp"))
		work = change_group;
	found = is(who, "root") ? work() : as_user(work);
	printf("%ld %s\n", found.amount, found.end);
	if (!is(who, "root"))
		send_user_away();
}

/* Through the mirror, which then holds nothing of it; and waits until all is free again, so that the next begins as this one. */
static void take_away(struct statvfs before)
{
	DIR *directory = opendir(in_place);
	struct dirent *entry;
	int tries;

	need(directory != NULL, in_place);
	/* Which entries are read when others are removed is not laid down. */
	for (tries = 0; rmdir(in_place) != 0; tries++) {
		need(errno == ENOTEMPTY && tries < 100, in_place);
		rewinddir(directory);
		while ((entry = readdir(directory)) != NULL) {
			const char *path = text("%s/%s", in_place, entry->d_name);

			if (!is(entry->d_name, ".") && !is(entry->d_name, ".."))
				need(unlink(path) == 0 || rmdir(path) == 0, path);
		}
	}
	closedir(directory);
	for (tries = 0; space().f_bfree != before.f_bfree || space().f_ffree != before.f_ffree; tries++) {
		errno = EBUSY;
		need(tries < 1000, "what was removed is not free");
		usleep(10000);
	}
}

int main(int argc, char **argv)
{
	struct statvfs before;
	int fd;

	need(argc == 7, "usage: limits DEVICE SOURCE PLACE LIMIT WAY WHO");
	device = argv[1];
	source = argv[2];
	place = argv[3];
	limit = argv[4];
	way = argv[5];
	who = argv[6];
	/* Never a name that the mirror has seen. */
	snprintf(name, sizeof(name), "user-%d", getpid());
	snprintf(in_source, sizeof(in_source), "%s/%s", source, name);
	snprintf(in_place, sizeof(in_place), "%s/%s", place, name);
	umask(022);

	fd = open(text("%s/data", source), O_WRONLY | O_CREAT, 0644);
	need(fd >= 0 && pwrite(fd, in_source, 1, BLOCK - 1) == 1, "the data to copy");
	close(fd);
	leave(0);
	before = space();
	need(mkdir(in_source, 0755) == 0 && chown(in_source, USER, GROUP) == 0, in_source);
	space();
	set_limits();

	if (is(way, "write") || is(way, "append") || is(way, "mapped") || is(way, "fallocate") || is(way, "copy"))
		content();
	else
		names();
	fflush(stdout);
	leave(0);
	take_away(before);
	return 0;
}
