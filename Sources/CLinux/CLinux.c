// SPDX-License-Identifier: MIT

#include "CLinux.h"

#include <linux/capability.h>
#include <linux/stat.h>

int clinux_thread_umask(mode_t mask) {
    // CLONE_FS of linux/sched.h: what is unshared is also the working directory, which no thread of ours uses.
    enum { CLONE_FILESYSTEM_INFORMATION = 0x200 };
    static _Thread_local int current = -1;
    if (current == (int)mask) return 0;
    if (current < 0 && syscall(SYS_unshare, CLONE_FILESYSTEM_INFORMATION) < 0) return -1;
    umask(mask);
    current = (int)mask;
    return 0;
}

int clinux_override_permissions(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0) return -1;
    data[0].effective |= 1u << CAP_DAC_OVERRIDE;
    return (int)syscall(SYS_capset, &header, data);
}

int clinux_birth_time(int descriptor, int64_t *seconds, uint32_t *nanoseconds) {
    struct statx status;
    if (syscall(SYS_statx, descriptor, "", CLINUX_AT_EMPTY_PATH, STATX_BTIME, &status) < 0) return -1;
    *seconds = status.stx_btime.tv_sec;
    *nanoseconds = status.stx_btime.tv_nsec;
    return (status.stx_mask & STATX_BTIME) != 0;
}
