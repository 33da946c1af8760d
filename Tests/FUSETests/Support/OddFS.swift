// SPDX-License-Identifier: MIT
//
// A filesystem whose author gets everything wrong that can be got wrong, as a seeded generator has it: beside one file,
// `good`, which is right. It keeps books of what it hands over, by the rules that it breaks in all else: what it finds wrong
// with what comes back is the library's fault.
//
// The type of a node follows from its number: a kernel gives up inodes whose type changes.

import FUSE
import Glibc
import Synchronization
import SystemPackage

final class OddFS: FileSystem {
    static let good: NodeID = 2
    static let goodText = "this file is right\n"

    struct Books {
        var generator: SplitMix64
        /// Of each node, as many as the kernel is to give back.
        var lookups: [NodeID: Int] = [:]
        /// Handles of open files, those of answers on their way among them, and of answers that count for nothing.
        var open: Set<FileHandle> = []
        var void: Set<FileHandle> = []
        var lastHandle: UInt64 = 0
        var late: [(reply: DeferredReply.Box, kind: Kind)] = []
        var deferred = 0
        var wrong: [String] = []
    }

    /// What an operation is to be answered with.
    enum Kind: CaseIterable {
        case nothing, entry, attributes, opened, created, directory, count, data, entries, statistics, lock, events, command
    }

    let books: Mutex<Books>
    private let connection = Mutex<Connection?>(nil)
    private let files: [FileDescriptor]
    let lenders: [Lender]
    let capabilities: Capabilities

    init(seed: UInt64, capabilities: Capabilities = [.doReaddirplus, .posixLocks, .flockLocks, .hasIoctlDir], files: [FileDescriptor]) {
        books = Mutex(Books(generator: SplitMix64(state: seed)))
        self.capabilities = capabilities
        // None, one that is closed, and what the test has.
        lenders = files.map { Lender($0) }
        self.files = files + [FileDescriptor(rawValue: -1), FileDescriptor(rawValue: 99_999)]
    }

    /// Odd numbers of inodes, each always the same for its node: none, enormous, or another one's.
    var backings: BackingOptions {
        BackingOptions(ids: .chosen { node in
            switch node.rawValue % 7 {
            case 0: BackingID(rawValue: 0)
            case 1: BackingID(rawValue: .min)
            case 2: BackingID(rawValue: .max)
            case 3: BackingID(rawValue: .max &- Int32(truncatingIfNeeded: node.rawValue & 0xff_ffff))
            default: BackingID(rawValue: Int32(truncatingIfNeeded: node.rawValue & 15) + 1)
            }
        })
    }

    func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }

    // MARK: Chance

    func number() -> UInt64 { books.withLock { $0.generator.next() } }
    func oneIn(_ count: UInt64) -> Bool { number() % count == 0 }
    func any<T>(of values: [T]) -> T { values[Int(number() % UInt64(values.count))] }

    func anyErrno() -> Errno {
        Errno(rawValue: any(of: [2, 5, 13, 17, 38, 39, 61, 0, -1, 511, 512, .max, .min, Int32(truncatingIfNeeded: number())]))
    }

    /// Perhaps throws, perhaps puts the reply off. True: it did, and what is answered now counts for nothing.
    func misbehave(_ request: Request, _ kind: Kind) throws(Errno) -> Bool {
        switch number() % 8 {
        case 0: throw anyErrno()
        case 1, 2:
            guard let connection = connection.withLock({ $0 }) else { return false }
            var isDeferred = false
            let error = connection.deferReply(to: request) { reply in
                isDeferred = true
                put(off: reply, kind)
            }
            if !isDeferred || oneIn(2) { throw oneIn(2) ? error : anyErrno() }
            // A second time.
            if oneIn(4) { _ = connection.deferReply(to: request) { put(off: $0, kind) } }
            return true
        default: return false
        }
    }

    private func put(off reply: consuming sending DeferredReply, _ kind: Kind) {
        books.withLock { $0.deferred += 1 }
        let box = DeferredReply.Box(reply)
        switch number() % 8 {
        case 0: box.take()?.fail(anyErrno())
        case 1: break  // dropped with its box
        case 2: if let reply = box.take() { answer(reply, any(of: Kind.allCases), to: kind) }
        case 3, 4:
            if let reply = box.take() { answer(reply, kind, to: kind) }
            if box.take() != nil { books.withLock { $0.wrong.append("a reply was there twice") } }
        default: books.withLock { $0.late.append((box, kind)) }
        }
    }

    /// Gives the replies that were put off, or some of them.
    func answerLate() {
        let late = books.withLock { books in
            defer { books.late = [] }
            return books.late
        }
        for (box, kind) in late { if let reply = box.take() { answer(reply, oneIn(8) ? any(of: Kind.allCases) : kind, to: kind) } }
    }

    private func answer(_ reply: consuming DeferredReply, _ kind: Kind, to asked: Kind) {
        let counts = kind == asked
        switch kind {
        case .nothing: reply.reply()
        case .entry: reply.reply(entry(counts: counts, type: nil))
        case .attributes: reply.reply(AttributesReply(attributes(of: 13)))
        case .opened: reply.reply(opened(counts: counts))
        case .created: reply.reply(created(counts: counts))
        case .directory: reply.reply(OpenedDirectory(handle: FileHandle(rawValue: number())))
        case .count: reply.reply(count: oneIn(2) ? number() % 64 : number())
        case .data: reply.reply(data: { (output) throws(Errno) in self.fill(&output) })
        case .entries: reply.reply(entries: { (entries) throws(Errno) in self.list(&entries) })
        case .statistics: reply.reply(statistics)
        case .lock: reply.reply(lock: lock)
        case .events: reply.reply(events: PollEvents(rawValue: UInt32(truncatingIfNeeded: number())))
        case .command: reply.reply(result: Int32(truncatingIfNeeded: number()), data: { (output) throws(Errno) in self.fill(&output) })
        }
    }

    // MARK: Answers

    private static let types: [FileType] = [.regular, .directory, .regular, .symbolicLink, .fifo]

    static func type(of node: NodeID) -> FileType { node == .root ? .directory : types[Int(node.rawValue % 5)] }

    func attributes(of node: NodeID) -> Attributes {
        var attributes = Attributes(
            inode: number(), mode: FileMode(type: Self.type(of: node), permissions: FilePermissions(rawValue: 0o777)),
            size: any(of: [0, 5, 5, 4096, 1 << 20, UInt64(Int64.max), 1 << 63, .max]), linkCount: any(of: [0, 1, 2, .max]),
            owner: UserID(UInt32(truncatingIfNeeded: number())), group: GroupID(UInt32(truncatingIfNeeded: number())))
        attributes.blocks = number()
        attributes.accessed = Timestamp(seconds: any(of: [0, .min, .max]), nanoseconds: any(of: [0, .max]))
        attributes.modified = Timestamp(seconds: Int64(bitPattern: number()), nanoseconds: UInt32(truncatingIfNeeded: number()))
        attributes.created = oneIn(2) ? nil : attributes.modified
        attributes.device = DeviceNumber(major: UInt32(truncatingIfNeeded: number()), minor: .max)
        attributes.blockSize = any(of: [0, 1, 3, 512, 4096, 1 << 31, .max])
        if oneIn(16) { attributes.mode = FileMode(rawValue: any(of: [0, 0o110000, 0o170777])) }
        return attributes
    }

    private func timeout() -> Timeout {
        any(of: [.zero, .forever, .seconds(1), .milliseconds(number()), Timeout(seconds: .max, nanoseconds: .max)])
    }

    /// - Parameters:
    ///   - counts: it answers a request, so that its lookup is counted.
    ///   - type: of what is to be made.
    func entry(counts: Bool, type: FileType?) -> Entry {
        var number: UInt64 = oneIn(4) ? self.number() : 10 + self.number() % 40
        if let type, !oneIn(8), let index = Self.types.firstIndex(of: type) { number = number / 10 * 10 + UInt64(index) }
        if number < 3 { number = 15 }
        let node = oneIn(16) ? any(of: [0, .root]) : NodeID(rawValue: number)
        if counts { hand(over: node) }
        return Entry(
            node: node, generation: oneIn(8) ? self.number() : 0, attributes: attributes(of: node), entryTimeout: timeout(),
            attributesTimeout: timeout())
    }

    private func hand(over node: NodeID) { if node != 0, node != .root { books.withLock { $0.lookups[node, default: 0] += 1 } } }

    func goodEntry() -> Entry {
        hand(over: Self.good)
        return Entry(
            node: Self.good, attributes: .file(inode: 2, size: UInt64(Self.goodText.utf8.count)), entryTimeout: .zero, attributesTimeout: .zero)
    }

    func opened(counts: Bool) -> Opened {
        let handle = books.withLock { books in
            books.lastHandle += 1
            let handle = FileHandle(rawValue: books.lastHandle)
            if counts { books.open.insert(handle) } else { books.void.insert(handle) }
            return handle
        }
        let io: Opened.IO =
            switch number() % 6 {
            case 0: .cached
            case 1: .keepingCache
            case 2: .direct
            case 3: .passthroughDirect(backing(), otherwise: .direct)
            default: .passthrough(backing(), for: .init(writes: oneIn(2), leavesPrivileges: oneIn(2)))
            }
        return Opened(handle: handle, io: io, skipsFlush: oneIn(2), nonSeekable: oneIn(8))
    }

    private func backing() -> BackingFile {
        switch number() % 3 {
        case 0: BackingFile(borrowing: any(of: files))
        case 1: BackingFile(owning: FileDescriptor(rawValue: dup(any(of: files).rawValue)))
        default: any(of: lenders).lend()
        }
    }

    func created(counts: Bool) -> Created { Created(entry: entry(counts: counts, type: .regular), opened: opened(counts: counts)) }

    /// Less than there is room for, all of it, or more; by bytes, in one piece, or in place.
    func fill(_ output: inout DataWriter) {
        let room = output.freeCapacity
        let count = any(of: [0, min(1, room), room, room, room + 1, room / 2 + 1, 2 * room])
        switch number() % 4 {
        case 0: for _ in 0..<count { output.append(0x78) }
        case 1: output.append(contentsOf: repeatElement(0x78, count: count))
        case 2: output.append([UInt8](repeating: 0x78, count: count).raw)
        default:
            output.appendInPlace { room in
                // Another view in its place.
                if oneIn(4) { room = OutputRawSpan() } else { for _ in 0..<min(count, room.freeCapacity) { room.append(0x78) } }
            }
        }
    }

    private func name() -> String { any(of: ["a", "b", "c", "good", ".", "..", "", "x/y", "/", String(repeating: "n", count: 300), String(repeating: "n", count: 1030)]) }

    func list(_ entries: inout DirectoryWriter) {
        for _ in 0..<number() % 30 {
            guard entries.add(name(), inode: number(), type: any(of: Self.types), next: DirectoryOffset(rawValue: number())) else { return }
        }
    }

    func list(_ entries: inout DirectoryPlusWriter, counts: Bool) {
        for _ in 0..<number() % 30 {
            let name = name()
            let entry = oneIn(3) ? nil : name == "good" ? goodEntry() : self.entry(counts: false, type: nil)
            let isCounted = counts && entry != nil && name != "." && name != ".."
            if isCounted, name != "good", let entry { hand(over: entry.node) }
            let fits = entries.add([UInt8](name.utf8).raw, entry: entry, inode: number(), type: any(of: Self.types), next: DirectoryOffset(rawValue: number()))
            // Nothing was handed over.
            if let entry, entry.node != 0, entry.node != .root, !fits && isCounted || !isCounted && name == "good" {
                forget(entry.node, lookups: 1)
            }
            if !fits { return }
        }
    }

    var statistics: FileSystemStatistics {
        var statistics = FileSystemStatistics()
        statistics.blocks = number()
        statistics.freeBlocks = number()
        statistics.blockSize = any(of: [0, 1, .max])
        statistics.fragmentSize = any(of: [0, 1, .max])
        statistics.maximumNameLength = any(of: [0, 255, .max])
        return statistics
    }

    var lock: FileLock? {
        oneIn(3) ? nil : FileLock(kind: any(of: [.read, .write, .unlock]), start: any(of: [0, 5, .max, number()]), end: any(of: [0, 9, .max, number()]), process: .min)
    }

    // MARK: What comes back

    func forget(_ node: NodeID, lookups: UInt64) {
        books.withLock { books in
            if node == 0 || node == .root { return books.wrong.append("\(node.rawValue) was forgotten") }
            let left = books.lookups[node, default: 0] - Int(clamping: lookups)
            if left < 0 { books.wrong.append("\(node.rawValue) was forgotten \(-left) times too often") }
            books.lookups[node] = left == 0 ? nil : left
        }
    }

    func release(_ file: OpenFile, for request: Request) {
        if file.node == Self.good, file.handle == .none { return }
        books.withLock { books in
            if books.open.remove(file.handle) == nil {
                books.wrong.append("\(file.handle) was released, and not open")
            }
        }
    }
}
