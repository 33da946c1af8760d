// SPDX-License-Identifier: MIT

import Dispatch
import FUSE
import FUSEWire
import Glibc
import Synchronization
import SystemPackage

/// One file, `file`, whose content is that of a file elsewhere. The test says how each open is to go.
final class BackedFS: TinyFS {
    let names = ["file"]
    let timeout = Timeout.zero
    let source: FileDescriptor
    private let wishes = Mutex<[Wish]>([])
    /// What opens get when no wish is left.
    private let otherwise: Wish

    /// - Parameter source: a descriptor that lives as long as the mount.
    init(source: FileDescriptor, otherwise: Wish = .cached) {
        self.source = source
        self.otherwise = otherwise
    }

    /// How the next open is to go.
    func wish(_ io: Wish) { wishes.withLock { $0.append(io) } }

    var size: UInt64 {
        var status = stat()
        // Safe: filled within the call.
        return unsafe fstat(source.rawValue, &status) == 0 ? UInt64(status.st_size) : 0
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        var entry = try entry(name, in: parent)
        entry.attributes.size = size
        return entry
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        var attributes = try attributes(of: node)
        if node != .root { attributes.size = size }
        return AttributesReply(attributes, timeout: timeout)
    }

    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        if let size = changes.size { guard ftruncate(source.rawValue, Int(size)) == 0 else { throw Errno(rawValue: errno) } }
        return try getattr(node, handle: handle, for: request)
    }

    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
        Opened(io: (wishes.withLock { $0.isEmpty ? nil : $0.removeFirst() } ?? otherwise).io)
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        let failure: Int32? = output.appendInPlace { room in
            unsafe room.withUnsafeMutableBytes { buffer, count in
                // Safe: what is free of the buffer, for the call.
                let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                let read = unsafe pread(source.rawValue, free.baseAddress, free.count, Int(offset))
                guard read >= 0 else { return errno }
                count += read
                return nil
            }
        }
        if let failure { throw Errno(rawValue: failure) }
    }

    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        // Safe: the data is lent for the call.
        let count = unsafe data.withUnsafeBytes { unsafe pwrite(source.rawValue, $0.baseAddress, $0.count, Int(offset)) }
        guard count >= 0 else { throw Errno(rawValue: errno) }
        return count
    }

    /// Signalled by each release.
    let released = DispatchSemaphore(value: 0)

    func release(_ file: OpenFile, for request: Request) { released.signal() }

    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {}
}
