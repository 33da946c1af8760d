// SPDX-License-Identifier: MIT

public import SystemPackage

/// The answers of a filesystem that does not implement an operation. See ``FileSystem`` for what ENOSYS means.
extension FileSystem {
    public var capabilities: Capabilities { [] }
    public var requiredCapabilities: Capabilities { [] }
    public var omitted: OmittedRequests { [] }
    public var backings: BackingOptions { BackingOptions() }
    public var mountRestrictions: MountRestrictions { [] }

    public func start(_ connection: Connection) {}
    public func stop() {}
    public func forget(_ node: NodeID, lookups: UInt64) {}
    public func interrupted(_ request: RequestID) {}

    /// ESTALE: nothing is known of forgotten nodes.
    public func revive(_ node: NodeID, for request: Request) throws(Errno) -> Entry { throw .staleNFSFileHandle }
    public func parent(of node: NodeID, for request: Request) throws(Errno) -> Entry { throw .staleNFSFileHandle }

    /// ENOSYS: the kernel asks for the other attributes only, and says that the time of birth is not known.
    public func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        throw .notImplemented
    }

    public func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        throw .notImplemented
    }

    public func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        throw .notImplemented
    }

    public func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        throw .notImplemented
    }

    public func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry {
        throw .notImplemented
    }

    public func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func rmdir(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func rename(
        _ name: borrowing Name, in parent: NodeID, to newName: borrowing Name, in newParent: NodeID, flags: RenameFlags,
        for request: Request
    ) throws(Errno) {
        throw .notImplemented
    }

    public func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry {
        throw .notImplemented
    }

    /// ENOSYS: whatever the kernel would have asked is allowed.
    public func access(_ node: NodeID, _ mode: AccessCheck, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    /// An empty filesystem: `df` shows it, and nothing fails.
    public func statfs(_ node: NodeID, for request: Request) throws(Errno) -> FileSystemStatistics {
        FileSystemStatistics()
    }

    /// Open, with the kernel's page cache. (ENOSYS would spare the request, and with it the check that what is
    /// cached is still good.)
    public func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
        Opened()
    }

    /// ENOSYS: the kernel calls mknod and open instead.
    public func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created {
        throw .notImplemented
    }

    public func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        throw .notImplemented
    }

    public func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        throw .notImplemented
    }

    public func flush(_ file: OpenFile, owner: LockOwner, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func release(_ file: OpenFile, for request: Request) {}

    /// ENOSYS: there is nothing to be put anywhere, and `fsync(2)` succeeds.
    public func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func fallocate(_ file: OpenFile, mode: Int32, offset: UInt64, length: UInt64, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    /// ENOSYS: the kernel takes the whole file for data.
    public func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64 {
        throw .notImplemented
    }

    /// ENOSYS: the kernel copies by reading and writing.
    public func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64 {
        throw .notImplemented
    }

    /// Open, and nothing remembered.
    public func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory {
        OpenedDirectory()
    }

    public func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    /// What ``readdir(_:from:into:for:)`` lists, nothing of it looked up. After ENOSYS the kernel would not list by READDIR
    /// instead, but fail.
    public func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        entries.leftOut = try DirectoryWriter.fill(&entries.output, isPlus: true) { (writer) throws(Errno) in
            try readdir(directory, from: offset, into: &writer, for: request)
        }
    }

    public func releasedir(_ directory: OpenFile, for request: Request) {}

    public func fsyncdir(_ directory: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func syncfs(_ node: NodeID, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    /// ENOSYS: the kernel answers "not supported" by itself from then on.
    public func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        throw .notImplemented
    }

    public func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        throw .notImplemented
    }

    public func setxattr(_ name: borrowing Name, of node: NodeID, to value: RawSpan, _ options: XattrOptions, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func removexattr(_ name: borrowing Name, of node: NodeID, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    public func getlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, for request: Request) throws(Errno) -> FileLock? {
        throw .notImplemented
    }

    public func setlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, wait: Bool, isFlock: Bool, for request: Request) throws(Errno) {
        throw .notImplemented
    }

    /// ENOSYS: the kernel takes all files for ready, and does not ask again.
    public func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents {
        throw .notImplemented
    }

    /// ENOTTY: what programs expect of a file that knows no such command. (ENOSYS, which newer kernels turn into it, would
    /// reach them on older ones.)
    public func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 {
        throw .inappropriateIOCTLForDevice
    }
}
