// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import SystemPackage
import Testing

/// What a listing reply holds, and where the next one goes on.
@Suite struct DirectoryTests {
    struct Listed: Equatable {
        var name: String
        var node: UInt64?
        var next: UInt64
    }

    static let names = ["."] + [".."] + (0..<40).map { String(repeating: "n", count: $0 % 17) + "\($0)" }

    func read(_ body: [UInt8], isPlus: Bool) throws -> [Listed] {
        var reader = DirectoryReader(body.raw, isPlus: isPlus)
        var entries: [Listed] = []
        while let entry = try reader.next() {
            entries.append(Listed(name: entry.name.text, node: entry.entry_out?.nodeid, next: entry.dirent.off))
        }
        return entries
    }

    /// Lists in replies of a size, as the kernel does: on from the last entry's offset until one is empty.
    func list(_ stepped: Stepped<some FileSystem>, size: UInt32, isPlus: Bool) throws -> [Listed] {
        var all: [Listed] = []
        while true {
            let fields = ReadIn(offset: all.last?.next ?? 0, size: size)
            let reply = try #require(try stepped.exchange(request(isPlus ? .readdirplus : .readdir, structure: bytes(fields))))
            #expect(reply.error == nil)
            #expect(reply.body.count <= Int(size))
            #expect(reply.body.count % 8 == 0)
            let entries = try read(reply.body, isPlus: isPlus)
            if entries.isEmpty { return all }
            all += entries
            try #require(all.count <= Self.names.count)
        }
    }

    @Test(arguments: [48, 56, 100, 512, 4096, 1 << 20] as [UInt32])
    func everyEntryOnceWhateverTheSize(size: UInt32) throws {
        let stepped = try Stepped(ListingFS(names: Self.names))
        let listed = try list(stepped, size: size, isPlus: false)
        #expect(listed.map(\.name) == Self.names)
        #expect(listed.map(\.next) == (1...42).map { UInt64($0) })
    }

    @Test(arguments: [176, 184, 300, 512, 4096, 1 << 20] as [UInt32])
    func everyEntryLookedUpOnceWhateverTheSize(size: UInt32) throws {
        let fileSystem = ListingFS(names: Self.names)
        let stepped = try Stepped(fileSystem)
        let listed = try list(stepped, size: size, isPlus: true)
        #expect(listed.map(\.name) == Self.names)
        #expect(listed.dropFirst(2).map(\.node) == (102..<142).map { UInt64($0) })
        #expect(fileSystem.lookups == Dictionary(uniqueKeysWithValues: (2..<42).map { (ListingFS.node(of: $0), 1) }))
    }

    /// It has no `readdirplus`, and the kernel asks for nothing else.
    private final class NamingFS: FileSystem {
        var capabilities: Capabilities { .doReaddirplus }
        func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw .ioError }
        func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
        func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
            if offset.rawValue == 1 << 40 { throw .permissionDenied }
            for (index, name) in DirectoryTests.names.enumerated().dropFirst(Int(offset.rawValue)) {
                let isToFit = entries.freeCapacity >= FUSEProtocol.aligned(Dirent.wireSize + name.utf8.count)
                let fits = entries.add(name, inode: 5, type: .regular, next: DirectoryOffset(rawValue: UInt64(index + 1)))
                #expect(fits == isToFit)
                if !fits { return }
            }
        }
    }

    @Test(arguments: [176, 184, 300, 512, 4096] as [UInt32])
    func namesAloneWhereNothingLooksUp(size: UInt32) throws {
        let stepped = try Stepped(NamingFS())
        let listed = try list(stepped, size: size, isPlus: true)
        #expect(listed.map(\.name) == Self.names)
        #expect(listed.allSatisfy { $0.node == 0 })
        let failed = try stepped.exchange(request(.readdirplus, structure: bytes(ReadIn(offset: 1 << 40, size: size))))
        #expect(failed?.error == .permissionDenied)
    }

    /// 24 bytes and the name, rounded up to 8; no byte more is taken, and with one less the entry waits.
    @Test(arguments: [("a", 32), ("12345678", 32), ("123456789", 40)] as [(String, UInt32)])
    func anEntryTakesWhatItTakes(name: String, size: UInt32) throws {
        let stepped = try Stepped(ListingFS(names: [name]))
        for room in (size - 8)...(size + 8) {
            let reply = try stepped.exchange(request(.readdir, structure: bytes(ReadIn(size: room))))
            #expect(reply?.body.count == (room < size ? 0 : Int(size)))
            let plus = try stepped.exchange(request(.readdirplus, structure: bytes(ReadIn(size: room + 128))))
            #expect(plus?.body.count == (room < size ? 0 : Int(size) + 128))
        }
        #expect(stepped.session.fileSystem.lookups == [100: 9])
    }

    @Test func namesThatTheKernelWouldFailTheListingForAreLeftOut() throws {
        let names = ["", String(repeating: "x", count: 1025), "good", String(repeating: "y", count: 1024)]
        let stepped = try Stepped(ListingFS(names: names))
        let reply = try #require(try stepped.exchange(request(.readdir, structure: bytes(ReadIn(size: 4096)))))
        #expect(try read(reply.body, isPlus: false).map(\.name) == [names[2], names[3]])
    }

    @Test func behindTheEndIsNothing() throws {
        let stepped = try Stepped(ListingFS(names: Self.names))
        for offset in [42, 43, 1 << 40] as [UInt64] {
            let reply = try stepped.exchange(request(.readdir, structure: bytes(ReadIn(offset: offset, size: 4096))))
            #expect(reply == Sent(unique: 0x1122_3344_5566_7788, error: nil, body: []))
        }
    }

    @Test func anEntryWithoutALookupCountsNothing() throws {
        struct PlainFS: FileSystem {
            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw .ioError }
            func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
            func readdirplus(
                _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
            ) throws(Errno) {
                _ = entries.add([UInt8]("a".utf8).raw, entry: nil, inode: 5, type: .directory, next: 9)
            }
        }
        let reply = try #require(
            try Stepped(PlainFS()).exchange(request(.readdirplus, structure: bytes(ReadIn(size: 4096)))))
        #expect(
            reply.body
                == bytes(EntryOut()) + bytes(Dirent(ino: 5, off: 9, namelen: 1, type: 4)) + [UInt8(ascii: "a"), 0, 0, 0, 0, 0, 0, 0])
    }

    /// What was looked up before an error must reach the kernel, or nobody would ever give it back. The error is that of
    /// the next reading.
    @Test func anErrorBehindAnEntryWaits() throws {
        final class BrokenFS: FileSystem {
            let listing = ListingFS(names: ["a", "b"])
            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw .ioError }
            func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
            func readdirplus(
                _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
            ) throws(Errno) {
                try listing.readdirplus(directory, from: offset, into: &entries, for: request)
                throw .permissionDenied
            }
        }
        let stepped = try Stepped(BrokenFS())
        let first = try #require(try stepped.exchange(request(.readdirplus, structure: bytes(ReadIn(size: 4096)))))
        #expect(first.error == nil)
        #expect(try read(first.body, isPlus: true).map(\.name) == ["a", "b"])
        let second = try stepped.exchange(request(.readdirplus, structure: bytes(ReadIn(offset: 2, size: 4096))))
        #expect(second?.error == .permissionDenied)
    }
}
