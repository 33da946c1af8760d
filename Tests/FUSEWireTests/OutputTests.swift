// SPDX-License-Identifier: MIT

import FUSEWire
import Testing

/// Writing into a buffer, at every size of the buffer: whole or not at all.
@Suite struct OutputTests {
    struct Entry: Equatable {
        var nodeid: UInt64?
        var ino, off: UInt64
        var type: UInt32
        var name: String
    }

    let entries = (1...12).map { index in
        Entry(
            nodeid: nil, ino: UInt64(index), off: UInt64(index) << 33, type: 8,
            name: String(repeating: "n", count: index * index % 23 + 1))
    }

    /// As many entries as have room.
    func write(_ entries: [Entry], capacity: Int, isPlus: Bool) throws -> (bytes: [UInt8], count: Int) {
        var count = 0
        let bytes = try encoded(capacity: capacity) { output in
            for entry in entries {
                let name = Array(entry.name.utf8)
                let before = output.byteCount
                let fits =
                    isPlus
                    ? try output.append(
                        entry: EntryOut(nodeid: entry.ino + 100), ino: entry.ino, off: entry.off, type: entry.type,
                        name: name.raw)
                    : try output.append(entry: entry.ino, off: entry.off, type: entry.type, name: name.raw)
                let after = output.byteCount
                let head = isPlus ? Direntplus.wireSize : Dirent.wireSize
                #expect(after - before == (fits ? FUSEProtocol.aligned(head + name.count) : 0))
                if !fits { break }
                count += 1
            }
        }
        return (bytes, count)
    }

    func read(_ bytes: [UInt8], isPlus: Bool) throws -> [Entry] {
        var found: [Entry] = []
        var reader = DirectoryReader(bytes.raw, isPlus: isPlus)
        while let entry = try reader.next() {
            found.append(
                Entry(
                    nodeid: entry.entry_out?.nodeid, ino: entry.dirent.ino, off: entry.dirent.off,
                    type: entry.dirent.type, name: String(decoding: entry.name.array, as: UTF8.self)))
        }
        return found
    }

    @Test(arguments: [false, true])
    func directoryEntriesAtEveryCapacity(isPlus: Bool) throws {
        let expected = entries.map { entry in
            var entry = entry
            entry.nodeid = isPlus ? entry.ino + 100 : nil
            return entry
        }
        let whole = try write(entries, capacity: 4096, isPlus: isPlus)
        #expect(whole.count == entries.count)
        for capacity in 0...whole.bytes.count {
            let (bytes, count) = try write(entries, capacity: capacity, isPlus: isPlus)
            #expect(bytes.count % 8 == 0 && bytes == Array(whole.bytes[..<bytes.count]))
            let found = try read(bytes, isPlus: isPlus)
            #expect(found == Array(expected[..<count]))
            #expect((count == entries.count) == (capacity == whole.bytes.count))
        }
    }

    /// A record byte for byte: 24 bytes of header, the name without NUL, zeros up to 8.
    @Test func aDirectoryEntry() throws {
        let bytes = try encoded { output in
            let fits = try output.append(entry: 2, off: 3, type: 4, name: [0x61, 0x62].raw)
            #expect(fits)
        }
        let expected: [UInt8] = [
            2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0x61, 0x62, 0, 0, 0, 0, 0, 0,
        ]
        #expect(bytes == expected)
    }

    /// One bad name would cost the caller the whole listing.
    @Test func namesThatTheKernelRefuses() throws {
        for count in [0, FUSEProtocol.maxName + 1] {
            let name = [UInt8](repeating: 0x61, count: count)
            #expect(throws: WireError.malformed) {
                try encoded { _ = try $0.append(entry: 1, off: 1, type: 8, name: name.raw) }
            }
            #expect(throws: WireError.malformed) {
                try encoded { _ = try $0.append(entry: EntryOut(), ino: 1, off: 1, type: 8, name: name.raw) }
            }
            let record = bytes(Dirent(namelen: UInt32(count))) + [UInt8](repeating: 0x61, count: count + 8)
            #expect(throws: WireError.malformed) { try read(record, isPlus: false) }
        }
        let longest = [UInt8](repeating: 0x61, count: FUSEProtocol.maxName)
        let record = try encoded { _ = try $0.append(entry: 1, off: 1, type: 8, name: longest.raw) }
        #expect(record.count == 24 + 1024)
    }

    @Test func appendingIsWholeOrNotAtAll() throws {
        func room(_ capacity: Int, _ body: (inout OutputRawSpan) throws(WireError) -> Void) -> [UInt8]? {
            var failed = false
            let written = encoded(capacity: capacity) { output in
                do throws(WireError) {
                    try body(&output)
                } catch {
                    failed = error == .noRoom
                }
            }
            if failed { #expect(written.isEmpty) }
            return failed ? nil : written
        }
        let header = OutHeader(len: 16, error: -2, unique: 5)
        #expect(room(15) { (output) throws(WireError) in try output.append(header) } == nil)
        #expect(room(16) { (output) throws(WireError) in try output.append(header) } == bytes(header))
        let name: [UInt8] = [0x61, 0x62, 0x63]
        #expect(room(2) { (output) throws(WireError) in try output.append(bytes: name.raw) } == nil)
        #expect(room(3) { (output) throws(WireError) in try output.append(bytes: name.raw) } == name)
        #expect(room(3) { (output) throws(WireError) in try output.append(name: name.raw) } == nil)
        #expect(room(4) { (output) throws(WireError) in try output.append(name: name.raw) } == name + [0])
        #expect(room(0) { (output) throws(WireError) in try output.append(bytes: RawSpan()) } == [])
        #expect(room(1) { (output) throws(WireError) in try output.append(zeros: 2) } == nil)
        #expect(room(1) { (output) throws(WireError) in try output.append(zeros: -1) } == nil)
        #expect(room(2) { (output) throws(WireError) in try output.append(zeros: 2) } == [0, 0])
        for offset in [-1, 1, Int.max, Int.min] {
            #expect(room(16) { (output) throws(WireError) in try output.overwrite(at: offset, with: header) } == nil)
        }
        #expect(room(15) { (o) throws(WireError) in try o.append(supplementaryGroups: ([1] as [UInt32]).span) } == nil)
        #expect(room(23) { (o) throws(WireError) in try o.append(securityContext: name.raw, value: name.raw) } == nil)
        #expect(room(24) { (o) throws(WireError) in try o.append(securityContext: name.raw, value: name.raw) } != nil)
    }

    @Test func aPartWithALimit() throws {
        struct Failure: Error {}
        for (limit, room) in [(4, 4), (0, 0), (-5, 0), (1000, 14), (14, 14)] {
            let written = try encoded(capacity: 16) { output in
                try output.append(bytes: [1, 2].raw)
                let capacity = output.append(upTo: limit) { part in
                    while !part.isFull { part.append(9) }
                    return part.capacity
                }
                #expect(capacity == room)
            }
            #expect(written == [1, 2] + [UInt8](repeating: 9, count: room))
        }
        let written = try encoded(capacity: 16) { output in
            try output.append(bytes: [1].raw)
            do {
                try output.append(upTo: 8) { part throws(Failure) in
                    part.append(9)
                    throw Failure()
                }
            } catch {
                #expect(output.byteCount == 1)
            }
        }
        #expect(written == [1])
    }

    /// Bare integers, as PRUNE lists node ids.
    @Test func integers() throws {
        let written = try encoded { output in
            try output.append(NotifyPruneOut(count: 2))
            try output.append(0x0102 as UInt64)
            try output.append(3 as UInt64)
        }
        #expect(written.suffix(16) == [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
        var reader = WireReader(written.raw)
        let values = (try reader.read(NotifyPruneOut.self), try reader.read(UInt64.self), try reader.read(UInt64.self))
        let isAtEnd = reader.isAtEnd
        #expect(values == (NotifyPruneOut(count: 2), 0x0102, 3) && isAtEnd)
    }

    @Test func equalityIsThatOfBytes() {
        #expect(InitOut(time_gran: 1) == InitOut(time_gran: 1))
        var unused = InlineArray<11, UInt16>(repeating: 0)
        unused[10] = 1
        #expect(InitOut(unused: unused) != InitOut())
        #expect(Statx(mode: 1) != Statx())
    }

    /// Eight bytes at a time finds what one at a time does.
    @Test func theFirstNUL() {
        var generator = SplitMix64(state: 1)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &generator)
            let bytes = (0..<count).map { _ in [0, 1, 0x7f, 0x80, 0x81, 0xff].randomElement(using: &generator) ?? 0 }
                .map { $0 == 0 && Bool.random(using: &generator) ? 1 : UInt8($0) }
            let start = Int.random(in: 0...count, using: &generator)
            let found = bytes.raw.extracting(droppingFirst: start).firstNUL
            #expect(found == bytes[start...].firstIndex(of: 0).map { $0 - start }, "\(bytes) from \(start)")
        }
    }

    @Test func readingNames() throws {
        let bytes = "one".withNUL + "".withNUL + [0x61]
        var reader = WireReader(bytes.raw)
        let (one, empty) = (try reader.name().array, try reader.name().array)
        #expect(one == "one".withNUL && empty == [0])
        do {
            _ = try reader.name()
            Issue.record("a name without its NUL")
        } catch {
            let left = reader.rest.byteCount
            #expect(error == .malformed && left == 1)
        }
        do {
            _ = try reader.bytes(-1)
            Issue.record("less than nothing")
        } catch {
            #expect(error == .truncated)
        }
    }
}
