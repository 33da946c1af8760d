// SPDX-License-Identifier: MIT

#include "CLinux.h"

#include <linux/capability.h>
#include <linux/stat.h>
#include <signal.h>
#include <time.h>
#include <sys/sysmacros.h>

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

int clinux_birth_time(int descriptor, int64_t *seconds, uint32_t *nanoseconds) {
    struct statx status;
    if (syscall(SYS_statx, descriptor, "", CLINUX_AT_EMPTY_PATH, STATX_BTIME, &status) < 0) return -1;
    *seconds = status.stx_btime.tv_sec;
    *nanoseconds = status.stx_btime.tv_nsec;
    return (status.stx_mask & STATX_BTIME) != 0;
}

int clinux_known_status(int descriptor, struct stat *status) {
    struct statx known;
    const int flags = CLINUX_AT_EMPTY_PATH | CLINUX_AT_STATX_DONT_SYNC;
    if (syscall(SYS_statx, descriptor, "", flags, STATX_BASIC_STATS, &known) < 0) return -1;
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
