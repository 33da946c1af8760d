// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

extension Attributes {
    /// What the source shows.
    init(_ status: stat) {
        self.init(
            inode: UInt64(status.st_ino), mode: FileMode(rawValue: status.st_mode),
            size: UInt64(bitPattern: Int64(status.st_size)), linkCount: UInt32(truncatingIfNeeded: status.st_nlink),
            owner: UserID(rawValue: status.st_uid), group: GroupID(rawValue: status.st_gid))
        blocks = UInt64(bitPattern: Int64(status.st_blocks))
        blockSize = UInt32(truncatingIfNeeded: status.st_blksize)
        accessed = Timestamp(status.st_atim)
        modified = Timestamp(status.st_mtim)
        changed = Timestamp(status.st_ctim)
        // glibc's encoding of a dev_t: makedev in sys/sysmacros.h.
        let device = UInt64(status.st_rdev)
        self.device = DeviceNumber(
            major: UInt32(truncatingIfNeeded: (device >> 8 & 0xfff) | (device >> 32 & 0xffff_f000)),
            minor: UInt32(truncatingIfNeeded: (device & 0xff) | (device >> 12 & 0xffff_ff00)))
    }
}

extension Timestamp {
    init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
    }
}

extension timespec {
    /// As `utimensat` takes it.
    init(_ time: AttributeChanges.Time?) {
        // UTIME_NOW and UTIME_OMIT of linux/stat.h.
        switch time {
        case nil: self.init(tv_sec: 0, tv_nsec: (1 << 30) - 2)
        case .now: self.init(tv_sec: 0, tv_nsec: (1 << 30) - 1)
        case .at(let time): self.init(tv_sec: Int(time.seconds), tv_nsec: Int(min(time.nanoseconds, 999_999_999)))
        }
    }
}

extension UInt64 {
    /// As an offset or a length in a file. Throws EINVAL where no file is so long.
    var fileOffset: Int64 {
        get throws(Errno) {
            guard self <= UInt64(Int64.max) else { throw .invalidArgument }
            return Int64(self)
        }
    }
}
