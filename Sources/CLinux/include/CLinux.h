// SPDX-License-Identifier: MIT
//
// What Swift's Glibc module leaves out of Linux: variadic functions, system calls that glibc hides behind _GNU_SOURCE,
// and those whose glibc wrappers act on every thread where the calling thread is meant. No logic here; the few things
// that take more than one call, or structures that Swift cannot see, are in CLinux.c.
//
// Every function here is the bare system call: it returns -1 and sets errno on failure.

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// Constants that need _GNU_SOURCE, or are macros that Swift cannot import. Those of open(2) differ among architectures, and
// are the C library's. Values of the others: include/uapi/linux/{fcntl,mount,xattr}.h.
enum {
    CLINUX_O_DIRECT = __O_DIRECT,
    CLINUX_O_DIRECTORY = __O_DIRECTORY,
    CLINUX_O_NOFOLLOW = __O_NOFOLLOW,
    CLINUX_O_NOATIME = __O_NOATIME,
    CLINUX_O_CLOEXEC = __O_CLOEXEC,
    CLINUX_O_PATH = __O_PATH,
    CLINUX_O_TMPFILE = __O_TMPFILE,

    CLINUX_AT_FDCWD = -100,
    CLINUX_AT_SYMLINK_NOFOLLOW = 0x100,
    CLINUX_AT_REMOVEDIR = 0x200,
    CLINUX_AT_SYMLINK_FOLLOW = 0x400,
    CLINUX_AT_EMPTY_PATH = 0x1000,
    CLINUX_AT_STATX_DONT_SYNC = 0x4000,

    CLINUX_MS_RDONLY = 1,
    CLINUX_MS_NOSUID = 2,
    CLINUX_MS_NODEV = 4,
    CLINUX_MS_NOEXEC = 8,
    CLINUX_MS_SYNCHRONOUS = 16,
    CLINUX_MS_REMOUNT = 32,
    CLINUX_MS_DIRSYNC = 128,
    CLINUX_MS_NOSYMFOLLOW = 256,
    CLINUX_MS_NOATIME = 1024,

    CLINUX_MNT_FORCE = 1,
    CLINUX_MNT_DETACH = 2,
};

// Signal sets as the kernel has them: bit n-1 for signal n.
enum {
    CLINUX_SIG_BLOCK = 0,
    CLINUX_SIG_UNBLOCK = 1,
    CLINUX_SIG_SETMASK = 2,
    CLINUX_SIGNALFD_INFO_SIZE = 128,
};

// Of the calling thread alone.
static inline int clinux_sigprocmask(int how, uint64_t set, uint64_t *old) {
    return (int)syscall(SYS_rt_sigprocmask, how, &set, old, sizeof set);
}

static inline int clinux_signalfd(uint64_t set) {
    return (int)syscall(SYS_signalfd4, -1, &set, sizeof set, CLINUX_O_CLOEXEC);
}

// A pipe that programs started later do not inherit.
static inline int clinux_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, CLINUX_O_CLOEXEC); }

static inline int clinux_ioctl(int descriptor, unsigned long request, void *argument) {
    return (int)syscall(SYS_ioctl, descriptor, request, argument);
}

static inline int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return (int)syscall(SYS_mount, source, target, type, flags, data);
}

static inline int clinux_umount2(const char *target, int flags) {
    return (int)syscall(SYS_umount2, target, flags);
}

// Of the calling thread alone. They return the previous id, and say nothing of failure.
static inline int clinux_setfsuid(uid_t user) { return (int)syscall(SYS_setfsuid, user); }
static inline int clinux_setfsgid(gid_t group) { return (int)syscall(SYS_setfsgid, group); }
// The effective group id of the calling thread alone, and with it the one for filesystems; -1: not changed.
static inline int clinux_setegid(gid_t group) { return (int)syscall(SYS_setresgid, (gid_t)-1, group, (gid_t)-1); }
// Of the calling thread alone.
static inline int clinux_setgroups(size_t count, const gid_t *groups) { return (int)syscall(SYS_setgroups, count, groups); }

// Makes the calling thread's file mode creation mask its own (it is the process's otherwise), and sets it. Cheap where it
// is that already: nobody else may set it on such a thread.
int clinux_thread_umask(mode_t mask);
// The mask of the process; on a thread with one of its own, that one.
void clinux_umask(mode_t mask);
// Raises CAP_DAC_OVERRIDE of the calling thread, which setfsuid(2) takes away; going back to fsuid 0 gives the usual set.
int clinux_override_permissions(void);

// Takes CAP_FSETID from the effective capabilities of the calling thread: 1 where it was there, else 0. And gives it back.
int clinux_drop_fsetid(void);
int clinux_raise_fsetid(void);

// Takes CAP_SYS_RESOURCE from the effective capabilities of the calling thread, or gives it back where the process had it. No
// system call where it is so already. To be called with the thread's own ids.
int clinux_use_resource_right(int isOn);
// Gives the calling thread the capabilities that it had at the last call of `clinux_use_resource_right`: those that setfsuid(2)
// has taken away since.
int clinux_keep_rights(void);

// `ENOENT` for ENOENT; NULL for what is no error. glibc declares it for _GNU_SOURCE alone (2.32).
extern const char *strerrorname_np(int error);
static inline const char *clinux_errno_name(int error) { return strerrorname_np(error); }

static inline int clinux_gettid(void) { return (int)syscall(SYS_gettid); }
static inline int clinux_tgkill(int process, int thread, int signal) { return (int)syscall(SYS_tgkill, process, thread, signal); }
// A full memory barrier in every running thread of this process. Commands: include/uapi/linux/membarrier.h.
enum {
    CLINUX_MEMBARRIER_PRIVATE_EXPEDITED = 1 << 3,
    CLINUX_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 1 << 4,
};
static inline int clinux_membarrier(int command) { return (int)syscall(SYS_membarrier, command, 0, 0); }

static inline int clinux_memfd_create(const char *name, unsigned flags) { return (int)syscall(SYS_memfd_create, name, flags); }

static inline int clinux_openat(int directory, const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, directory, path, flags, mode);
}

static inline long clinux_getdents64(int directory, void *buffer, size_t count) {
    return syscall(SYS_getdents64, directory, buffer, count);
}

static inline int clinux_renameat2(int from, const char *name, int to, const char *newName, unsigned flags) {
    return (int)syscall(SYS_renameat2, from, name, to, newName, flags);
}

static inline int clinux_faccessat2(int directory, const char *path, int mode, int flags) {
    return (int)syscall(SYS_faccessat2, directory, path, mode, flags);
}

static inline int clinux_fallocate(int descriptor, int mode, int64_t offset, int64_t length) {
    return (int)syscall(SYS_fallocate, descriptor, mode, offset, length);
}

static inline long clinux_copy_file_range(int from, int64_t *fromOffset, int to, int64_t *toOffset, size_t length, unsigned flags) {
    return syscall(SYS_copy_file_range, from, fromOffset, to, toOffset, length, flags);
}

// Asks the filesystem that a path is on, as statfs(2) does, in a process of its own: who asks a server that does not answer
// may not even be killed. ETIMEDOUT after so many milliseconds. The process ends when the server answers or is gone.
int clinux_statfs_within(const char *path, int milliseconds);

// The process that a stream socket is connected to; as it was when that one began to listen.
int clinux_peer_process(int socket);

// The connection is not inherited by programs started later.
static inline int clinux_accept(int socket) { return (int)syscall(SYS_accept4, socket, (void *)0, (void *)0, O_CLOEXEC); }

// As pwrite(2), with the flags of pwritev2(2). The offset is passed in two words, the upper of which 64-bit machines ignore.
static inline long clinux_pwrite2(int descriptor, const void *data, size_t size, int64_t offset, int flags) {
    struct { const void *base; size_t length; } vector = {data, size};
    return syscall(SYS_pwritev2, descriptor, &vector, 1L, (long)offset, (long)(offset >> 32), flags);
}

// The time of birth. STATX_BTIME in the answer's mask, its first word, tells whether there is one: 1, else 0.
int clinux_birth_time(int descriptor, int64_t *seconds, uint32_t *nanoseconds);

// What is known of an open file, without asking the server of its filesystem. fstatat(2) ignores that wish for an empty
// path (`vfs_fstatat` in Linux). And the id of the mount that it is on; 0 before Linux 5.8, which does not tell.
int clinux_known_status(int descriptor, struct stat *status, uint64_t *mount);

// Takes a lease for reading on an open file, and gives it back. The signal by which the kernel tells that somebody waits for
// that reaches nobody.
int clinux_try_lease(int descriptor);

// Locks of open file descriptions, of linux/fcntl.h: one that is in the way, locking, locking after a wait.
enum { CLINUX_OFD_GETLK = 36, CLINUX_OFD_SETLK = 37, CLINUX_OFD_SETLKW = 38 };
static inline int clinux_ofd_lock(int descriptor, int command, struct flock *lock) {
    return fcntl(descriptor, command, lock);
}
// flock(2): in Swift the structure of that name hides it.
static inline int clinux_flock(int descriptor, int operation) { return (int)syscall(SYS_flock, descriptor, operation); }

static inline int clinux_mknodat(int directory, const char *path, mode_t mode, uint32_t device) {
    return (int)syscall(SYS_mknodat, directory, path, mode, device);
}

static inline int clinux_linkat(int from, const char *name, int to, const char *newName, int flags) {
    return (int)syscall(SYS_linkat, from, name, to, newName, flags);
}

// Copies memory within this process: as much as can be reached, where a plain copy would end in a signal.
static inline long clinux_copy_within(void *to, const void *from, size_t size) {
    struct { const void *base; size_t length; } source = {from, size}, target = {to, size};
    return syscall(SYS_process_vm_writev, syscall(SYS_getpid), &source, 1L, &target, 1L, 0L);
}

static inline int clinux_syncfs(int descriptor) { return (int)syscall(SYS_syncfs, descriptor); }

static inline long clinux_getxattr(const char *path, const char *name, void *value, size_t size) {
    return syscall(SYS_getxattr, path, name, value, size);
}
static inline long clinux_fgetxattr(int descriptor, const char *name, void *value, size_t size) {
    return syscall(SYS_fgetxattr, descriptor, name, value, size);
}
static inline int clinux_setxattr(const char *path, const char *name, const void *value, size_t size, int flags) {
    return (int)syscall(SYS_setxattr, path, name, value, size, flags);
}
static inline long clinux_listxattr(const char *path, char *names, size_t size) {
    return syscall(SYS_listxattr, path, names, size);
}
static inline int clinux_removexattr(const char *path, const char *name) {
    return (int)syscall(SYS_removexattr, path, name);
}

static inline int clinux_dupfd(int descriptor) { return (int)syscall(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, 0); }
static inline int clinux_getfl(int descriptor) { return (int)syscall(SYS_fcntl, descriptor, F_GETFL); }
static inline int clinux_setfl(int descriptor, int flags) { return (int)syscall(SYS_fcntl, descriptor, F_SETFL, flags); }

// Kernel file handles. `handle` is a struct file_handle, which the C library declares for _GNU_SOURCE alone.
static inline int clinux_name_to_handle_at(int directory, const char *path, void *handle, int *mount, int flags) {
    return (int)syscall(SYS_name_to_handle_at, directory, path, handle, mount, flags);
}
static inline int clinux_open_by_handle_at(int mount, void *handle, int flags) {
    return (int)syscall(SYS_open_by_handle_at, mount, handle, flags);
}

// Mounts by descriptor. Values: include/uapi/linux/mount.h. The numbers are the same on every architecture.
enum { CLINUX_OPEN_TREE_CLONE = 1 };

static inline int clinux_open_tree(int directory, const char *path, unsigned flags) {
    return (int)syscall(428 /* open_tree */, directory, path, flags);
}
static inline int clinux_make_private(int mount) {
    // struct mount_attr: what to set, what to clear, propagation (MS_PRIVATE), user namespace.
    uint64_t attributes[4] = {0, 0, 1 << 18, 0};
    return (int)syscall(442 /* mount_setattr */, mount, "", CLINUX_AT_EMPTY_PATH, attributes, sizeof attributes);
}

// A filesystem that is set up option by option, mounted nowhere, and then put into the tree (Linux 5.2).
enum { CLINUX_FSCONFIG_SET_FLAG = 0, CLINUX_FSCONFIG_SET_STRING = 1, CLINUX_FSCONFIG_CMD_CREATE = 6 };

static inline int clinux_fsopen(const char *type) { return (int)syscall(430 /* fsopen */, type, 1 /* FSOPEN_CLOEXEC */); }
static inline int clinux_fsconfig(int context, int command, const char *key, const char *value) {
    return (int)syscall(431 /* fsconfig */, context, command, key, value, 0);
}
static inline int clinux_fsmount(int context, uint64_t attributes) {
    return (int)syscall(432 /* fsmount */, context, 1 /* FSMOUNT_CLOEXEC */, (unsigned)attributes);
}
// The target's automounts are followed, as mount(2) does.
static inline int clinux_attach(int mount, const char *target) {
    return (int)syscall(429 /* move_mount */, mount, "", CLINUX_AT_FDCWD, target, 0x24 /* MOVE_MOUNT_F_EMPTY_PATH, T_AUTOMOUNTS */);
}
// The minor number of the device that something open is on. Nobody is asked for it, nor has to be allowed in.
int clinux_device_minor(int descriptor);

// Of glibc 2.34, for _GNU_SOURCE alone. Returns an error number.
int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
static inline int clinux_spawn_closing_from(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

// io_uring. Values and layouts: include/uapi/linux/io_uring.h; the header that is installed may be older than the kernel. The numbers
// of the calls are the same on every architecture.
enum {
    CLINUX_IORING_SETUP_R_DISABLED = 1 << 6,
    CLINUX_IORING_SETUP_SUBMIT_ALL = 1 << 7,
    CLINUX_IORING_SETUP_SQE128 = 1 << 10,
    CLINUX_IORING_SETUP_SINGLE_ISSUER = 1 << 12,
    CLINUX_IORING_SETUP_DEFER_TASKRUN = 1 << 13,
    CLINUX_IORING_SETUP_NO_SQARRAY = 1 << 16,

    CLINUX_IORING_FEAT_SINGLE_MMAP = 1 << 0,
    CLINUX_IORING_OFF_SQES = 0x10000000,

    CLINUX_IORING_ENTER_GETEVENTS = 1 << 0,
    CLINUX_IORING_ENTER_EXT_ARG = 1 << 3,
    CLINUX_IORING_ENTER_REGISTERED_RING = 1 << 4,

    CLINUX_IORING_REGISTER_FILES = 2,
    CLINUX_IORING_REGISTER_ENABLE_RINGS = 12,
    CLINUX_IORING_REGISTER_RING_FDS = 20,

    CLINUX_IORING_OP_READ = 22,
    CLINUX_IORING_OP_URING_CMD = 46,
    CLINUX_IOSQE_FIXED_FILE = 1 << 0,
};

struct clinux_io_sqring_offsets { uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved; uint64_t user_addr; };
struct clinux_io_cqring_offsets { uint32_t head, tail, ring_mask, ring_entries, overflow, cqes, flags, reserved; uint64_t user_addr; };
struct clinux_io_uring_params {
    uint32_t sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, reserved[3];
    struct clinux_io_sqring_offsets sq;
    struct clinux_io_cqring_offsets cq;
};
// A submission of 128 bytes.
struct clinux_io_uring_sqe {
    uint8_t opcode, flags;
    uint16_t priority;
    int32_t fd;
    uint64_t offset;  // of a command: its number, in the first half
    uint64_t address;
    uint32_t length, operation_flags;
    uint64_t user_data;
    uint16_t buffer, personality;
    uint32_t file_index;
    uint64_t command[10];
};
struct clinux_io_uring_cqe { uint64_t user_data; int32_t result; uint32_t flags; };

static inline int clinux_io_uring_setup(unsigned entries, struct clinux_io_uring_params *parameters) {
    return (int)syscall(425, entries, parameters);
}
static inline int clinux_io_uring_enter(int ring, unsigned submissions, unsigned completions, unsigned flags, const void *argument, size_t size) {
    return (int)syscall(426, ring, submissions, completions, flags, argument, size);
}
static inline int clinux_io_uring_register(int ring, unsigned what, void *argument, unsigned count) {
    return (int)syscall(427, ring, what, argument, count);
}

// Asks the filesystem with this device number for its figures, which are thrown away: it needs no path, and nothing that is open. Some
// architectures have no such call (ENOSYS).
static inline int clinux_ask_by_device(uint32_t minor) {
#ifdef SYS_ustat
    // As the kernel encodes a number whose major is 0.
    uint64_t figures[4];
    return (int)syscall(SYS_ustat, (minor & 0xff) | (minor & ~0xffu) << 12, figures);
#else
    (void)minor;
    return errno = ENOSYS, -1;
#endif
}

// Counts what is written to it; a read waits until it is not 0, and takes it all.
static inline int clinux_eventfd(void) { return (int)syscall(SYS_eventfd2, 0, CLINUX_O_CLOEXEC); }

// Of the calling thread alone: it runs on this processor and on no other.
static inline int clinux_run_on(unsigned processor) {
    unsigned long set[8192 / (8 * sizeof(long))] = {0};
    if (processor >= 8192) return errno = EINVAL, -1;
    set[processor / (8 * sizeof(long))] |= 1ul << processor % (8 * sizeof(long));
    return (int)syscall(SYS_sched_setaffinity, 0, sizeof set, set);
}
