// SPDX-License-Identifier: MIT
//
// The system calls of the conformance cases, each as the kernel has it: what it returned, or -errno. No logic.
//
// Apart from CLinux, because that is the product's: what only tests call stays out of it.

#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define K_RESULT(call) long result = (long)(call); return result < 0 ? -(long)errno : result

static inline const char *k_errno_name(int error) { return strerrorname_np(error); }

// Processes. The runner has one thread, so that a child may go on in Swift.
static inline long k_fork(void) { K_RESULT(fork()); }
static inline void k_exit(int status) { _exit(status); }
/// The exit status, or 1000 and the signal.
static inline long k_wait(int process) {
    int status;
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
static inline long k_execve(const char *path, const char *argument) {
    char *arguments[] = {(char *)path, (char *)argument, 0};
    char *environment[] = {"LC_ALL=C", 0};
    K_RESULT(execve(path, arguments, environment));
}
static inline long k_pipe(int *ends) { K_RESULT(pipe2(ends, O_CLOEXEC)); }
static inline long k_dup2(int from, int to) { K_RESULT(dup2(from, to)); }
static inline long k_kill(int process, int signal) { K_RESULT(kill(process, signal)); }
/// A mount of a directory at another one, with the ids of a user namespace: open_tree, mount_setattr, move_mount.
static inline long k_mount_mapped(const char *from, const char *to, int name_space) {
    const uint64_t attributes[] = {0x100000 /* MOUNT_ATTR_IDMAP */, 0, 0, (uint64_t)name_space};
    const int tree = (int)syscall(428, AT_FDCWD, from, 1 | O_CLOEXEC /* OPEN_TREE_CLONE */);
    if (tree < 0) return -errno;
    long result = syscall(442, tree, "", AT_EMPTY_PATH, attributes, sizeof attributes);
    if (result == 0) result = syscall(429, tree, "", AT_FDCWD, to, 4 /* MOVE_MOUNT_F_EMPTY_PATH */);
    if (result < 0) result = -errno;
    close(tree);
    return result;
}
/// Effective ids alone, so that root can come back; real ones too, for access(2).
static inline long k_become(uid_t user, gid_t group, const gid_t *groups, size_t count) {
    if (setresuid(0, 0, 0) < 0 && geteuid() != 0) return -errno;
    if (setgroups(count, groups) < 0 || setresgid(group, group, 0) < 0 || setresuid(user, user, 0) < 0) return -errno;
    return 0;
}
/// Of the calling thread alone, where glibc's own would change all.
static inline long k_thread_groups(const gid_t *groups, size_t count) { K_RESULT(syscall(SYS_setgroups, count, groups)); }
static inline long k_thread_id(void) { return syscall(SYS_gettid); }
/// Takes an effective capability, or gives one that is permitted. C counterpart: `capset(2)`, its version 3.
static inline long k_set_capability(int number, int isOn) {
    struct { uint32_t version; int process; } header = {0x20080522, 0};
    struct { uint32_t effective, permitted, inheritable; } set[2];
    if (syscall(SYS_capget, &header, set) < 0) return -errno;
    if (isOn) set[number / 32].effective |= 1u << number % 32;
    else set[number / 32].effective &= ~(1u << number % 32);
    K_RESULT(syscall(SYS_capset, &header, set));
}
/// Takes all effective capabilities from the calling thread.
static inline long k_drop_capabilities(void) {
    struct { uint32_t version; int process; } header = {0x20080522, 0};
    struct { uint32_t effective, permitted, inheritable; } set[2];
    if (syscall(SYS_capget, &header, set) < 0) return -errno;
    set[0].effective = set[1].effective = 0;
    K_RESULT(syscall(SYS_capset, &header, set));
}
/// All capabilities in a user namespace of one's own, and none outside.
static inline long k_new_user_namespace(void) { K_RESULT(unshare(CLONE_NEWUSER)); }
/// As without a runtime that reports what is wrong.
static inline void k_die_quietly(int number) { signal(number, SIG_DFL); }
static inline long k_limit_file_size(uint64_t size) {
    struct rlimit limit = {size, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    K_RESULT(setrlimit(RLIMIT_FSIZE, &limit));
}

// Names.
static inline long k_open(const char *path, int flags, mode_t mode) { K_RESULT(open(path, flags, mode)); }
static inline long k_openat(int at, const char *path, int flags, mode_t mode) { K_RESULT(openat(at, path, flags, mode)); }
static inline long k_close(int file) { K_RESULT(close(file)); }
static inline long k_mkdir(const char *path, mode_t mode) { K_RESULT(mkdir(path, mode)); }
static inline long k_rmdir(const char *path) { K_RESULT(rmdir(path)); }
static inline long k_chdir(const char *path) { K_RESULT(chdir(path)); }
static inline long k_fchdir(int directory) { K_RESULT(fchdir(directory)); }
static inline long k_mknod(const char *path, mode_t mode, unsigned major, unsigned minor) {
    K_RESULT(mknod(path, mode, makedev(major, minor)));
}
static inline long k_symlink(const char *target, const char *path) { K_RESULT(symlink(target, path)); }
static inline long k_readlinkat(int at, const char *path, char *target, size_t size) {
    K_RESULT(readlinkat(at, path, target, size));
}
static inline long k_linkat(int from, const char *path, int to, const char *newPath, int flags) {
    K_RESULT(linkat(from, path, to, newPath, flags));
}
static inline long k_unlink(const char *path) { K_RESULT(unlink(path)); }
static inline long k_rename(const char *from, const char *to, unsigned flags) {
    K_RESULT(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}

// Attributes.
static inline long k_stat(int at, const char *path, int flags, struct stat *status) { K_RESULT(fstatat(at, path, status, flags)); }
static inline long k_statx(int at, const char *path, int flags, unsigned mask, void *status) {
    K_RESULT(syscall(SYS_statx, at, path, flags, mask, status));
}
static inline long k_chmod(const char *path, mode_t mode) { K_RESULT(chmod(path, mode)); }
static inline long k_fchmod(int file, mode_t mode) { K_RESULT(fchmod(file, mode)); }
static inline long k_chown(const char *path, uid_t user, gid_t group, int flags) {
    K_RESULT(fchownat(AT_FDCWD, path, user, group, flags));
}
static inline long k_fchown(int file, uid_t user, gid_t group) { K_RESULT(fchown(file, user, group)); }
static inline long k_truncate(const char *path, int64_t size) { K_RESULT(truncate(path, size)); }
static inline long k_ftruncate(int file, int64_t size) { K_RESULT(ftruncate(file, size)); }
static inline long k_utimens(const char *path, const struct timespec *times, int flags) {
    K_RESULT(utimensat(AT_FDCWD, path, times, flags));
}
static inline long k_faccess(const char *path, int mode, int flags) { K_RESULT(syscall(SYS_faccessat2, AT_FDCWD, path, mode, flags)); }
static inline long k_statvfs(const char *path, struct statvfs *statistics) { K_RESULT(statvfs(path, statistics)); }

// Open files.
static inline long k_read(int file, void *data, size_t size) { K_RESULT(read(file, data, size)); }
static inline long k_pread(int file, void *data, size_t size, int64_t offset) { K_RESULT(pread(file, data, size, offset)); }
static inline long k_write(int file, const void *data, size_t size) { K_RESULT(write(file, data, size)); }
static inline long k_pwrite(int file, const void *data, size_t size, int64_t offset) { K_RESULT(pwrite(file, data, size, offset)); }
static inline long k_pwrite2(int file, const void *data, size_t size, int64_t offset, int flags) {
    struct { const void *base; size_t length; } vector = {data, size};
    K_RESULT(syscall(SYS_pwritev2, file, &vector, 1L, (long)offset, 0L, flags));
}
static inline long k_lseek(int file, int64_t offset, int whence) { K_RESULT(lseek(file, offset, whence)); }
static inline long k_fcntl(int file, int command, long argument) { K_RESULT(fcntl(file, command, argument)); }
static inline long k_lock(int file, int command, struct flock *lock) { K_RESULT(fcntl(file, command, lock)); }
static inline long k_flock(int file, int operation) { K_RESULT(flock(file, operation)); }
static inline long k_fallocate(int file, int mode, int64_t offset, int64_t length) { K_RESULT(fallocate(file, mode, offset, length)); }
static inline long k_copy(int from, int64_t *fromOffset, int to, int64_t *toOffset, size_t length) {
    K_RESULT(copy_file_range(from, (off_t *)fromOffset, to, (off_t *)toOffset, length, 0));
}
static inline long k_sendfile(int to, int from, int64_t *offset, size_t length) { K_RESULT(sendfile(to, from, (off_t *)offset, length)); }
static inline long k_fsync(int file) { K_RESULT(fsync(file)); }
static inline long k_fdatasync(int file) { K_RESULT(fdatasync(file)); }
static inline long k_syncfs(int file) { K_RESULT(syncfs(file)); }
static inline long k_ioctl(int file, unsigned long request, void *argument) { K_RESULT(ioctl(file, request, argument)); }
static inline void *k_map(int file, size_t length, int protection, int flags, int64_t offset, long *error) {
    void *memory = mmap(0, length, protection, flags, file, offset);
    *error = memory == MAP_FAILED ? -(long)errno : 0;
    return memory == MAP_FAILED ? 0 : memory;
}
static inline long k_unmap(void *memory, size_t length) { K_RESULT(munmap(memory, length)); }
static inline long k_msync(void *memory, size_t length) { K_RESULT(msync(memory, length, MS_SYNC)); }
static inline long k_getdents(int directory, void *buffer, size_t size) { K_RESULT(syscall(SYS_getdents64, directory, buffer, size)); }

// Extended attributes, of a path without following a link.
static inline long k_getxattr(const char *path, const char *name, void *value, size_t size) {
    K_RESULT(syscall(SYS_lgetxattr, path, name, value, size));
}
static inline long k_setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
    K_RESULT(syscall(SYS_lsetxattr, path, name, value, size, flags));
}
static inline long k_listxattr(const char *path, char *names, size_t size) { K_RESULT(syscall(SYS_llistxattr, path, names, size)); }
static inline long k_removexattr(const char *path, const char *name) { K_RESULT(syscall(SYS_lremovexattr, path, name)); }
static inline long k_fsetxattr(int file, const char *name, const void *value, size_t size) {
    K_RESULT(syscall(SYS_fsetxattr, file, name, value, size, 0));
}

// Handles: the buffer holds a struct file_handle with room for 128 bytes.
static inline long k_name_to_handle(const char *path, void *buffer, int *mount) {
    struct file_handle *handle = buffer;
    handle->handle_bytes = 128;
    K_RESULT(name_to_handle_at(AT_FDCWD, path, handle, mount, 0));
}
static inline long k_open_by_handle(int mount, void *handle, int flags) { K_RESULT(open_by_handle_at(mount, handle, flags)); }

// Sockets.
static inline long k_socket(const char *path, int isServer) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int failed = isServer ? bind(descriptor, (struct sockaddr *)&address, sizeof address) || listen(descriptor, 1)
                          : connect(descriptor, (struct sockaddr *)&address, sizeof address);
    if (!failed) return descriptor;
    int error = errno;
    close(descriptor);
    return -error;
}

// Constants that Swift cannot import.
enum {
    K_O_DIRECT = O_DIRECT, K_O_NOATIME = O_NOATIME, K_O_PATH = O_PATH, K_O_TMPFILE = O_TMPFILE, K_O_NOFOLLOW = O_NOFOLLOW,
    K_O_DIRECTORY = O_DIRECTORY, K_AT_EMPTY_PATH = AT_EMPTY_PATH, K_AT_FDCWD = AT_FDCWD,
    K_RENAME_NOREPLACE = 1, K_RENAME_EXCHANGE = 2, K_RENAME_WHITEOUT = 4,
    K_KEEP_SIZE = 1, K_PUNCH_HOLE = 2, K_COLLAPSE_RANGE = 8, K_ZERO_RANGE = 16, K_INSERT_RANGE = 32,
    K_SEEK_DATA = 3, K_SEEK_HOLE = 4, K_XATTR_CREATE = 1, K_XATTR_REPLACE = 2,
    K_OFD_GETLK = F_OFD_GETLK, K_OFD_SETLK = F_OFD_SETLK, K_OFD_SETLKW = F_OFD_SETLKW,
    K_RWF_APPEND = 16, K_CAP_FSETID = 4,
    K_UTIME_NOW = UTIME_NOW, K_UTIME_OMIT = UTIME_OMIT,
    K_STATX_BTIME = STATX_BTIME, K_STATX_BASIC = STATX_BASIC_STATS,
};
static const unsigned long K_FS_IOC_GETFLAGS = FS_IOC_GETFLAGS;
static const unsigned long K_FS_IOC_SETFLAGS = FS_IOC_SETFLAGS;
static const unsigned long K_FS_IOC_FSGETXATTR = FS_IOC_FSGETXATTR;
static const unsigned long K_FICLONE = FICLONE;
static const unsigned long K_FIONREAD = FIONREAD;
