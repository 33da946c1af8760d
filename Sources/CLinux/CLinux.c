// SPDX-License-Identifier: MIT

#include "CLinux.h"

#include <linux/capability.h>
#include <linux/stat.h>
#include <stdatomic.h>
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
