// SPDX-License-Identifier: MIT

import FUSEWire
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// What a filesystem gets wrong costs that request an error, and the log a line.
@Suite struct FaultTests {
    let fileSystem = FaultyFS()
    let log = CapturedLog()

    private func stepped() throws -> Stepped<FaultyFS> { try Stepped(fileSystem, options: SessionOptions(logger: log.logger)) }

    private static func message(_ opcode: Opcode) throws -> [UInt8] {
        switch opcode {
        // With room for 64.
        case .getxattr: request(.getxattr, structure: bytes(GetxattrIn(size: 64)), payload: "user.x".withNUL)
        case .listxattr: request(.listxattr, structure: bytes(GetxattrIn(size: 64)))
        case .read: request(.read, structure: bytes(ReadIn(fh: 5, size: 64)))
        case .ioctl: request(.ioctl, structure: bytes(IoctlIn(fh: 5, out_size: 64)))
        case .write: request(.write, structure: bytes(WriteIn(fh: 5, size: 4)), payload: [1, 2, 3, 4])
        case .copyFileRange, .copyFileRange64: request(opcode, structure: bytes(CopyFileRangeIn(len: 4)))
        default: try #require(Dispatched.all.first { $0.opcode == opcode }).message
        }
    }

    /// Twice: the caller gets an error each time, and the log says it once.
    private func expectFault(
        _ stepped: Stepped<FaultyFS>, _ opcode: Opcode, _ fault: Fault, error: Errno = .ioError, giving calls: [String] = [],
        _ change: (inout sending FaultyFS.Answers) -> Void
    ) throws {
        fileSystem.set { $0 = FaultyFS.Answers() }
        fileSystem.set(change)
        let before = log.all.count
        for _ in 0..<2 {
            let reply = try stepped.exchange(Self.message(opcode))
            #expect(reply == Sent(unique: 0x1122_3344_5566_7788, error: error, body: []), "\(opcode), \(fault)")
            #expect(fileSystem.recorded.takeCalls() == calls, "\(opcode), \(fault)")
        }
        let line = "error: \(opcode) of node 7: \(fault.description); the caller gets EIO (told once for \(opcode))"
        #expect(log.all.dropFirst(before) == (error == .ioError ? [line] : []))
        fileSystem.set { $0 = FaultyFS.Answers() }
    }

    @Test(arguments: FaultyFS.Way.allCases) func moreThanThereIsRoomFor(way: FaultyFS.Way) throws {
        let stepped = try stepped()
        for (opcode, room) in [(Opcode.read, 64), (.readlink, 4095), (.ioctl, 64)] {
            try expectFault(stepped, opcode, .overfilled) { $0.way = way; $0.data = Array(repeating: 1, count: room + 1) }
            fileSystem.set { $0.way = way; $0.data = Array(repeating: 1, count: room) }
            let body = try #require(try stepped.exchange(Self.message(opcode))).body
            #expect(body.suffix(room) == Array(repeating: 1, count: room)[...], "\(opcode)")
        }
        // Not the filesystem's mistake: the value is larger than the caller's buffer.
        for opcode in [Opcode.getxattr, .listxattr] {
            try expectFault(stepped, opcode, .overfilled, error: .outOfRange) { $0.way = way; $0.data = Array(repeating: 1, count: 65) }
            try expectFault(stepped, opcode, .overfilled, error: .outOfRange) { $0.size = 65 }
            fileSystem.set { $0.way = way; $0.data = Array(repeating: 1, count: 64) }
            #expect(try stepped.exchange(Self.message(opcode))?.body == Array(repeating: 1, count: 64))
        }
    }

    /// Who asks for the size alone gets it, whether the value is appended or its size answered.
    @Test(arguments: FaultyFS.Way.allCases) func theSizeAlone(way: FaultyFS.Way) throws {
        let stepped = try stepped()
        let messages = [
            request(.getxattr, structure: bytes(GetxattrIn()), payload: "user.x".withNUL), request(.listxattr, structure: bytes(GetxattrIn())),
        ]
        for message in messages {
            for (data, size) in [(5, 0), (5, 5), (0, 5), (5, nil), (0, 0), (70_000, nil)] as [(Int, Int?)] {
                fileSystem.set { $0.way = way; $0.data = Array(repeating: 1, count: data); $0.size = size }
                let reply = try stepped.exchange(message)
                #expect(reply?.body == bytes(GetxattrOut(size: UInt32(max(data, size ?? 0)))), "\(data) \(String(describing: size))")
            }
            fileSystem.set { $0 = FaultyFS.Answers(); $0.size = .max }
            #expect(try stepped.exchange(message)?.body == bytes(GetxattrOut(size: .max)))
        }
        #expect(log.all == [])
    }

    @Test func sizesThatAreNone() throws {
        let stepped = try stepped()
        for opcode in [Opcode.getxattr, .listxattr] {
            try expectFault(stepped, opcode, .size) { $0.size = -1 }
        }
        let second = try self.stepped()
        for opcode in [Opcode.getxattr, .listxattr] {
            try expectFault(second, opcode, .size) { $0.size = 4; $0.data = [1, 2] }
        }
    }

    @Test(arguments: [-1, .min, 5, .max, 1 << 32, (1 << 32) + 4] as [Int]) func countsThatCannotBe(count: Int) throws {
        let stepped = try stepped()
        try expectFault(stepped, .write, .count) { $0.count = count }
        for opcode in [Opcode.copyFileRange, .copyFileRange64] {
            try expectFault(stepped, opcode, .count) { $0.copied = UInt64(bitPattern: Int64(count)) }
        }
    }

    @Test func otherNumbersThatCannotBe() throws {
        let stepped = try stepped()
        try expectFault(stepped, .lseek, .offset) { $0.offset = 1 << 63 }
        try expectFault(stepped, .ioctl, .result) { $0.result = -22 }
        try expectFault(stepped, .getlk, .lock) { $0.lock = FileLock(kind: .read, start: 3, end: 2) }
        let second = try self.stepped()
        try expectFault(second, .getlk, .lock) { $0.lock = FileLock(kind: .read, start: 0, end: 1 << 63) }
    }

    private static let creating: [(Opcode, FileType)] = [
        (.mknod, .characterSpecial), (.mkdir, .directory), (.symlink, .symbolicLink), (.create, .regular), (.tmpfile, .regular),
    ]

    @Test func aNodeThatNothingNewHas() throws {
        for node in [0, 1] as [NodeID] {
            let stepped = try stepped()
            for (opcode, type) in Self.creating + [(.link, .regular)] {
                let isOpen = opcode == .create || opcode == .tmpfile
                try expectFault(stepped, opcode, .node, giving: isOpen ? ["release \(node.rawValue)#9"] : []) {
                    $0.entry = RecordingFS.entry(type)
                    $0.entry.node = node
                }
            }
        }
        try expectFault(try stepped(), .lookup, .node) { $0.entry.node = .root }
    }

    /// The kernel would give it EIO as well, and take nothing back.
    @Test func anEntryOfAnotherType() throws {
        let stepped = try stepped()
        for (opcode, type) in Self.creating {
            let isOpen = opcode == .create || opcode == .tmpfile
            let calls = (isOpen ? ["release 39168#9"] : []) + ["forget 39168 1"]
            try expectFault(stepped, opcode, .type, giving: calls) { $0.entry = RecordingFS.entry(type == .regular ? .fifo : .regular) }
        }
    }

    @Test(arguments: [(0o600, 5), (0o170000, 5), (0o110600, 5), (0o100600, 1 << 63), (0o100600, .max)] as [(UInt32, UInt64)])
    func attributesThatNoFileHas(mode: UInt32, size: UInt64) throws {
        let stepped = try stepped()
        let attributes = Attributes(mode: FileMode(rawValue: mode), size: size)
        for opcode in [Opcode.getattr, .statx, .setattr] { try expectFault(stepped, opcode, .attributes) { $0.attributes = attributes } }
        for opcode in Self.creating.map(\.0) + [.lookup, .link] {
            let isOpen = opcode == .create || opcode == .tmpfile
            let calls = (isOpen ? ["release 39168#9"] : []) + ["forget 39168 1"]
            try expectFault(stepped, opcode, .attributes, giving: calls) { $0.entry.attributes = attributes }
        }
    }

    /// A root that is no directory would be the end of the mount.
    @Test func theRootIsADirectory() throws {
        let stepped = try stepped()
        for opcode in [Opcode.getattr, .statx, .setattr] {
            let structure = [UInt8](repeating: 0, count: opcode.inSize)
            #expect(try stepped.exchange(request(opcode, structure: structure, node: 1))?.error == .ioError)
            #expect(log.all.last == "error: \(opcode) of node 1: \(Fault.type.description); the caller gets EIO (told once for \(opcode))")
        }
        fileSystem.set { $0.attributes = .directory() }
        #expect(try stepped.exchange(request(.getattr, structure: bytes(GetattrIn()), node: 1))?.error == nil)
    }

    /// Whatever else the numbers are, they are the kernel's to bound.
    @Test func extremeNumbersTravelAsTheyAre() throws {
        let stepped = try stepped()
        var attributes = Attributes(inode: .max, mode: FileMode(type: .regular, permissions: []), size: UInt64(Int64.max), linkCount: .max)
        attributes.blocks = .max
        for seconds in [Int64.min, .max] {
            let time = Timestamp(seconds: seconds, nanoseconds: .max)
            attributes.accessed = time
            attributes.modified = time
            attributes.changed = time
            attributes.created = time
            attributes.device = DeviceNumber(major: .max, minor: .max)
            attributes.blockSize = .max
            var entry = Entry(node: NodeID(rawValue: .max), generation: .max, attributes: attributes)
            entry.entryTimeout = Timeout(seconds: .max, nanoseconds: .max)
            entry.attributesTimeout = .milliseconds(.max)
            let lookup = entry
            fileSystem.set { $0.attributes = lookup.attributes; $0.entry = lookup }
            for opcode in [Opcode.getattr, .statx, .setattr, .lookup, .link] {
                #expect(try stepped.exchange(Self.message(opcode))?.error == nil)
            }
        }
        #expect(log.all == [])
    }

    /// A name, a node or attributes for which the kernel would fail the whole listing: the rest of it is answered.
    @Test func entriesThatNoListingHas() throws {
        let stepped = try stepped()
        let one = Dispatched.plainEntry
        for name in ["", "a/b", "/", String(repeating: "x", count: 1025)] {
            fileSystem.set { $0 = FaultyFS.Answers(); $0.name = name }
            #expect(try stepped.exchange(Self.message(.readdir))?.body == one)
            #expect(try stepped.exchange(Self.message(.readdirplus))?.body == Dispatched.entry + one)
            #expect(fileSystem.recorded.takeCalls() == ["forget 39168 1"])
        }
        #expect(log.all == [Opcode.readdir, .readdirplus].map { "error: \($0) of node 7: \(Fault.entry.description) (told once for \($0))" })
        fileSystem.set { $0 = FaultyFS.Answers(); $0.entry.node = .root }
        #expect(try stepped.exchange(Self.message(.readdirplus))?.body == Dispatched.entry + one)
        #expect(fileSystem.recorded.takeCalls() == [])
        fileSystem.set { $0 = FaultyFS.Answers(); $0.entry.attributes.size = .max }
        #expect(try stepped.exchange(Self.message(.readdirplus))?.body == Dispatched.entry + one)
        #expect(fileSystem.recorded.takeCalls() == ["forget 39168 1"])
    }

    @Test func errorsThatAreNone() throws {
        for (number, fault) in [(0, .errno), (-5, .errno), (512, .errno), (Int32.max, .errno), (.min, .errno), (38, .missing)] as [(Int32, Fault)] {
            let recording = RecordingFS()
            let log = CapturedLog()
            let stepped = try Stepped(recording, options: SessionOptions(logger: log.logger))
            recording.fail(with: Errno(rawValue: number))
            for _ in 0..<2 { #expect(try stepped.exchange(Self.message(.read))?.error == .ioError) }
            #expect(log.all == ["error: READ of node 7: \(fault.description); the caller gets EIO (told once for READ)"])
        }
    }

    /// No backing file that can be: the file is served without.
    @Test(arguments: [-1, .min, .max, 12345] as [Int32]) func aDescriptorThatIsNone(descriptor: Int32) throws {
        let device = ScriptedDevice(script: [nil, .badFileDescriptor])
        let stepped = try Stepped(fileSystem, device: device, options: SessionOptions(logger: log.logger))
        fileSystem.set { $0.io = .passthrough(FileDescriptor(rawValue: descriptor)) }
        #expect(try stepped.exchange(Self.message(.open))?.body == bytes(OpenOut(fh: 9)))
        #expect(log.all.count { $0.contains("served without passthrough") } == 1)
    }

    /// Enormous numbers, far from each other, take no memory for what is between them.
    @Test func enormousIdsTakeLittleMemory() {
        let device = ScriptedDevice(takesServerIDs: true)
        let backings = InodeBackings(device, ids: .chosen { BackingID(rawValue: .max &- Int32($0.rawValue) << 20) })
        for node in 0..<64 as Range<UInt64> {
            #expect(backings.admit(NodeID(rawValue: node + 2), .passthrough(FileDescriptor(rawValue: 0))).flags == .passthrough)
        }
        // All of them are in one shard.
        #expect(backings.blockCount <= 64)
        #expect((0..<InodeBackings.shardCount).reduce(0) { $0 + backings.withShard($1) { $0.orderSize } } < 1 << 20)
        for node in 0..<64 as Range<UInt64> { backings.release(NodeID(rawValue: node + 2)) }
        device.expectBalance(backings)
    }

    /// Numbers of inodes as a filesystem must not choose them: none, negative, another each time, enormous.
    @Test func idsThatNoInodeHas() throws {
        let numbers = Mutex<[Int32]>([])
        let fileSystem = FaultyFS(ids: .chosen { _ in BackingID(rawValue: numbers.withLock { $0.isEmpty ? .max : $0.removeFirst() }) })
        let device = ScriptedDevice(takesServerIDs: true)
        let stepped = try Stepped(fileSystem, device: device)
        fileSystem.set { $0.io = .passthrough(FileDescriptor(rawValue: 0)) }
        let odd: [Int32] = [0, -1, .min, .max, .max - 1, 1 << 30, 1, 0, 1 << 29, .max - 7, 5, .max]
        for round in 0..<64 {
            numbers.withLock { $0 = (0..<4).map { odd[(round * 5 + $0 * 3) % odd.count] } }
            let node = UInt64(round % 5 + 2)
            #expect(try stepped.exchange(request(.open, structure: bytes(OpenIn()), node: node))?.error == nil)
            #expect(try stepped.exchange(request(.release, structure: bytes(ReleaseIn(fh: 9)), node: node))?.error == nil)
            _ = try stepped.exchange(request(.forget, structure: bytes(ForgetIn(nlookup: 1)), node: node))
        }
        stepped.session.end()
        #expect(device.backings.withLock { $0.live } == [:])
    }
}
