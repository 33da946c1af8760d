// SPDX-License-Identifier: MIT

/// Requests that a filesystem has no use for, and that the kernel is to leave out for the whole connection:
/// ``FileSystem/omitted``. Each saves its callers a trip through the server, and gives something up.
///
/// The session answers the first one with ENOSYS, which the kernel remembers. The filesystem's own methods for them are not
/// called.
public struct OmittedRequests: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// OPENDIR and RELEASEDIR: a directory is read without being opened. Then
    /// - each READDIR, READDIRPLUS and FSYNCDIR, and each command on a directory, names the node alone: its handle is
    ///   ``FileHandle/none``. So a place in a directory (``DirectoryOffset``) must be good without anything that is kept of an
    ///   open, whoever reads on from it, and after any time;
    /// - the kernel keeps every listing that was read to its end, as with ``OpenedDirectory/cachesEntries`` and
    ///   ``OpenedDirectory/keepsCache``: a directory that has not changed is listed again without any request. It drops a listing
    ///   for what is changed through the mount; with the capability `autoInvalData` also when it sees another modification time,
    ///   for which it asks once the attributes' time is over; and for ``Notification/content(_:_:)``;
    /// - nobody but the kernel checks whether a user may read a directory: right with
    ///   ``MountOptions/defaultPermissions``, or where all users may.
    ///
    /// Linux 5.1 (protocol 7.29, `FUSE_NO_OPENDIR_SUPPORT`). Elsewhere directories are opened, see ``Connection/omitted``.
    public static var opendir: OmittedRequests { OmittedRequests(rawValue: 1) }

    /// COPY_FILE_RANGE: the kernel copies by reading and writing the two files. For files that are passed through it does so by
    /// itself, without any request. So it is left out only where the kernel takes files, see ``Connection/passthrough``. What is given up is that a copy can share blocks with what it is made of.
    public static var copyFileRange: OmittedRequests { OmittedRequests(rawValue: 4) }

    /// GETXATTR, SETXATTR, LISTXATTR and REMOVEXATTR: there are no extended attributes, and users get EOPNOTSUPP. The kernel
    /// then does not ask for file capabilities either, as it else does before a file is written and when its owner changes. It
    /// finds no access control lists, so permissions are checked by owner, group and mode alone.
    public static var xattrs: OmittedRequests { OmittedRequests(rawValue: 2) }
}
