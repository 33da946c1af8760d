// SPDX-License-Identifier: MIT

/// What there is to know of an operation to take its request apart.
struct Operation {
    let name: StaticString
    /// The size in bytes of the structure that the request opens with; the longest form, if it has two.
    let inSize: Int

    init(_ name: StaticString, _ inSize: Int = 0) {
        self.name = name
        self.inSize = inSize
    }
}

extension Opcode {
    /// The one table of operations: a jump, once compiled. Nothing is built at run time.
    var operation: Operation? {
        switch self {
        case .lookup: Operation("LOOKUP")
        case .forget: Operation("FORGET", ForgetIn.wireSize)
        case .getattr: Operation("GETATTR", GetattrIn.wireSize)
        case .setattr: Operation("SETATTR", SetattrIn.wireSize)
        case .readlink: Operation("READLINK")
        case .symlink: Operation("SYMLINK")
        case .mknod: Operation("MKNOD", MknodIn.wireSize)
        case .mkdir: Operation("MKDIR", MkdirIn.wireSize)
        case .unlink: Operation("UNLINK")
        case .rmdir: Operation("RMDIR")
        case .rename: Operation("RENAME", RenameIn.wireSize)
        case .link: Operation("LINK", LinkIn.wireSize)
        case .open: Operation("OPEN", OpenIn.wireSize)
        case .read: Operation("READ", ReadIn.wireSize)
        case .write: Operation("WRITE", WriteIn.wireSize)
        case .statfs: Operation("STATFS")
        case .release: Operation("RELEASE", ReleaseIn.wireSize)
        case .fsync: Operation("FSYNC", FsyncIn.wireSize)
        case .setxattr: Operation("SETXATTR", SetxattrIn.wireSize)
        case .getxattr: Operation("GETXATTR", GetxattrIn.wireSize)
        case .listxattr: Operation("LISTXATTR", GetxattrIn.wireSize)
        case .removexattr: Operation("REMOVEXATTR")
        case .flush: Operation("FLUSH", FlushIn.wireSize)
        case .initialize: Operation("INIT", InitIn.wireSize)
        case .opendir: Operation("OPENDIR", OpenIn.wireSize)
        case .readdir: Operation("READDIR", ReadIn.wireSize)
        case .releasedir: Operation("RELEASEDIR", ReleaseIn.wireSize)
        case .fsyncdir: Operation("FSYNCDIR", FsyncIn.wireSize)
        case .getlk: Operation("GETLK", LkIn.wireSize)
        case .setlk: Operation("SETLK", LkIn.wireSize)
        case .setlkw: Operation("SETLKW", LkIn.wireSize)
        case .access: Operation("ACCESS", AccessIn.wireSize)
        case .create: Operation("CREATE", CreateIn.wireSize)
        case .interrupt: Operation("INTERRUPT", InterruptIn.wireSize)
        case .bmap: Operation("BMAP", BmapIn.wireSize)
        case .destroy: Operation("DESTROY")
        case .ioctl: Operation("IOCTL", IoctlIn.wireSize)
        case .poll: Operation("POLL", PollIn.wireSize)
        case .notifyReply: Operation("NOTIFY_REPLY", NotifyRetrieveIn.wireSize)
        case .batchForget: Operation("BATCH_FORGET", BatchForgetIn.wireSize)
        case .fallocate: Operation("FALLOCATE", FallocateIn.wireSize)
        case .readdirplus: Operation("READDIRPLUS", ReadIn.wireSize)
        case .rename2: Operation("RENAME2", Rename2In.wireSize)
        case .lseek: Operation("LSEEK", LseekIn.wireSize)
        case .copyFileRange: Operation("COPY_FILE_RANGE", CopyFileRangeIn.wireSize)
        case .setupmapping: Operation("SETUPMAPPING", SetupmappingIn.wireSize)
        case .removemapping: Operation("REMOVEMAPPING", RemovemappingIn.wireSize)
        case .syncfs: Operation("SYNCFS", SyncfsIn.wireSize)
        case .tmpfile: Operation("TMPFILE", CreateIn.wireSize)
        case .statx: Operation("STATX", StatxIn.wireSize)
        case .copyFileRange64: Operation("COPY_FILE_RANGE_64", CopyFileRangeIn.wireSize)
        case .cuseInit: Operation("CUSE_INIT", CuseInitIn.wireSize)
        case .cuseInitBswapReserved: Operation("CUSE_INIT_BSWAP_RESERVED")
        case .initBswapReserved: Operation("INIT_BSWAP_RESERVED")
        default: nil
        }
    }

    /// Whether this module knows the operation. One that it does not know is answered with ENOSYS.
    public var isKnown: Bool { operation != nil }

    /// Whether a reply is due. To FORGET, BATCH_FORGET and NOTIFY_REPLY the kernel takes none; INTERRUPT needs none.
    @inlinable public var isAnswered: Bool {
        switch self {
        case .forget, .batchForget, .interrupt, .notifyReply: false
        default: true
        }
    }

    /// The size in bytes of the structure that a request opens with: its first argument, unless that is a name.
    ///
    /// `/dev/fuse` delivers this structure and what follows it in one piece; a ring delivers it in its entry's
    /// `op_in`, and the rest as payload. Where a structure has two forms it is the longer one: see `operationSize`.
    public var inSize: Int { operation?.inSize ?? 0 }

    /// As `inSize`, where a structure of two forms has the one in use.
    ///
    /// - Parameters:
    ///   - available: how many bytes follow the header. INIT tells its form by that alone: it comes before anything is
    ///     agreed on.
    ///   - features: SETXATTR's form is negotiated by `InitFlags.setxattrExt`.
    public func operationSize(available: Int, features: ProtocolFeatures) -> Int {
        switch self {
        case .initialize: available < InitIn.wireSize ? InitIn.shortSize : InitIn.wireSize
        case .setxattr: features.flags.contains(.setxattrExt) ? SetxattrIn.wireSize : SetxattrIn.shortSize
        default: inSize
        }
    }
}

extension Opcode: CustomStringConvertible {
    /// The kernel's name without its prefix.
    public var description: String { operation?.name.description ?? "opcode \(rawValue)" }
}
