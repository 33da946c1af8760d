// SPDX-License-Identifier: MIT

public import SystemPackage

/// A filesystem, as its author writes it: one method an operation, which returns the answer or throws the `Errno` that
/// the user is to see. The session does everything else: it decodes, replies exactly once, and counts.
///
/// Only ``lookup(_:in:for:)`` and ``getattr(_:handle:for:)`` must be there. An operation that is not implemented is
/// answered in the way that makes the kernel help itself or stop asking: mostly ENOSYS, which it remembers for as long
/// as the filesystem is mounted. That is why a *thrown* ENOSYS reaches the user as EIO.
///
/// **Threads.** Methods are called from several threads at once, also for the same inode or open file. They may block:
/// other requests go on on other threads.
///
/// **Views.** Names, data and writers belong to the call: copy what must outlive it.
///
/// **Mistakes.** An answer that cannot be (more data than there is room for, a count of more than was asked for, attributes of
/// no file) gives the caller of that request EIO, and what came with it is given back: an entry by
/// ``forget(_:lookups:)``, an open file by ``release(_:for:)``. The log names the operation, once. The mount goes on.
///
/// **Order.** An answer that names a node or a handle may reach the kernel, and the next request about it another
/// thread, before the method that answered has quite returned to its caller.
///
/// C counterpart: `struct fuse_lowlevel_ops` of libfuse.
public protocol FileSystem: Sendable {
    /// What to ask the kernel for beyond what the session needs itself. What is granted is in ``Connection/capabilities``; what
    /// is not, because the kernel or this library does not do it, in ``Connection/missing``.
    var capabilities: Capabilities { get }

    /// Those of them without which it is not to be served: where the kernel does not offer one of them the session does not start, see
    /// ``SessionError/missing(_:)``. None, unless it says otherwise.
    var requiredCapabilities: Capabilities { get }

    /// Requests that the kernel is not to send at all, see ``OmittedRequests``. None, unless it says otherwise. Asked once, before
    /// ``start(_:)``.
    var omitted: OmittedRequests { get }

    /// How files that are handed to the kernel are numbered and kept. Asked once, before ``start(_:)``.
    var backings: BackingOptions { get }

    /// What its mount must rule out, whatever the options of the mount allow. Asked once, when it is mounted. A filesystem that
    /// shows files of another one answers what that one is mounted with, as ``MountRestrictions`` says why.
    var mountRestrictions: MountRestrictions { get }

    /// The connection is up; no other method has been called yet.
    func start(_ connection: Connection)

    /// The connection is over, and no method is running any more. The kernel sends no release and no forget for what
    /// was open and known at that moment.
    func stop()

    /// The caller of a request whose reply is deferred wants to give up: it got a signal while it waits. Give the reply
    /// soon, `.interrupted` being the usual one. Called once a request, on any thread; the reply may be on its way
    /// already. C counterpart: `fuse_req_interrupt_func` of libfuse.
    func interrupted(_ request: RequestID)

    // MARK: Names and inodes

    /// Finds a name in a directory. Throws `.noSuchFileOrDirectory` where there is none, or answers
    /// ``Entry/absent(for:)`` to have that remembered.
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry

    /// Gives back lookups of a node: as many as the answers that named it since. At zero the node id may be reused.
    /// Nobody waits for it.
    func forget(_ node: NodeID, lookups: UInt64)

    /// Answers for a node that the kernel may have forgotten long ago, with one lookup more: somebody has a file handle of
    /// it (`open_by_handle_at(2)`, an NFS client). Only where ``capabilities`` have `.exportSupport`. The answer names the
    /// same node and generation as the one that the handle was made of; throws `.staleNFSFileHandle` where the inode is
    /// gone, or not remembered. C counterpart: FUSE_LOOKUP of `.`.
    func revive(_ node: NodeID, for request: Request) throws(Errno) -> Entry

    /// The directory that a directory is in, with one lookup more: so the kernel finds the way from a file handle to the
    /// root. Only where ``capabilities`` have `.exportSupport`. C counterpart: FUSE_LOOKUP of `..`.
    func parent(of node: NodeID, for request: Request) throws(Errno) -> Entry

    /// The attributes of a node. `handle` is there where the caller has the file open and the kernel says so.
    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply

    /// As ``getattr(_:handle:for:)``, and with the time of birth. The kernel asks when somebody wants to know that
    /// (`statx(2)`, protocol 7.39). Not implemented: it is unknown.
    func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply

    /// Changes attributes, and answers with all of them.
    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply

    /// Writes the target of a symbolic link into `target`, without a NUL.
    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno)

    /// Creates a file that is no directory and no symbolic link. The answer is of the type that `new` says.
    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry

    func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry

    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry

    func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno)

    func rmdir(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno)

    /// Renames. Flags that the filesystem cannot do: `.invalidArgument`.
    func rename(
        _ name: borrowing Name, in parent: NodeID, to newName: borrowing Name, in newParent: NodeID, flags: RenameFlags,
        for request: Request
    ) throws(Errno)

    /// Makes another name for a node.
    func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry

    /// Whether the caller may do this. Not asked where the mount has `default_permissions`: the kernel then decides
    /// by the attributes.
    func access(_ node: NodeID, _ mode: AccessCheck, for request: Request) throws(Errno)

    func statfs(_ node: NodeID, for request: Request) throws(Errno) -> FileSystemStatistics

    // MARK: Open files

    /// Opens a file. Every open that succeeded is followed by one ``release(_:for:)``.
    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened

    /// Creates a file and opens it; opens the one that is there, unless `O_EXCL` is set.
    func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created

    /// Creates a file without a name in a directory, and opens it (`O_TMPFILE`, protocol 7.37).
    func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created

    /// Writes up to as many bytes as `output` has room for. Fewer mean the end of the file, except with direct I/O; more are
    /// a mistake.
    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno)

    /// Writes `data`, and answers how many bytes of it were written: 0 to all of it.
    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int

    /// One of the descriptors of an open file is being closed; what is thrown is what `close(2)` returns. Not
    /// implemented, it is never asked for again.
    func flush(_ file: OpenFile, owner: LockOwner, for request: Request) throws(Errno)

    /// The last descriptor and mapping of an open file is gone. Nobody waits for it, and nobody sees an error.
    func release(_ file: OpenFile, for request: Request)

    /// Puts what was written on stable storage; with `dataOnly` no more than what is needed to read it again.
    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno)

    func fallocate(_ file: OpenFile, mode: Int32, offset: UInt64, length: UInt64, for request: Request) throws(Errno)

    /// Finds data or a hole (`SEEK_DATA`, `SEEK_HOLE`); other kinds of seeking the kernel does by itself.
    func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64

    /// Copies between two files of this mount; answers how many bytes, `length` at the most.
    func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64

    // MARK: Directories

    /// Opens a directory. Every one that succeeded is followed by one ``releasedir(_:for:)``.
    func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory

    /// Writes the entries of a directory from `offset` on, `.` and `..` among them if users are to see them.
    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno)

    /// As ``readdir(_:from:into:for:)``, and looks each entry up. Asked for only with the capability `doReaddirplus`, and then
    /// instead of `readdir`; with `readdirplusAuto` as well the kernel asks for the one or the other. Not implemented, it is
    /// answered by `readdir`, in entries that are 128 bytes larger for nothing.
    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno)

    func releasedir(_ directory: OpenFile, for request: Request)

    func fsyncdir(_ directory: OpenFile, dataOnly: Bool, for request: Request) throws(Errno)

    /// Puts the whole filesystem on stable storage (`syncfs(2)`, protocol 7.34; the kernel asks only virtiofs and
    /// fuseblk mounts).
    func syncfs(_ node: NodeID, for request: Request) throws(Errno)

    // MARK: Extended attributes

    /// Writes the value of an attribute into `value`, and answers its size. Where `value` has no room at all, only the size is
    /// wanted; to append the value is as good, as nothing is written then, but counted. A value that is larger than its room is
    /// ERANGE for the caller, whether it was appended or only its size answered. Throws `.noData` where there is no such
    /// attribute.
    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int

    /// As ``getxattr(_:of:into:for:)``, for the names of all attributes, each with its NUL.
    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int

    /// Sets an extended attribute. C counterpart: `setxattr(2)`.
    ///
    /// With the capability `InitFlags.securityCtx` it is also called for what was just made, with each security context that
    /// the kernel wants that to have (`security.selinux`), before the maker hears of it. What it throws then is the maker's
    /// error. A creation whose reply is deferred is not followed by it. Source: `get_create_ext` in Linux.
    func setxattr(_ name: borrowing Name, of node: NodeID, to value: RawSpan, _ options: XattrOptions, for request: Request) throws(Errno)

    func removexattr(_ name: borrowing Name, of node: NodeID, for request: Request) throws(Errno)

    // MARK: Locks

    /// Finds a lock that would be in the way of `lock`; nil where there is none. Asked for only with the capability
    /// `posixLocks`: without it the kernel keeps the locks.
    func getlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, for request: Request) throws(Errno) -> FileLock?

    /// Takes or releases a lock. With `wait` it blocks until it can be had.
    func setlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, wait: Bool, isFlock: Bool, for request: Request) throws(Errno)

    // MARK: Poll and ioctl

    /// Which of the `events` hold now, for `poll(2)`, `select(2)` and `epoll(7)` on an open file. Where someone waits,
    /// there is a `waker`: keep it, and wake when the answer may have changed; the kernel then asks again. A later one of
    /// the same open file takes the place of an earlier one. What is thrown makes the file show `POLLERR`.
    ///
    /// Not implemented, the kernel takes all files for ready, and does not ask again. C counterpart: `poll` of libfuse.
    func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents

    /// A command of the filesystem's own, sent by `ioctl(2)` on an open file or directory. The command's number says how
    /// many bytes go which way: they come as `input`, and `output` has room for as many as go back. What is returned is
    /// what the call returns; negative would be an error, so throw that instead: here it is a mistake. A command that is unknown:
    /// `.inappropriateIOCTLForDevice` (ENOTTY), as the default throws.
    ///
    /// The kernel answers some commands by itself. Commands for attribute flags (`FS_IOC_SETFLAGS` and its like: `chattr`)
    /// come for files that the kernel itself has opened, and after it has checked that the caller may (Linux 5.13);
    /// others come unchecked. For directories they come with the capability `hasIoctlDir` alone.
    /// C counterpart: `ioctl` of libfuse, restricted; what refers to further memory of the caller cannot be had.
    func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32
}
