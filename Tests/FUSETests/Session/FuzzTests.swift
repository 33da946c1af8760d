// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import Synchronization
import SystemPackage
import Testing

/// Fills whatever it is given to fill, and throws whatever an `Errno` can be.
final class RandomFS: FileSystem {
    private let generator: Mutex<SplitMix64>
    private let connection = Mutex<Connection?>(nil)

    init(seed: UInt64) { generator = Mutex(SplitMix64(state: seed)) }

    var capabilities: Capabilities { [.doReaddirplus, .createSuppGroup, .securityCtx, .setxattrExt, .posixLocks] }

    func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }

    /// Answers later: rightly, with an answer of another kind, or not at all.
    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        guard let connection = connection.withLock({ $0 }) else { throw .ioError }
        throw connection.deferReply(to: request) { reply in
            switch number() % 5 {
            case 0: reply.reply()
            case 1: reply.reply(count: number())
            case 2: reply.reply(entry)
            case 3: reply.fail(Errno(rawValue: Int32(truncatingIfNeeded: number())))
            default: _ = consume reply
            }
        }
    }

    func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents {
        waker?.wake()
        return PollEvents(rawValue: UInt32(truncatingIfNeeded: number()))
    }

    func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 {
        fill(&output)
        try perhapsThrow()
        return Int32(truncatingIfNeeded: number())
    }

    private func number() -> UInt64 { generator.withLock { $0.next() } }

    private func perhapsThrow() throws(Errno) {
        let number = number()
        if number % 4 == 0 { throw Errno(rawValue: Int32(truncatingIfNeeded: number >> (2 + number >> 59))) }
    }

    private var entry: Entry { Entry(node: NodeID(rawValue: number()), generation: number(), attributes: attributes) }
    private var attributes: Attributes { Attributes(inode: number(), mode: FileMode(rawValue: UInt32(truncatingIfNeeded: number())), size: number()) }
    private var opened: Opened {
        let kinds: [Wish] = [.cached, .keepingCache, .direct, .passthrough(FileDescriptor(rawValue: 0)), .passthroughDirect(FileDescriptor(rawValue: 0))]
        let number = number()
        return Opened(handle: FileHandle(rawValue: number), io: kinds[Int(number >> 60) % kinds.count].io, skipsFlush: number & 1 == 0, nonSeekable: number & 2 == 0)
    }

    private func fill(_ output: inout DataWriter) {
        let number = number()
        let count = number % 3 == 0 ? output.freeCapacity : Int(number % UInt64(output.freeCapacity + 1))
        // Now and then more than there is room for.
        output.append(contentsOf: repeatElement(0xab, count: number % 8 == 7 ? count + output.freeCapacity + 1 : count))
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        precondition(name.count > 0)
        try perhapsThrow()
        return entry
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try perhapsThrow()
        return AttributesReply(attributes, timeout: .milliseconds(number()))
    }

    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try perhapsThrow()
        return AttributesReply(attributes)
    }

    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) { fill(&target) }

    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry { entry }

    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry { entry }

    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
        try perhapsThrow()
        return opened
    }

    func create(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        Created(entry: entry, opened: opened)
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        fill(&output)
        try perhapsThrow()
    }

    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        Int(truncatingIfNeeded: number())
    }

    func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64 { number() }

    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        while entries.add(String(repeating: "x", count: Int(number() % 300)), inode: 1, type: .regular, next: offset) {
            if number() % 16 == 0 { return try perhapsThrow() }
        }
    }

    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        let name = [UInt8](repeating: 1, count: Int(number() % 300))
        while entries.add(name.raw, entry: number() % 2 == 0 ? nil : entry, inode: 1, type: .regular, next: offset), number() % 16 != 0 {}
    }

    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        fill(&value)
        try perhapsThrow()
        return Int(truncatingIfNeeded: number())
    }

    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        fill(&names)
        return names.byteCount
    }
}

/// Whatever arrives is answered as the kernel will have it: a trap would end the test process.
@Suite struct FuzzTests {
    /// One of every operation, of some in two forms.
    static let samples: [[UInt8]] = Dispatched.all.map(\.message)
        + Dispatched.undone.map { request($0, structure: [UInt8](repeating: 0, count: $0.inSize)) }
        + [
            request(.mkdir, structure: bytes(MkdirIn()), payload: Dispatched.name, extensions: groupsExtension([1, 2, 3])),
            request(.forget, structure: bytes(ForgetIn(nlookup: 1))), request(.destroy),
            request(.batchForget, structure: bytes(BatchForgetIn(count: 1)), payload: bytes(ForgetOne(nodeid: 8, nlookup: 1))),
            request(.interrupt, structure: bytes(InterruptIn(unique: 1))),
            request(.notifyReply, structure: bytes(NotifyRetrieveIn())),
            request(.setxattr, structure: bytes(SetxattrIn(size: 2)), payload: "user.x".withNUL + [1, 2]),
        ]

    @Test func everyMessageIsAnsweredAsTheKernelWillHaveIt() throws {
        let seed = seed(of: "session fuzz")
        var generator = SplitMix64(state: seed)
        // Traced: what cannot be decoded must not trap there either.
        let stepped = try Stepped(RandomFS(seed: generator.next()), capacity: 16384, trace: { _ in })
        let (channel, session) = (stepped.channel, stepped.session)
        var (answered, succeeded, silent) = (0, 0, 0)
        let rounds = environmentNumber("SWIFT_FUSE_FUZZ_ROUNDS") ?? 100_000
        for round in 0..<rounds {
            let message = mutated(Self.samples[round % Self.samples.count], &generator)
            // Now and then nobody takes the reply, and all of it is taken back.
            let isLost = generator.next() % 8 == 0
            if isLost { channel.failReply(with: .noSuchFileOrDirectory) }
            channel.send(message)
            try #require(try session.step(stepped.traced), "\(message), SWIFT_FUSE_SEED=\(seed)")
            let replies = channel.takeReplies()
            let isDue = message.count >= 40 && Opcode(rawValue: word(message, 4)).isAnswered
            if isLost {
                // Nothing was due.
                channel.forgetFailures()
                continue
            }
            let isRight = replies.count == (isDue ? 1 : 0) && replies.allSatisfy { isAcceptable($0, to: message) }
            try #require(isRight, "\(message) was answered with \(replies); SWIFT_FUSE_SEED=\(seed)")
            answered += replies.count
            succeeded += replies.count { $0.error == nil }
            silent += isDue ? 0 : 1
        }
        // The mutations reach all ways out, and not one of them alone.
        #expect(answered > rounds / 2 && succeeded > rounds / 10 && answered - succeeded > rounds / 10 && silent > rounds * 3 / 100, "SWIFT_FUSE_SEED=\(seed): \(answered) \(succeeded) \(silent)")
    }

    private func isAcceptable(_ reply: Sent, to message: [UInt8]) -> Bool {
        guard reply.unique == (try? message.load(InHeader.self).unique) else { return false }
        if let error = reply.error { return (1...511).contains(error.rawValue) && reply.body.isEmpty }
        switch Opcode(rawValue: word(message, 4)) {
        case .read, .readdir, .readdirplus: return reply.body.count <= Int(word(message, 56))
        case .getxattr, .listxattr:
            let size = word(message, 40)
            return size == 0 ? reply.body.count == GetxattrOut.wireSize : reply.body.count <= Int(size)
        case .readlink: return reply.body.count <= 4095
        case .lookup, .symlink, .mknod, .mkdir, .link: return reply.body.count == EntryOut.wireSize
        case .getattr, .setattr: return reply.body.count == AttrOut.wireSize
        case .open, .opendir: return reply.body.count == OpenOut.wireSize
        case .create, .tmpfile: return reply.body.count == EntryOut.wireSize + OpenOut.wireSize
        case .statfs: return reply.body.count == StatfsOut.wireSize
        case .write:
            // Never more than was asked for.
            return reply.body.count == WriteOut.wireSize && word(reply.body, 0) <= word(message, 56)
        case .copyFileRange: return reply.body.count == WriteOut.wireSize
        case .copyFileRange64, .lseek: return reply.body.count == 8
        case .poll: return reply.body.count == PollOut.wireSize
        case .ioctl: return (16...16 + Int(word(message, 68))).contains(reply.body.count)
        case .getlk: return reply.body.count == LkOut.wireSize
        default: return reply.body.isEmpty
        }
    }

    private func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << ($1 * 8) }
    }

    private func mutated(_ sample: [UInt8], _ generator: inout SplitMix64) -> [UInt8] {
        var message = sample
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
            guard !message.isEmpty else { break }
            let index = Int.random(in: 0..<message.count, using: &generator)
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: message[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: message[index] = [0, 1, 0x2e, 0x2f, 0x7f, 0x80, 0xff].randomElement(using: &generator) ?? 0
            case 2: message.removeLast(Int.random(in: 0...Swift.min(48, message.count), using: &generator))
            case 3: message += (0..<Int.random(in: 1...16, using: &generator)).map { UInt8($0 * 17) }
            case 4 where message.count >= 40: message[4] = UInt8.random(in: 0...60, using: &generator)
            case 5 where message.count >= 40: message[36] = UInt8.random(in: 0...12, using: &generator)
            default:
                let word: [UInt8] = [[0, 0, 0, 0], [255, 255, 255, 255], [255, 255, 255, 127]].randomElement(using: &generator) ?? []
                for (offset, byte) in word.enumerated() where index + offset < message.count { message[index + offset] = byte }
            }
        }
        // Left as it is, the length gives most mutations away at once.
        if message.count >= 4, Int.random(in: 0..<4, using: &generator) > 0 {
            for index in 0..<4 { message[index] = UInt8(truncatingIfNeeded: message.count >> (index * 8)) }
        }
        return message
    }
}
