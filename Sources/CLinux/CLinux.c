// SPDX-License-Identifier: MIT

#include "CLinux.h"

#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

// The calling thread's own mask; -1: it shares the process's.
static _Thread_local int own_mask = -1;

int clinux_thread_umask(mode_t mask) {
    // CLONE_FS of linux/sched.h: what is unshared is also the working directory, which no thread of ours uses.
    enum { CLONE_FILESYSTEM_INFORMATION = 0x200 };
    if (own_mask == (int)mask) return 0;
    if (own_mask < 0 && syscall(SYS_unshare, CLONE_FILESYSTEM_INFORMATION) < 0) return -1;
    umask(mask);
    own_mask = (int)mask;
    return 0;
}

void clinux_umask(mode_t mask) {
    umask(mask);
    if (own_mask >= 0) own_mask = (int)mask;
}

// 1 where it was otherwise, 0 where there was nothing to change.
static int set_effective(int capability, int isOn) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -1;
    const uint32_t before = data[0].effective, bit = 1u << capability;
    data[0].effective = isOn ? before | bit : before & ~bit;
    if (data[0].effective == before) return 0;
    return syscall(SYS_capset, &header, data) < 0 ? -1 : 1;
}

int clinux_override_permissions(void) { return set_effective(CAP_DAC_OVERRIDE, 1) < 0 ? -1 : 0; }
int clinux_drop_fsetid(void) { return set_effective(CAP_FSETID, 0); }
int clinux_raise_fsetid(void) { return set_effective(CAP_FSETID, 1); }

// The calling thread's capabilities while it has its own ids. Read once: nobody else changes them.
static _Thread_local struct {
    int are_known;
    struct __user_cap_data_struct data[2];
} own_rights;
// Whether this process started with CAP_SYS_RESOURCE in effect; -1: nobody has asked. A thread that takes it from itself has asked
// before, so one that was started by such a thread finds the answer here.
static _Atomic int has_resource_right = -1;
static const uint32_t resource_right = 1u << CAP_SYS_RESOURCE;

static int capset_own(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    return (int)syscall(SYS_capset, &header, own_rights.data);
}

int clinux_use_resource_right(int isOn) {
    if (!own_rights.are_known) {
        struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        if (syscall(SYS_capget, &header, own_rights.data) < 0) return -1;
        int unknown = -1;
        atomic_compare_exchange_strong(&has_resource_right, &unknown, (own_rights.data[0].effective & resource_right) != 0);
        own_rights.are_known = 1;
    }
    const uint32_t wanted = isOn && has_resource_right ? resource_right : 0;
    const uint32_t before = own_rights.data[0].effective;
    if ((before & resource_right) == wanted) return 0;
    own_rights.data[0].effective = (before & ~resource_right) | wanted;
    if (capset_own() == 0) return 0;
    own_rights.data[0].effective = before;
    return -1;
}

int clinux_keep_rights(void) { return own_rights.are_known ? capset_own() : -1; }

int clinux_birth_time(int descriptor, int64_t *seconds, uint32_t *nanoseconds) {
    struct statx status;
    if (syscall(SYS_statx, descriptor, "", CLINUX_AT_EMPTY_PATH, STATX_BTIME, &status) < 0) return -1;
    *seconds = status.stx_btime.tv_sec;
    *nanoseconds = status.stx_btime.tv_nsec;
    return (status.stx_mask & STATX_BTIME) != 0;
}

int clinux_known_status(int descriptor, struct stat *status, uint64_t *mount) {
    struct statx known;
    const int flags = CLINUX_AT_EMPTY_PATH | CLINUX_AT_STATX_DONT_SYNC;
    if (syscall(SYS_statx, descriptor, "", flags, STATX_BASIC_STATS | STATX_MNT_ID, &known) < 0) return -1;
    *mount = (known.stx_mask & STATX_MNT_ID) != 0 ? known.stx_mnt_id : 0;
    *status = (struct stat){
        .st_dev = makedev(known.stx_dev_major, known.stx_dev_minor),
        .st_ino = known.stx_ino,
        .st_mode = known.stx_mode,
        .st_nlink = known.stx_nlink,
        .st_uid = known.stx_uid,
        .st_gid = known.stx_gid,
        .st_rdev = makedev(known.stx_rdev_major, known.stx_rdev_minor),
        .st_size = (off_t)known.stx_size,
        .st_blksize = known.stx_blksize,
        .st_blocks = (blkcnt_t)known.stx_blocks,
        .st_atim = {known.stx_atime.tv_sec, known.stx_atime.tv_nsec},
        .st_mtim = {known.stx_mtime.tv_sec, known.stx_mtime.tv_nsec},
        .st_ctim = {known.stx_ctime.tv_sec, known.stx_ctime.tv_nsec},
    };
    return 0;
}

static int ends_within(int process, int milliseconds) {
    struct pollfd ended = {.fd = process, .events = POLLIN};
    return poll(&ended, 1, milliseconds) > 0;
}

int clinux_statfs_within(const char *path, int milliseconds) {
    struct statfs figures;
    int process = -1;
    // It sends no signal when it ends: the program may have children of its own to hear of.
    struct clone_args arguments = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&process};
    const long child = syscall(SYS_clone3, &arguments, sizeof arguments);
    // Some containers have no such call. Then it is waited for as long as it takes.
    if (child < 0 && errno == ENOSYS) return statfs(path, &figures);
    if (child < 0) return -1;
    if (child == 0) {
        // System calls alone: other threads' locks stay locked here. What it has open must not outlive its parent with it.
        syscall(SYS_close_range, 0u, ~0u, 0u);
        const long result = syscall(SYS_statfs, path, &figures);
        for (;;) syscall(SYS_exit_group, result < 0 ? errno : 0);
    }
    // A signal to this thread only makes it wait no longer than it was to.
    int has_ended = ends_within(process, milliseconds);
    const int is_in_time = has_ended;
    if (!has_ended) {
        // Where a server that then was stopped has read its request already, it stays until that is answered.
        syscall(SYS_pidfd_send_signal, process, SIGKILL, (void *)0, 0u);
        has_ended = ends_within(process, 100);
    }
    siginfo_t status = {.si_code = 0};
    if (has_ended) waitid((idtype_t)P_PIDFD, (id_t)process, &status, WEXITED | __WALL);
    close(process);
    errno = !is_in_time ? ETIMEDOUT : status.si_code == CLD_EXITED ? status.si_status : EIO;
    return errno == 0 ? 0 : -1;
}

int clinux_peer_process(int socket) {
    // `struct ucred`, which glibc hides.
    struct { int process; uid_t user; gid_t group; } peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -1 : peer.process;
}

int clinux_device_minor(int descriptor) {
    struct statx status;
    const int flags = CLINUX_AT_EMPTY_PATH | CLINUX_AT_STATX_DONT_SYNC;
    return syscall(SYS_statx, descriptor, "", flags, 0, &status) < 0 ? -1 : (int)status.stx_dev_minor;
}

int clinux_try_lease(int descriptor) {
    // F_SETSIG, F_SETOWN_EX (with a struct f_owner_ex: F_OWNER_TID, the thread) and F_SETLEASE of linux/fcntl.h.
    enum { SET_SIGNAL = 10, SET_OWNER = 15, SET_LEASE = 1024 };
    const int owner[2] = {0, clinux_gettid()};
    // Any signal would do: it goes to this thread alone, which has it blocked and takes it away. With F_SETSIG it names the
    // descriptor.
    const int signal = SIGIO;
    const uint64_t set = 1ull << (signal - 1);
    uint64_t before;
    if (clinux_sigprocmask(CLINUX_SIG_BLOCK, set, &before) < 0) return -1;
    int result = (int)syscall(SYS_fcntl, descriptor, SET_SIGNAL, signal);
    if (result == 0) result = (int)syscall(SYS_fcntl, descriptor, SET_OWNER, owner);
    if (result == 0) result = (int)syscall(SYS_fcntl, descriptor, SET_LEASE, F_RDLCK);
    const int error = errno;
    if (result == 0) {
        (void)syscall(SYS_fcntl, descriptor, SET_LEASE, F_UNLCK);
        // Whoever broke the lease sent the signal before it was given back. What waits for this thread comes before what
        // waits for the process, and one of a kind waits at the most: so the first one tells.
        const struct timespec now = {0, 0};
        siginfo_t info;
        const long got = syscall(SYS_rt_sigtimedwait, &set, &info, &now, sizeof set);
        const int isOwn = got == signal && info.si_code > 0 && info.si_fd == descriptor;
        // Somebody else's goes back to where it came from.
        if (got == signal && !isOwn) (void)syscall(SYS_rt_sigqueueinfo, syscall(SYS_getpid), signal, &info);
    }
    clinux_sigprocmask(CLINUX_SIG_SETMASK, before, NULL);
    errno = error;
    return result;
}
