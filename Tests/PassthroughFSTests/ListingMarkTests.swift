// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import PassthroughFS

/// When a listing that the kernel keeps is held to be good.
@Suite struct ListingMarkTests {
    let second: UInt64 = 1_000_000_000

    func table() throws -> InodeTable {
        try InodeTable(root: SystemCall.open("/"), device: 1, inode: 2, slots: 1 << 16)
    }

    @Test func timesTellOnlyWhatTheClockLets() {
        let now = 1000 * second
        func tells(_ modified: UInt64, _ changed: UInt64, _ clock: SourceClock) -> Bool {
            DirectoryTimes(modified: modified, changed: changed).areDistinct(at: now, clock)
        }
        #expect(tells(now, now, .fine))
        #expect(!tells(now + 1, now, .fine))
        #expect(!tells(now, now + 1, .fine))
        // A clock of seconds shows 999 for whatever was between 999 and 1000.
        #expect(!tells(now - second, now - second, .coarse))
        #expect(!tells(now - 2 * second, now - 2 * second, .coarse))
        #expect(tells(now - 2 * second - 1, now - 2 * second - 1, .coarse))
        #expect(!tells(now - 9 * second, now, .coarse))
        #expect(!tells(0, 0, .foreign))
    }

    @Test func aListingThatIsNotKeptNeedsNothing() throws {
        let table = try table()
        #expect(table.verdict(DirectoryTimes(modified: 5, changed: 6), of: .root, at: 0) == .fine)
    }

    @Test func modificationTimesThatWereSetBack() throws {
        let table = try table()
        table.beginListing(of: .root, changed: 100, at: 0)
        func verdict(_ modified: UInt64, _ changed: UInt64) -> ListingVerdict {
            table.verdict(DirectoryTimes(modified: modified, changed: changed), of: .root, at: 5000)
        }
        #expect(verdict(100, 100) == .fine)
        #expect(verdict(50, 100) == .fine)
        // A change of the content: the kernel sees another mtime.
        #expect(verdict(200, 200) == .fine)
        #expect(verdict(100, 200) == .stale)
        // Also if the kernel has seen yet another one in between.
        #expect(verdict(50, 300) == .stale)
    }

    @Test func aListingOfWhichNoTimeTellsIsGoodForASecond() throws {
        let table = try table()
        let times = DirectoryTimes(modified: 7, changed: 7)
        table.beginListing(of: .root, changed: nil, at: 10_000)
        #expect(table.verdict(times, of: .root, at: 10_000) == .fineFor(1000))
        #expect(table.verdict(times, of: .root, at: 10_400) == .fineFor(600))
        #expect(table.verdict(times, of: .root, at: 11_000) == .stale)
        var drops = 0
        table.dropListing(of: .root, .stale, at: 11_000) { drops += 1 }
        #expect(drops == 1)
        #expect(table.verdict(times, of: .root, at: 11_000) == .fine)
    }

    /// The reply to one reading may get there after another has begun.
    @Test func readingsThatMayBeMixedUp() throws {
        let table = try table()
        let times = DirectoryTimes(modified: 200, changed: 200)
        table.beginListing(of: .root, changed: 100, at: 0)
        table.beginListing(of: .root, changed: 200, at: 10)
        #expect(table.verdict(times, of: .root, at: 10) == .fineFor(1000))
        #expect(table.verdict(times, of: .root, at: 1010) == .stale)
        // One that starts while it is dropped has a mark of its own.
        table.dropListing(of: .root, .stale, at: 1010) { table.beginListing(of: .root, changed: 200, at: 1011) }
        #expect(table.verdict(times, of: .root, at: 1011) == .fineFor(1000))
        table.dropListing(of: .root, .stale, at: 2011) {}
        table.beginListing(of: .root, changed: 200, at: 2012)
        #expect(table.verdict(times, of: .root, at: 9000) == .fine)
        // Twice the same is one.
        table.beginListing(of: .root, changed: 200, at: 9000)
        #expect(table.verdict(times, of: .root, at: 9000) == .fine)
    }

    /// What a reading puts there that was under way when it was dropped goes a second later.
    @Test func whatIsUnderWayIsDroppedToo() throws {
        let table = try table()
        table.beginListing(of: .root, changed: 100, at: 0)
        let times = DirectoryTimes(modified: 100, changed: 300)
        #expect(table.verdict(times, of: .root, at: 50) == .stale)
        table.dropListing(of: .root, .stale, at: 50) {}
        #expect(table.verdict(times, of: .root, at: 60) == .fineFor(990))
        #expect(table.verdict(times, of: .root, at: 1050) == .stale)
        table.dropListing(of: .root, .stale, at: 1050) {}
        #expect(table.verdict(times, of: .root, at: 1060) == .fine)
    }

    @Test func readingAgainPaysWhereMoreWasLookedUp() throws {
        let table = try table()
        let times = DirectoryTimes(modified: 100, changed: 100)
        table.beginListing(of: .root, changed: 100, at: 0)
        table.countReading(of: .root, isFirst: true, at: 0)
        for _ in 0..<9 { table.countReading(of: .root, isFirst: false, at: 0) }
        for _ in 0..<20 { table.countLookup(in: .root) }
        #expect(table.verdict(times, of: .root, at: 60_000) == .fine)
        table.countLookup(in: .root)
        #expect(table.verdict(times, of: .root, at: 0) == .spent)
        table.dropListing(of: .root, .spent, at: 0) {}
        #expect(table.verdict(times, of: .root, at: 60_000) == .fine)
        // It says still whether what another reading has put there is good.
        #expect(table.verdict(DirectoryTimes(modified: 100, changed: 200), of: .root, at: 0) == .stale)
        // A small one takes two requests, as much as a name or two.
        table.countReading(of: .root, isFirst: true, at: 1000)
        table.countReading(of: .root, isFirst: false, at: 1000)
        #expect(table.verdict(times, of: .root, at: 1500) == .fine)
        #expect(table.verdict(times, of: .root, at: 2500) == .spent)
    }

    @Test func fineTimesAreTriedOut() throws {
        // On this machine's own: whatever it says, it leaves nothing behind.
        let place = FileManager.default.temporaryDirectory.path + "/fine-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        let directory = try SystemCall.open(FilePath(place))
        defer { SystemCall.close(directory) }
        let before = try SystemCall.status(of: directory)
        let open = PassthroughFS.openDescriptors
        _ = SystemCall.hasFineTimes(directory)
        #expect(PassthroughFS.openDescriptors <= open + 8)
        let after = try SystemCall.status(of: directory)
        #expect(DirectoryTimes(before) == DirectoryTimes(after))
        #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
        // Nothing can be made in procfs.
        let processes = try SystemCall.open("/proc")
        defer { SystemCall.close(processes) }
        #expect(!SystemCall.hasFineTimes(processes))
    }
}
