// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

// A request's parts as the values that a filesystem sees. A message that is short or makes no sense becomes EIO, a name
// that no directory entry can have EINVAL.

extension RequestMessage {
    /// The longest target of a link: the kernel has room for a page, less the NUL that it adds (`fuse_readlink_page`).
    static var longestTarget: Int { 4095 }
    /// The most that a copy is asked for whose answer has 32 bits.
    static var longestNarrowCopy: UInt64 { 1 << 30 }

    var node: NodeID { NodeID(rawValue: header.nodeid) }

    func file(_ handle: UInt64) -> OpenFile { OpenFile(node: node, handle: FileHandle(rawValue: handle)) }

    /// The type of what it has made; nil where the message does not say, or makes nothing.
    var typeToMake: FileType? {
        switch opcode {
        case .mkdir: return .directory
        case .symlink: return .symbolicLink
        case .create, .tmpfile: return .regular
        case .mknod: return (try? fields(MknodIn.self)).map { FileMode(rawValue: .init(truncatingIfNeeded: $0.mode)).type }
        default: return nil
        }
    }

    /// Who asks.
    func request() throws(Errno) -> Request {
        Request(
            id: RequestID(rawValue: header.unique),
            caller: Caller(
                user: UserID(header.uid), group: GroupID(header.gid), process: Int32(bitPattern: header.pid),
                supplementaryGroup: extensions.isEmpty ? nil : try supplementaryGroup()))
    }

    /// The security contexts that the new inode is to have: each an attribute's name, and its value.
    func forEachSecurityContext(_ body: (borrowing Name, RawSpan) throws(Errno) -> Void) throws(Errno) {
        guard !extensions.isEmpty else { return }
        do {
            var reader = ExtensionReader(extensions)
            while let part = try reader.next() {
                guard var contexts = part.securityContexts() else { continue }
                while let context = try contexts.next() { try body(Name(terminated: context.name), context.value) }
            }
        } catch let error as Errno {
            throw error
        } catch {
            throw .ioError
        }
    }

    private func supplementaryGroup() throws(Errno) -> GroupID? {
        do throws(WireError) {
            var reader = ExtensionReader(extensions)
            while let part = try reader.next() {
                if let groups = try part.supplementaryGroups(), groups.count > 0 { return GroupID(groups[0]) }
            }
            return nil
        } catch {
            throw .ioError
        }
    }
}

extension WireReader {
    /// The next name as it is: an attribute's, or a symbolic link's target.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func text() throws(Errno) -> Name {
        do throws(WireError) { return Name(terminated: try name()) } catch { throw .ioError }
    }

    /// The next name, which must be one that a directory entry can have.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func entryName() throws(Errno) -> Name {
        let name = try text()
        guard name.isEntryName else { throw .invalidArgument }
        return name
    }

    @_lifetime(copy self)
    @_lifetime(self: copy self)
    mutating func data(_ count: UInt32) throws(Errno) -> RawSpan {
        do throws(WireError) { return try bytes(Int(count)) } catch { throw .ioError }
    }
}

extension Errno {
    /// As the kernel may see it. It refuses an error outside 1...511, and the caller would hang for ever
    /// (`fuse_dev_do_write`); and it takes ENOSYS for a promise about all later requests.
    var forKernel: Errno {
        if self == .notImplemented { return .noFunction }
        if self == .noFunction || !(1...511).contains(rawValue) { return .ioError }
        return self
    }
}
