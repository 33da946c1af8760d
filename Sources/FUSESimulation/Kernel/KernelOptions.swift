// SPDX-License-Identifier: MIT

public import BackingTable
import BackingTableHost
public import FUSE
public import SystemPackage

/// What kind of kernel is simulated, and how the filesystem is mounted.
public struct KernelOptions: Sendable {
    /// The newest minor of protocol 7 that it speaks.
    public var minor: UInt32 = 45
    /// What it offers at INIT.
    public var offers: Capabilities = .simulated
    /// How it finds backing ids.
    public var backings: BackingKernel = .allocatesIDs
    /// Where its counter of backing ids begins, for those who want to see it wrap.
    public var firstBackingID: EntryID = .first
    /// How many backing ids may be live; INT32_MAX in a real kernel.
    public var backingLimit: UInt32 = MapConfiguration.maximumLimit
    /// A descriptor of anything on the mount that backing files are on, which outlives the kernel: they are then held by their
    /// handles instead of by descriptors, so that there can be more of them than a process may have open. It takes
    /// CAP_DAC_READ_SEARCH, and one that is removed while it is registered is gone.
    public var backingMount: FileDescriptor?
    /// The kernel decides by the attributes who may do what, as with the mount option `default_permissions`. Without, the
    /// filesystem does, in each operation.
    public var defaultPermissions = true
    /// The largest write that it sends, in bytes; 1 MiB on Linux by default.
    public var maximumWrite = 1 << 20

    public init() {}
}

extension Capabilities {
    /// What a simulated kernel offers by default: all that it does. Left out is what it has no part of (splicing,
    /// submounts, DAX, id mapping, io_uring, security contexts, locks that the server keeps).
    public static var simulated: Capabilities {
        [
            .asyncRead, .atomicOTrunc, .exportSupport, .bigWrites, .dontMask, .autoInvalData, .doReaddirplus,
            .readdirplusAuto, .asyncDIO, .writebackCache, .noOpenSupport, .parallelDirops, .handleKillpriv, .posixACL,
            .abortError, .maxPages, .cacheSymlinks, .noOpendirSupport, .explicitInvalData, .handleKillprivV2, .setxattrExt,
            .initExt, .createSuppGroup, .hasExpireOnly, .directIOAllowMmap, .passthrough, .noExportSupport, .hasResend,
        ]
    }
}
