// SPDX-License-Identifier: MIT
//
// Whether a listing that the kernel may have kept is still good, where others change the source (`Freshness.Listings.checked`).
//
// The kernel keeps what it reads of a directory, with the mtime that it knows then. Before it uses that again from the start it has
// the attributes, no older than their time, and reads anew if mtime is another. That misses two things: a change after which
// mtime is set back (`touch -r`, tar, rsync), and a second change within one tick of a clock that is too coarse to tell them apart.
// So the mirror looks as well, whenever it reads a directory's attributes to answer a request. It goes by ctime, which nobody can
// set.
//
// Each directory has a word of its record, its mark:
//   0: the kernel keeps no listing that was not looked after.
//   A time of change, in nanoseconds: the kernel may keep a listing that was read when the directory had this ctime, or later. It
//     is good as long as ctime is the same. If ctime is another, and mtime is the same as that, the last change was one of the
//     content, and mtime is a moment that the directory never had before: the kernel sees that by itself. If they differ, mtime was
//     set, or something other than the content was changed: who knows. The listing is dropped.
//   A moment, with bit 63: the kernel may keep a listing that was read at that moment, or after it, of which no ctime says whether
//     it is still good. It is used for a second, as the mode promises, and then dropped.
// A mark is made when a reading starts, before the first entry is read: what changes later changes ctime.
//
// No ctime says so:
//   where the source's filesystem has a coarse clock, and the directory changed within two seconds before (for some count seconds);
//   where the directory's times are in the future, so that the next change may come to have the same;
//   where the source's filesystem lets ctime be set (vfat), or its times are another machine's or another program's;
//   where a reading starts with a mark there that says something else: two readings may be mixed up in what the kernel keeps. One's
//     reply can reach the kernel's memory after the other has begun, and under the other's mtime. A reply takes no second to get
//     there, so after a moment's second everything is dropped that may be wrong.
//
// A listing that is good may still be worth nothing: where names have to be looked up again, as their second is over, reading the
// directory anew does that for many of them in one request (READDIRPLUS), and the kernel's own copy of it for none. `ListingUse` has
// when it pays. The mark stays as it is then: it says no less than before.
//
// Shared state: the mark, and the count, which is a guess and may miss some. Whoever drops a listing has the kernel do so first, and changes the mark then, if it is still the
// same: a reading that starts meanwhile has made another.

import FUSE
import Glibc
import Synchronization

/// See above.
struct ListingMark: Equatable {
    let bits: UInt64

    static var none: ListingMark { ListingMark(bits: 0) }
    private static var momentBit: UInt64 { 1 << 63 }

    /// A listing of a directory with this ctime.
    init(changed: UInt64) { bits = max(1, changed & ~Self.momentBit) }

    /// A listing of this moment, in milliseconds of the monotonic clock.
    init(moment: UInt64) { bits = moment | Self.momentBit }

    init(bits: UInt64) { self.bits = bits }

    /// How many milliseconds ago its moment was; nil where it is none.
    func age(at now: UInt64) -> UInt64? {
        guard bits & Self.momentBit != 0 else { return nil }
        let moment = bits & ~Self.momentBit
        return now > moment ? now - moment : 0
    }
}

/// What reading a directory takes, and what was looked up since.
struct ListingUse {
    /// From the lowest on: names looked up since (8 bits), requests that the last reading took (8 bits; neither goes beyond its own),
    /// and when it began, in eighths of a second (16 bits, which come round in two hours: it is a guess).
    let bits: UInt32

    init(bits: UInt32) { self.bits = bits }

    /// Nothing was read yet.
    init(startingAt now: UInt64) { bits = UInt32(truncatingIfNeeded: now / 125) << 16 }

    private var lookups: UInt32 { bits & 0xff }
    private var requests: UInt32 { bits >> 8 & 0xff }

    /// Whether reading it again is less than what looking up its names was, or is likely to be. The latter where it takes one request
    /// and another that finds the end: as much as one or two names, and nothing tells how many are used of those that came
    /// looked up with it.
    func paysToReadAgain(at now: UInt64) -> Bool {
        guard requests > 0 else { return false }
        let age = (UInt32(truncatingIfNeeded: now / 125) &- (bits >> 16)) & 0xffff
        return lookups > 2 &* requests || requests <= 2 && age > 8
    }

    /// With one request more.
    var afterRequest: ListingUse { ListingUse(bits: requests < 127 ? bits &+ 0x100 : bits) }

    /// With one name more; the same where that changes nothing.
    var afterLookup: ListingUse { requests == 0 || lookups == 255 ? self : ListingUse(bits: bits &+ 1) }
}

/// What a directory's attributes say of its listing.
enum ListingVerdict: Equatable {
    /// There is none, or it is good, or the kernel sees by itself that it is not.
    case fine
    /// It may be used for so many milliseconds more.
    case fineFor(UInt64)
    /// The kernel is to drop it: it may be wrong.
    case stale
    /// The kernel may as well drop it: reading anew pays.
    case spent
}

/// The times that a listing goes by, in nanoseconds since 1970; before that, 0.
struct DirectoryTimes: Equatable {
    var modified: UInt64
    var changed: UInt64

    init(modified: UInt64, changed: UInt64) {
        self.modified = modified
        self.changed = changed
    }

    init(_ status: stat) {
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> UInt64 {
        time.tv_sec < 0 ? 0 : UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Whether the next change will have another ctime, and if it is one of the content another mtime than ever before.
    func areDistinct(at now: UInt64, _ clock: SourceClock) -> Bool {
        let latest = max(modified, changed)
        return switch clock {
        case .fine: latest <= now
        case .coarse: latest &+ 2_000_000_000 < now
        case .foreign: false
        }
    }
}

/// By which clock a filesystem has its times.
enum SourceClock: Sendable {
    /// This machine's, and each change that somebody could see has a time of its own.
    case fine
    /// This machine's, by ticks or seconds.
    case coarse
    /// Nothing is known of it.
    case foreign
}

extension InodeTable {
    /// How long the mode promises that a listing is used at the most.
    private static var patience: UInt64 { 1000 }

    private func mark(of node: NodeID) -> ListingMark {
        ListingMark(bits: records[Int(NodeAddress(node).slot)].listing.load(ordering: .relaxed))
    }

    /// A reading of a directory starts, of a node in use. `changed`: its ctime, where that says whether it is good; nil otherwise.
    func beginListing(of node: NodeID, changed: UInt64?, at now: UInt64) {
        let slot = Int(NodeAddress(node).slot)
        let new = changed.map { ListingMark(changed: $0) } ?? ListingMark(moment: now)
        var seen = records[slot].listing.load(ordering: .relaxed)
        while true {
            let isClean = seen == 0 || seen == new.bits
            let desired = isClean ? new.bits : ListingMark(moment: now).bits
            let (exchanged, original) = records[slot].listing.weakCompareExchange(expected: seen, desired: desired, ordering: .relaxed)
            if exchanged { return }
            seen = original
        }
    }

    private func use(of node: NodeID) -> ListingUse {
        ListingUse(bits: records[Int(NodeAddress(node).slot)].listingUse.load(ordering: .relaxed))
    }

    /// A request reads on in a directory, or begins to.
    func countReading(of node: NodeID, isFirst: Bool, at now: UInt64) {
        let before = isFirst ? ListingUse(startingAt: now) : use(of: node)
        records[Int(NodeAddress(node).slot)].listingUse.store(before.afterRequest.bits, ordering: .relaxed)
    }

    /// A name is looked up in a directory.
    func countLookup(in node: NodeID) {
        let before = use(of: node)
        let after = before.afterLookup
        if after.bits != before.bits { records[Int(NodeAddress(node).slot)].listingUse.store(after.bits, ordering: .relaxed) }
    }

    /// What a directory's times say of its listing. Of a node in use.
    func verdict(_ times: DirectoryTimes, of node: NodeID, at now: UInt64) -> ListingVerdict {
        let mark = mark(of: node)
        if mark == .none { return .fine }
        if let age = mark.age(at: now) {
            if age >= Self.patience { return .stale }
            return use(of: node).paysToReadAgain(at: now) ? .spent : .fineFor(Self.patience - age)
        }
        if mark != ListingMark(changed: times.changed), times.modified != times.changed { return .stale }
        return use(of: node).paysToReadAgain(at: now) ? .spent : .fine
    }

    /// Has a listing dropped that ``verdict(_:of:at:)`` called so. Of a node in use.
    func dropListing(of node: NodeID, _ verdict: ListingVerdict, at now: UInt64, _ drop: () -> Void) {
        let slot = Int(NodeAddress(node).slot)
        let mark = mark(of: node)
        records[slot].listingUse.store(0, ordering: .relaxed)
        drop()
        if verdict == .stale { leave(mark, of: slot, at: now) }
    }

    /// A listing was dropped that had this mark. What a reading that was under way may put there still is dropped in a second.
    private func leave(_ mark: ListingMark, of slot: Int, at now: UInt64) {
        let left: ListingMark
        if let age = mark.age(at: now) { left = age >= Self.patience ? .none : mark } else { left = mark == .none ? .none : ListingMark(moment: now) }
        _ = records[slot].listing.compareExchange(expected: mark.bits, desired: left.bits, ordering: .relaxed)
    }

    /// The kernel drops a listing by itself.
    func forgetOldListing(of node: NodeID, at now: UInt64) {
        leave(mark(of: node), of: Int(NodeAddress(node).slot), at: now)
    }

    /// Whether a listing that the kernel keeps is known to be good.
    func isListingGood(_ times: DirectoryTimes, of node: NodeID) -> Bool { mark(of: node) == ListingMark(changed: times.changed) }
}
