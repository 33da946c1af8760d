// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import FUSEWire
import Glibc
import SystemPackage

/// An open file or directory, whatever the number of its descriptors. C counterparts: `struct file`, `struct fuse_file`.
final class KernelFile {
    /// How its reads and writes count for the inode.
    enum IOMode {
        case none
        case cached
        case passthrough(FileDescriptor)
    }

    let name: KernelName
    let inode: KernelInode
    let handle: UInt64
    /// Those of `open(2)`, as they are now.
    var flags: Int32
    let openFlags: OpenFlags
    /// What the server named, with `OpenFlags.passthrough`.
    let backingID: Int32
    /// RELEASE is due at the end.
    let isKnownToServer: Bool
    var io = IOMode.none
    var position: UInt64 = 0
    var descriptors = 0
    var listing = Listing()
    /// Who opened it.
    var opener: Credentials?
    /// Who holds its flock(2) and open file description locks.
    let lockHolder = LockHolder()

    init(_ name: KernelName, _ inode: KernelInode, _ out: OpenOut, flags: Int32, isKnownToServer: Bool = true) {
        self.name = name
        self.inode = inode
        handle = out.fh
        self.flags = flags
        openFlags = OpenFlags(rawValue: out.open_flags)
        backingID = out.backing_id
        self.isKnownToServer = isKnownToServer
    }

    deinit { if case .passthrough(let descriptor) = io { try? descriptor.close() } }

    var canRead: Bool { flags & O_ACCMODE != O_WRONLY }
    var canWrite: Bool { flags & O_ACCMODE != O_RDONLY }
    var isDirect: Bool { openFlags.contains(.directIO) || flags & Int32(CLINUX_O_DIRECT) != 0 }
    /// Opened to name a file alone.
    var isPath: Bool { flags & Int32(CLINUX_O_PATH) != 0 }
}

extension SimulatedKernel {
    /// Takes an opened file into its inode's mode. EIO where the server's answer breaks the rules. Source:
    /// `fuse_file_io_open`, `fuse_file_passthrough_open` in Linux.
    func enterMode(_ file: KernelFile) throws(Errno) {
        let inode = file.inode
        let flags = file.openFlags
        guard inode.isRegular else { return }
        guard flags.contains(.passthrough) else {
            if inode.backing != nil { throw .ioError }
            if flags.contains(.directIO) { return }
            inode.cachedOpens += 1
            file.io = .cached
            return
        }
        guard isPassthroughOn, flags.isSubset(of: [.passthrough, .directIO, .parallelDirectWrites, .noflush]) else { throw .ioError }
        guard let found = backings.backing(UInt32(bitPattern: file.backingID)) else { throw .ioError }
        let hold = BackingHold(found)
        if inode.cachedOpens > 0 { throw .ioError }
        if let backing = inode.backing, !backing.isSame(as: hold) { throw .ioError }
        // The path's own kernel object is opened anew, with the flags of the caller.
        let ofTheName = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | Int32(CLINUX_O_NOFOLLOW | CLINUX_O_TMPFILE | CLINUX_O_DIRECTORY)
        let wanted = file.flags & ~ofTheName | Int32(CLINUX_O_CLOEXEC)
        let descriptor = hold.reference.withPayload { $0.open(wanted) }
        guard let descriptor else { throw .ioError }
        inode.backing = hold
        inode.passthroughOpens += 1
        file.io = .passthrough(descriptor)
    }

    /// Ends a file's part in its inode's mode: before RELEASE is sent.
    func leaveMode(_ file: KernelFile) {
        let inode = file.inode
        switch file.io {
        case .none: return
        case .cached: inode.cachedOpens -= 1
        case .passthrough(let descriptor):
            try? descriptor.close()
            inode.passthroughOpens -= 1
            if inode.passthroughOpens == 0 { inode.backing = nil }
        }
        file.io = .none
    }

    /// The last descriptor of a file is gone.
    func release(_ file: KernelFile, for process: SimulatedProcess) {
        leaveMode(file)
        guard file.isKnownToServer else { return }
        openFiles -= 1
        var body: [UInt8] = []
        body.put(ReleaseIn(fh: file.handle, flags: UInt32(bitPattern: file.flags)))
        send(file.inode.isDirectory ? .releasedir : .release, file.inode.node, body, for: process)
    }
}
