// SPDX-License-Identifier: MIT

import FUSEWire

/// A constant: its C name, its value on the Swift side, and the minor from which on every header has it.
///
/// That may be one more than the minor that brought it: two releases of Linux can share a minor. Of those that are 38,
/// 6.1 has no supplementary groups and 6.3 has; in 39 a flag changed its name; one ioctl came late in 45.
struct Constant {
    let name: String
    let value: UInt64
    let since: Int

    init(_ name: String, _ value: some BinaryInteger, since: Int = 31) {
        self.name = name
        self.value = UInt64(truncatingIfNeeded: value)
        self.since = since
    }

    init(_ name: String, _ flags: some WireFlags, since: Int = 31) { self.init(name, flags.rawValue, since: since) }

    /// In no kernel header: the tests know the value from elsewhere.
    static let never = Int.max
}

/// An operation: its constant, and the size in bytes of its structure in requests.
struct OperationRow {
    let opcode: Opcode
    let name: String
    let inSize: Int
    let since: Int

    init(_ opcode: Opcode, _ name: String, _ inSize: Int, since: Int = 31) {
        self.opcode = opcode
        self.name = name
        self.inSize = inSize
        self.since = since
    }
}

let operations: [OperationRow] = [
    OperationRow(.lookup, "FUSE_LOOKUP", 0),
    OperationRow(.forget, "FUSE_FORGET", 8),
    OperationRow(.getattr, "FUSE_GETATTR", 16),
    OperationRow(.setattr, "FUSE_SETATTR", 88),
    OperationRow(.readlink, "FUSE_READLINK", 0),
    OperationRow(.symlink, "FUSE_SYMLINK", 0),
    OperationRow(.mknod, "FUSE_MKNOD", 16),
    OperationRow(.mkdir, "FUSE_MKDIR", 8),
    OperationRow(.unlink, "FUSE_UNLINK", 0),
    OperationRow(.rmdir, "FUSE_RMDIR", 0),
    OperationRow(.rename, "FUSE_RENAME", 8),
    OperationRow(.link, "FUSE_LINK", 8),
    OperationRow(.open, "FUSE_OPEN", 8),
    OperationRow(.read, "FUSE_READ", 40),
    OperationRow(.write, "FUSE_WRITE", 40),
    OperationRow(.statfs, "FUSE_STATFS", 0),
    OperationRow(.release, "FUSE_RELEASE", 24),
    OperationRow(.fsync, "FUSE_FSYNC", 16),
    OperationRow(.setxattr, "FUSE_SETXATTR", 16),
    OperationRow(.getxattr, "FUSE_GETXATTR", 8),
    OperationRow(.listxattr, "FUSE_LISTXATTR", 8),
    OperationRow(.removexattr, "FUSE_REMOVEXATTR", 0),
    OperationRow(.flush, "FUSE_FLUSH", 24),
    OperationRow(.initialize, "FUSE_INIT", 64),
    OperationRow(.opendir, "FUSE_OPENDIR", 8),
    OperationRow(.readdir, "FUSE_READDIR", 40),
    OperationRow(.releasedir, "FUSE_RELEASEDIR", 24),
    OperationRow(.fsyncdir, "FUSE_FSYNCDIR", 16),
    OperationRow(.getlk, "FUSE_GETLK", 48),
    OperationRow(.setlk, "FUSE_SETLK", 48),
    OperationRow(.setlkw, "FUSE_SETLKW", 48),
    OperationRow(.access, "FUSE_ACCESS", 8),
    OperationRow(.create, "FUSE_CREATE", 16),
    OperationRow(.interrupt, "FUSE_INTERRUPT", 8),
    OperationRow(.bmap, "FUSE_BMAP", 16),
    OperationRow(.destroy, "FUSE_DESTROY", 0),
    OperationRow(.ioctl, "FUSE_IOCTL", 32),
    OperationRow(.poll, "FUSE_POLL", 24),
    OperationRow(.notifyReply, "FUSE_NOTIFY_REPLY", 40),
    OperationRow(.batchForget, "FUSE_BATCH_FORGET", 8),
    OperationRow(.fallocate, "FUSE_FALLOCATE", 32),
    OperationRow(.readdirplus, "FUSE_READDIRPLUS", 40),
    OperationRow(.rename2, "FUSE_RENAME2", 16),
    OperationRow(.lseek, "FUSE_LSEEK", 24),
    OperationRow(.copyFileRange, "FUSE_COPY_FILE_RANGE", 56),
    OperationRow(.setupmapping, "FUSE_SETUPMAPPING", 40),
    OperationRow(.removemapping, "FUSE_REMOVEMAPPING", 4),
    OperationRow(.syncfs, "FUSE_SYNCFS", 8, since: 34),
    OperationRow(.tmpfile, "FUSE_TMPFILE", 16, since: 37),
    OperationRow(.statx, "FUSE_STATX", 24, since: 39),
    OperationRow(.copyFileRange64, "FUSE_COPY_FILE_RANGE_64", 56, since: 45),
    OperationRow(.cuseInit, "CUSE_INIT", 16),
    OperationRow(.cuseInitBswapReserved, "CUSE_INIT_BSWAP_RESERVED", 0),
    OperationRow(.initBswapReserved, "FUSE_INIT_BSWAP_RESERVED", 0),
]

private let flags: [Constant] = [
    Constant("FUSE_ASYNC_READ", InitFlags.asyncRead),
    Constant("FUSE_POSIX_LOCKS", InitFlags.posixLocks),
    Constant("FUSE_FILE_OPS", InitFlags.fileOps),
    Constant("FUSE_ATOMIC_O_TRUNC", InitFlags.atomicOTrunc),
    Constant("FUSE_EXPORT_SUPPORT", InitFlags.exportSupport),
    Constant("FUSE_BIG_WRITES", InitFlags.bigWrites),
    Constant("FUSE_DONT_MASK", InitFlags.dontMask),
    Constant("FUSE_SPLICE_WRITE", InitFlags.spliceWrite),
    Constant("FUSE_SPLICE_MOVE", InitFlags.spliceMove),
    Constant("FUSE_SPLICE_READ", InitFlags.spliceRead),
    Constant("FUSE_FLOCK_LOCKS", InitFlags.flockLocks),
    Constant("FUSE_HAS_IOCTL_DIR", InitFlags.hasIoctlDir),
    Constant("FUSE_AUTO_INVAL_DATA", InitFlags.autoInvalData),
    Constant("FUSE_DO_READDIRPLUS", InitFlags.doReaddirplus),
    Constant("FUSE_READDIRPLUS_AUTO", InitFlags.readdirplusAuto),
    Constant("FUSE_ASYNC_DIO", InitFlags.asyncDIO),
    Constant("FUSE_WRITEBACK_CACHE", InitFlags.writebackCache),
    Constant("FUSE_NO_OPEN_SUPPORT", InitFlags.noOpenSupport),
    Constant("FUSE_PARALLEL_DIROPS", InitFlags.parallelDirops),
    Constant("FUSE_HANDLE_KILLPRIV", InitFlags.handleKillpriv),
    Constant("FUSE_POSIX_ACL", InitFlags.posixACL),
    Constant("FUSE_ABORT_ERROR", InitFlags.abortError),
    Constant("FUSE_MAX_PAGES", InitFlags.maxPages),
    Constant("FUSE_CACHE_SYMLINKS", InitFlags.cacheSymlinks),
    Constant("FUSE_NO_OPENDIR_SUPPORT", InitFlags.noOpendirSupport),
    Constant("FUSE_EXPLICIT_INVAL_DATA", InitFlags.explicitInvalData),
    Constant("FUSE_MAP_ALIGNMENT", InitFlags.mapAlignment),
    Constant("FUSE_SUBMOUNTS", InitFlags.submounts, since: 32),
    Constant("FUSE_HANDLE_KILLPRIV_V2", InitFlags.handleKillprivV2, since: 33),
    Constant("FUSE_SETXATTR_EXT", InitFlags.setxattrExt, since: 33),
    Constant("FUSE_INIT_EXT", InitFlags.initExt, since: 36),
    Constant("FUSE_INIT_RESERVED", InitFlags.initReserved, since: 36),
    Constant("FUSE_SECURITY_CTX", InitFlags.securityCtx, since: 36),
    Constant("FUSE_HAS_INODE_DAX", InitFlags.hasInodeDax, since: 36),
    Constant("FUSE_CREATE_SUPP_GROUP", InitFlags.createSuppGroup, since: 39),
    Constant("FUSE_HAS_EXPIRE_ONLY", InitFlags.hasExpireOnly, since: 38),
    Constant("FUSE_DIRECT_IO_ALLOW_MMAP", InitFlags.directIOAllowMmap, since: 40),
    Constant("FUSE_PASSTHROUGH", InitFlags.passthrough, since: 40),
    Constant("FUSE_NO_EXPORT_SUPPORT", InitFlags.noExportSupport, since: 40),
    Constant("FUSE_HAS_RESEND", InitFlags.hasResend, since: 40),
    Constant("FUSE_ALLOW_IDMAP", InitFlags.allowIdmap, since: 41),
    Constant("FUSE_OVER_IO_URING", InitFlags.overIOUring, since: 42),
    Constant("FUSE_REQUEST_TIMEOUT", InitFlags.requestTimeout, since: 43),
    Constant("FOPEN_DIRECT_IO", OpenFlags.directIO),
    Constant("FOPEN_KEEP_CACHE", OpenFlags.keepCache),
    Constant("FOPEN_NONSEEKABLE", OpenFlags.nonseekable),
    Constant("FOPEN_CACHE_DIR", OpenFlags.cacheDir),
    Constant("FOPEN_STREAM", OpenFlags.stream),
    Constant("FOPEN_NOFLUSH", OpenFlags.noflush, since: 35),
    Constant("FOPEN_PARALLEL_DIRECT_WRITES", OpenFlags.parallelDirectWrites, since: 38),
    Constant("FOPEN_PASSTHROUGH", OpenFlags.passthrough, since: 40),
    Constant("FUSE_OPEN_KILL_SUIDGID", OpenInFlags.killSuidgid, since: 33),
    Constant("FUSE_RELEASE_FLUSH", ReleaseFlags.flush),
    Constant("FUSE_RELEASE_FLOCK_UNLOCK", ReleaseFlags.flockUnlock),
    Constant("FUSE_FSYNC_FDATASYNC", FsyncFlags.fdatasync),
    Constant("FUSE_GETATTR_FH", GetattrFlags.fh),
    Constant("FATTR_MODE", SetattrValid.mode),
    Constant("FATTR_UID", SetattrValid.uid),
    Constant("FATTR_GID", SetattrValid.gid),
    Constant("FATTR_SIZE", SetattrValid.size),
    Constant("FATTR_ATIME", SetattrValid.atime),
    Constant("FATTR_MTIME", SetattrValid.mtime),
    Constant("FATTR_FH", SetattrValid.fh),
    Constant("FATTR_ATIME_NOW", SetattrValid.atimeNow),
    Constant("FATTR_MTIME_NOW", SetattrValid.mtimeNow),
    Constant("FATTR_LOCKOWNER", SetattrValid.lockOwner),
    Constant("FATTR_CTIME", SetattrValid.ctime),
    Constant("FATTR_KILL_SUIDGID", SetattrValid.killSuidgid, since: 33),
    Constant("FUSE_ATTR_SUBMOUNT", AttrFlags.submount, since: 32),
    Constant("FUSE_ATTR_DAX", AttrFlags.dax, since: 36),
    Constant("FUSE_READ_LOCKOWNER", ReadFlags.lockOwner),
    Constant("FUSE_WRITE_CACHE", WriteFlags.cache),
    Constant("FUSE_WRITE_LOCKOWNER", WriteFlags.lockOwner),
    Constant("FUSE_WRITE_KILL_SUIDGID", WriteFlags.killSuidgid, since: 33),
    Constant("FUSE_LK_FLOCK", LockFlags.flock),
    Constant("FUSE_IOCTL_COMPAT", IoctlFlags.compat),
    Constant("FUSE_IOCTL_UNRESTRICTED", IoctlFlags.unrestricted),
    Constant("FUSE_IOCTL_RETRY", IoctlFlags.retry),
    Constant("FUSE_IOCTL_32BIT", IoctlFlags.is32Bit),
    Constant("FUSE_IOCTL_DIR", IoctlFlags.dir),
    Constant("FUSE_IOCTL_COMPAT_X32", IoctlFlags.compatX32),
    Constant("FUSE_POLL_SCHEDULE_NOTIFY", PollFlags.scheduleNotify),
    Constant("FUSE_SETXATTR_ACL_KILL_SGID", SetxattrFlags.aclKillSgid, since: 33),
    Constant("FUSE_EXPIRE_ONLY", ExpireFlags.expireOnly, since: 38),
    Constant("FUSE_BACKING_FLAG_SERVER_ID", BackingFlags.serverID, since: Constant.never),
    Constant("FUSE_SETUPMAPPING_FLAG_WRITE", SetupMappingFlags.write),
    Constant("FUSE_SETUPMAPPING_FLAG_READ", SetupMappingFlags.read),
    Constant("CUSE_UNRESTRICTED_IOCTL", CUSEInitFlags.unrestrictedIoctl),
]

private let others: [Constant] = [
    Constant("FUSE_KERNEL_VERSION", FUSEProtocol.major),
    Constant("FUSE_ROOT_ID", FUSEProtocol.rootID),
    Constant("FUSE_UNIQUE_RESEND", FUSEProtocol.uniqueResend, since: 40),
    Constant("FUSE_INVALID_UIDGID", FUSEProtocol.invalidID, since: 41),
    Constant("FUSE_MIN_READ_BUFFER", FUSEProtocol.minReadBuffer),
    Constant("FUSE_IOCTL_MAX_IOV", FUSEProtocol.maxIoctlVectors),
    Constant("CUSE_INIT_INFO_MAX", FUSEProtocol.maxCUSEInfo),
    Constant("FUSE_URING_IN_OUT_HEADER_SZ", FUSEProtocol.ringHeaderSize, since: 42),
    Constant("FUSE_URING_OP_IN_OUT_SZ", FUSEProtocol.ringOperationSize, since: 42),
    Constant("FUSE_IO_URING_CMD_INVALID", RingCommand.invalid, since: 42),
    Constant("FUSE_IO_URING_CMD_REGISTER", RingCommand.register, since: 42),
    Constant("FUSE_IO_URING_CMD_COMMIT_AND_FETCH", RingCommand.commitAndFetch, since: 42),
    Constant("FUSE_DEV_IOC_CLONE", DeviceIoctl.clone),
    Constant("FUSE_DEV_IOC_BACKING_OPEN", DeviceIoctl.backingOpen, since: 40),
    Constant("FUSE_DEV_IOC_BACKING_CLOSE", DeviceIoctl.backingClose, since: 40),
    Constant("FUSE_DEV_IOC_SYNC_INIT", DeviceIoctl.syncInit, since: 46),
    Constant("FUSE_MAX_NR_SECCTX", ExtensionType.maxSecurityContexts.rawValue, since: 38),
    Constant("FUSE_EXT_GROUPS", ExtensionType.groups.rawValue, since: 39),
    Constant("FUSE_COMPAT_SETXATTR_IN_SIZE", SetxattrIn.shortSize, since: 33),
    Constant("FUSE_NOTIFY_POLL", NotifyCode.poll.rawValue),
    Constant("FUSE_NOTIFY_INVAL_INODE", NotifyCode.invalInode.rawValue),
    Constant("FUSE_NOTIFY_INVAL_ENTRY", NotifyCode.invalEntry.rawValue),
    Constant("FUSE_NOTIFY_STORE", NotifyCode.store.rawValue),
    Constant("FUSE_NOTIFY_RETRIEVE", NotifyCode.retrieve.rawValue),
    Constant("FUSE_NOTIFY_DELETE", NotifyCode.delete.rawValue),
    Constant("FUSE_NOTIFY_RESEND", NotifyCode.resend.rawValue, since: 40),
    Constant("FUSE_NOTIFY_INC_EPOCH", NotifyCode.incEpoch.rawValue, since: 44),
    Constant("FUSE_NOTIFY_PRUNE", NotifyCode.prune.rawValue, since: 45),
]

/// Every constant of the ABI.
let constants: [Constant] =
    operations.map { Constant($0.name, $0.opcode.rawValue, since: $0.since) } + flags + others
