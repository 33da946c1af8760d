// SPDX-License-Identifier: MIT

/// What a request asks for: `InHeader.opcode`. In C: `enum fuse_opcode`.
///
/// The members' comments say what a request carries after its header, and what answers it. Any may be answered by an
/// error alone; where no answer is named it is an `OutHeader` alone. Names in requests end with a NUL.
public struct Opcode: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Finds a name in a directory. The name; answered by `EntryOut`.
    @inlinable public static var lookup: Opcode { Opcode(rawValue: 1) }
    /// Gives lookups back. `ForgetIn`; no reply.
    @inlinable public static var forget: Opcode { Opcode(rawValue: 2) }
    /// `GetattrIn`; answered by `AttrOut`.
    @inlinable public static var getattr: Opcode { Opcode(rawValue: 3) }
    /// `SetattrIn`; answered by `AttrOut`.
    @inlinable public static var setattr: Opcode { Opcode(rawValue: 4) }
    /// Answered by the target, without NUL.
    @inlinable public static var readlink: Opcode { Opcode(rawValue: 5) }
    /// The name, the target; answered by `EntryOut`.
    @inlinable public static var symlink: Opcode { Opcode(rawValue: 6) }
    /// `MknodIn`, the name; answered by `EntryOut`.
    @inlinable public static var mknod: Opcode { Opcode(rawValue: 8) }
    /// `MkdirIn`, the name; answered by `EntryOut`.
    @inlinable public static var mkdir: Opcode { Opcode(rawValue: 9) }
    /// The name.
    @inlinable public static var unlink: Opcode { Opcode(rawValue: 10) }
    /// The name.
    @inlinable public static var rmdir: Opcode { Opcode(rawValue: 11) }
    /// `RenameIn`, the old name, the new one.
    @inlinable public static var rename: Opcode { Opcode(rawValue: 12) }
    /// `LinkIn`, the name; answered by `EntryOut`.
    @inlinable public static var link: Opcode { Opcode(rawValue: 13) }
    /// `OpenIn`; answered by `OpenOut`.
    @inlinable public static var open: Opcode { Opcode(rawValue: 14) }
    /// `ReadIn`; answered by data, less than asked for at the end of the file only.
    @inlinable public static var read: Opcode { Opcode(rawValue: 15) }
    /// `WriteIn`, the data; answered by `WriteOut`.
    @inlinable public static var write: Opcode { Opcode(rawValue: 16) }
    /// Answered by `StatfsOut`.
    @inlinable public static var statfs: Opcode { Opcode(rawValue: 17) }
    /// `ReleaseIn`.
    @inlinable public static var release: Opcode { Opcode(rawValue: 18) }
    /// `FsyncIn`.
    @inlinable public static var fsync: Opcode { Opcode(rawValue: 20) }
    /// `SetxattrIn`, in the form that is negotiated, the name, the value.
    @inlinable public static var setxattr: Opcode { Opcode(rawValue: 21) }
    /// `GetxattrIn`, the name; answered by the value, or by `GetxattrOut` if no room was given.
    @inlinable public static var getxattr: Opcode { Opcode(rawValue: 22) }
    /// `GetxattrIn`; answered by names with their NULs, or by `GetxattrOut` if no room was given.
    @inlinable public static var listxattr: Opcode { Opcode(rawValue: 23) }
    /// The name.
    @inlinable public static var removexattr: Opcode { Opcode(rawValue: 24) }
    /// `FlushIn`.
    @inlinable public static var flush: Opcode { Opcode(rawValue: 25) }
    /// `InitIn`, in either form; answered by `InitOut`.
    @inlinable public static var initialize: Opcode { Opcode(rawValue: 26) }
    /// `OpenIn`; answered by `OpenOut`.
    @inlinable public static var opendir: Opcode { Opcode(rawValue: 27) }
    /// `ReadIn`; answered by `Dirent` and name, over and over, nothing at the end.
    @inlinable public static var readdir: Opcode { Opcode(rawValue: 28) }
    /// `ReleaseIn`.
    @inlinable public static var releasedir: Opcode { Opcode(rawValue: 29) }
    /// `FsyncIn`.
    @inlinable public static var fsyncdir: Opcode { Opcode(rawValue: 30) }
    /// `LkIn`; answered by `LkOut`.
    @inlinable public static var getlk: Opcode { Opcode(rawValue: 31) }
    /// `LkIn`.
    @inlinable public static var setlk: Opcode { Opcode(rawValue: 32) }
    /// `LkIn`; may wait.
    @inlinable public static var setlkw: Opcode { Opcode(rawValue: 33) }
    /// `AccessIn`.
    @inlinable public static var access: Opcode { Opcode(rawValue: 34) }
    /// Creates and opens. `CreateIn`, the name; answered by `EntryOut` and `OpenOut`.
    @inlinable public static var create: Opcode { Opcode(rawValue: 35) }
    /// `InterruptIn`; no reply is due, but EAGAIN asks to be told again.
    @inlinable public static var interrupt: Opcode { Opcode(rawValue: 36) }
    /// `BmapIn`; answered by `BmapOut`.
    @inlinable public static var bmap: Opcode { Opcode(rawValue: 37) }
    /// The filesystem is unmounted. Empty.
    @inlinable public static var destroy: Opcode { Opcode(rawValue: 38) }
    /// `IoctlIn`, data; answered by `IoctlOut`, data.
    @inlinable public static var ioctl: Opcode { Opcode(rawValue: 39) }
    /// `PollIn`; answered by `PollOut`.
    @inlinable public static var poll: Opcode { Opcode(rawValue: 40) }
    /// What `NotifyCode.retrieve` asked for. `NotifyRetrieveIn`, data; no reply.
    @inlinable public static var notifyReply: Opcode { Opcode(rawValue: 41) }
    /// `BatchForgetIn`, `ForgetOne` times `count`; no reply.
    @inlinable public static var batchForget: Opcode { Opcode(rawValue: 42) }
    /// `FallocateIn`.
    @inlinable public static var fallocate: Opcode { Opcode(rawValue: 43) }
    /// `ReadIn`; answered by `Direntplus` and name, over and over, nothing at the end.
    @inlinable public static var readdirplus: Opcode { Opcode(rawValue: 44) }
    /// `Rename2In`, the old name, the new one.
    @inlinable public static var rename2: Opcode { Opcode(rawValue: 45) }
    /// `LseekIn`; answered by `LseekOut`.
    @inlinable public static var lseek: Opcode { Opcode(rawValue: 46) }
    /// `CopyFileRangeIn`; answered by `WriteOut`.
    @inlinable public static var copyFileRange: Opcode { Opcode(rawValue: 47) }
    /// virtiofs. `SetupmappingIn`.
    @inlinable public static var setupmapping: Opcode { Opcode(rawValue: 48) }
    /// virtiofs. `RemovemappingIn`, `RemovemappingOne` times `count`.
    @inlinable public static var removemapping: Opcode { Opcode(rawValue: 49) }
    /// virtiofs, and block-device mounts. `SyncfsIn`. 7.34.
    @inlinable public static var syncfs: Opcode { Opcode(rawValue: 50) }
    /// Creates and opens a file without a name. `CreateIn`, a name that means nothing; answered by `EntryOut`
    /// and `OpenOut`. 7.37.
    @inlinable public static var tmpfile: Opcode { Opcode(rawValue: 51) }
    /// `StatxIn`; answered by `StatxOut`. 7.39.
    @inlinable public static var statx: Opcode { Opcode(rawValue: 52) }
    /// `CopyFileRangeIn`; answered by `CopyFileRangeOut`. 7.45.
    @inlinable public static var copyFileRange64: Opcode { Opcode(rawValue: 53) }
    /// CUSE. `CuseInitIn`; answered by `CuseInitOut` and the device's properties.
    @inlinable public static var cuseInit: Opcode { Opcode(rawValue: 4096) }
    /// CUSE_INIT as the other byte order reads it; nothing else will get this number.
    @inlinable public static var cuseInitBswapReserved: Opcode { Opcode(rawValue: 0x100000) }
    /// INIT as the other byte order reads it; nothing else will get this number.
    @inlinable public static var initBswapReserved: Opcode { Opcode(rawValue: 0x1a000000) }
}
