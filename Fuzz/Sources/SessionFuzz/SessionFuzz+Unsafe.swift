// SPDX-License-Identifier: MIT
//
// One input is the messages of one connection after INIT, each with a length of two bytes before it. The fuzzer's inputs
// go through a whole session: decoded, dispatched to a filesystem that fills what it is given, encoded, taken back where
// nobody received the reply. A trap, or a reply that the kernel would refuse, is a finding.

import CFuzzer
import FUSE
import FUSEWire
import Logging
import Synchronization
import SystemPackage

struct FillingFS: FileSystem {
    var capabilities: Capabilities { [.doReaddirplus, .createSuppGroup, .securityCtx, .setxattrExt, .posixLocks] }
    private var entry: Entry { entry(.regular) }
    private func entry(_ type: FileType) -> Entry {
        Entry(node: 9, attributes: Attributes(inode: 9, mode: FileMode(type: type, permissions: .ownerReadWrite), size: 1))
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        precondition(name.count > 0)
        return entry
    }
    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(.file(size: 1))
    }
    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(.file(size: changes.size ?? 1))
    }
    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) { fill(&target) }
    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry { entry(new.mode.type) }
    func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry { entry(.directory) }
    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry { entry(.symbolicLink) }
    func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry { entry }
    func create(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        Created(entry: entry, opened: Opened())
    }
    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) { fill(&output) }
    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        data.byteCount
    }
    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        while entries.add("name", inode: 1, type: .regular, next: offset) {}
    }
    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        let name: [UInt8] = [0x61]
        // Safe: bytes have no padding.
        while unsafe entries.add(name.span.bytes, entry: entry, inode: 1, type: .regular, next: offset) {}
    }
    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        fill(&value)
        return value.byteCount
    }
    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int { .max }
    func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents { events }
    func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 {
        fill(&output)
        return Int32(truncatingIfNeeded: command.number)
    }

    /// All there is room for, and now and then more.
    private func fill(_ output: inout DataWriter) {
        output.append(contentsOf: repeatElement(0xab, count: output.freeCapacity))
        if output.byteCount % 7 == 3 { output.append(0xab) }
    }
}

final class FuzzTransport: Transport {
    func makeChannel() throws(Errno) -> any Channel { throw .tooManyOpenFiles }
    func openBacking(_ map: BackingMap) throws(Errno) -> BackingID { throw .notPermitted }
    func closeBacking(_ id: BackingID) throws(Errno) {}
    func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {}
}

/// Used by one thread.
final class FuzzChannel: Channel, @unchecked Sendable {
    private var messages: [[UInt8]]
    private var hasStarted = false

    init(_ messages: [[UInt8]]) { self.messages = messages.reversed() }

    func receive() throws(Errno) -> Exchange? {
        guard let next = messages.popLast() else { return nil }
        // INIT is always answered: nothing would come after it.
        let loses = Atomic(next.count % 5 == 4 && hasStarted)
        hasStarted = true
        return try MessageSlot(capacity: 1 << 16) { (reply) throws(Errno) in
            guard let header = try? reply.load(OutHeader.self) else { preconditionFailure("a reply without a header") }
            precondition((-511...0).contains(header.error), "the kernel would refuse \(header.error)")
            if loses.exchange(false, ordering: .relaxed) { throw .noSuchFileOrDirectory }
        }.exchange(next.raw)
    }
}

extension [UInt8] {
    var raw: RawSpan {
        // Safe: bytes have no padding.
        @_lifetime(borrow self) get { unsafe span.bytes }
    }
}

@main
struct SessionFuzz {
    static func main() {
        if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "--seeds" { return makeSeeds(in: CommandLine.arguments[2]) }
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe CommandLine.unsafeArgv
        // Safe: the arguments live as long as the process.
        _ = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, size in
            // Safe: the fuzzer lends so many bytes for the call; they are copied.
            SessionFuzz.run(unsafe Array(UnsafeBufferPointer(start: data, count: size)))
            return 0
        }
    }

    private static func run(_ input: [UInt8]) {
        var messages = [initialize]
        var rest = input[...]
        while rest.count > 2 {
            let length = Int(rest[rest.startIndex]) | Int(rest[rest.startIndex + 1]) << 8
            rest = rest.dropFirst(2)
            var message = Array(rest.prefix(length))
            rest = rest.dropFirst(length)
            // A wrong length is refused at once, so that nothing else would ever be reached: every fourth stays wrong.
            if message.count >= 4, message.count % 4 != 3 {
                for index in 0..<4 { message[index] = UInt8(truncatingIfNeeded: message.count >> (index * 8)) }
            }
            messages.append(message)
        }
        // Traced, so that what decodes for people is fuzzed as well.
        let transport = TracedTransport(FuzzTransport()) { _ in }
        let traced = transport.traced(FuzzChannel(messages))
        var options = SessionOptions(logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() })
        options.passthrough = .off
        guard let session = try? Session(FillingFS(), transport: transport, channel: traced, options: options) else {
            preconditionFailure("the session does not start: nothing would be fuzzed")
        }
        while (try? session.step(traced)) == true {}
    }

    /// Writes an input for each operation, to start from: all its fields 0, and two names.
    private static func makeSeeds(in folder: String) {
        for opcode in 1...52 as ClosedRange<UInt32> {
            let size = Opcode(rawValue: opcode).inSize
            let body = [UInt8](repeating: 0, count: size) + Array("user.name\0other\0".utf8)
            let message = bytes(InHeader(len: UInt32(InHeader.wireSize + body.count), opcode: opcode, unique: 4, nodeid: 1)) + body
            let input = [UInt8(truncatingIfNeeded: message.count), UInt8(truncatingIfNeeded: message.count >> 8)] + message
            do {
                let file = try FileDescriptor.open(
                    FilePath(folder + "/seed-\(opcode)"), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
                try file.closeAfter { _ = try file.writeAll(input) }
            } catch {
                preconditionFailure("\(folder): \(error)")
            }
        }
    }

    private static let initialize: [UInt8] = {
        let flags = InitFlags(rawValue: .max)
        return bytes(InHeader(len: UInt32(InHeader.wireSize + InitIn.wireSize), opcode: Opcode.initialize.rawValue, unique: 2))
            + bytes(InitIn(major: 7, minor: 45, max_readahead: 131072, flags: flags.low, flags2: flags.high))
    }()

    private static func bytes<T: WireStruct>(_ value: T) -> [UInt8] {
        // Safe: a structure is plain bytes.
        unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    }
}
