// SPDX-License-Identifier: MIT
//
// How the reads and writes of one inode go: the state machine that answers each open.
//
// The kernel's rules (`fs/fuse/iomode.c`): an inode is idle, cached or passed through. While a file of it is open in
// passthrough, every other open of it must be passthrough too, of the same registration: anything else fails with EIO;
// while one is open through the cache, passthrough fails with EIO. So that no user ever sees that, an open joins the mode
// of those that are there, and only the first one chooses:
//
//     mode there    wish: cached              direct                    passthrough
//     (idle)        cached                    direct                    passthrough; cached, if it cannot be had
//     cached        cached                    direct, counted as cached cached
//     direct        cached from now on        direct                    direct
//     passthrough   passthrough, data direct  passthrough, data direct  passthrough
//
// ("Passthrough, data direct" is PASSTHROUGH|DIRECT_IO: reads and writes come to the server, maps go to the backing. It can
// also be wished for, and then goes by the last column, with its data direct.)
// So is the data of an open for writing whose rights should be of another kind than the registration's (`Opened.IO.Opener`). An
// idle inode's registration is made anew for it.
// Next to direct opens a passthrough one would be right as long as none of them maps the file shared, which nobody
// tells: it is served direct.
//
// The kernel ends its own mode before it sends the release (`fuse_file_put`), so the record errs on the side that is
// always right.

import FUSEWire
import SystemPackage

extension InodeBackings {
    /// How an open goes.
    struct Admission: Equatable {
        var flags: OpenFlags
        var backing: BackingID?
    }
}

/// What is known of one inode that is open, registered, or was refused. 40 bytes; plain data.
struct BackingRecord {
    enum Mode: UInt8 {
        case cached
        case direct
        case passthrough
    }

    struct Traits: OptionSet {
        var rawValue: UInt8
        /// In its shard's list of kept registrations.
        static var kept: Traits { Traits(rawValue: 1) }
        /// In its shard's list of refused files.
        static var refused: Traits { Traits(rawValue: 2) }
        /// Its registration is not to be kept.
        static var doomed: Traits { Traits(rawValue: 4) }
        /// Somebody is at the kernel with it: the record is not to be used for another node.
        static var busy: Traits { Traits(rawValue: 8) }
        /// It is registered for those whose writes leave set-user-id bits.
        static var lenient: Traits { Traits(rawValue: 16) }
        /// It is registered with somebody's limits.
        static var limited: Traits { Traits(rawValue: 32) }
    }

    /// Whose record it is; 0 for nobody's.
    var node: NodeID = 0
    /// When its last user went, in nanoseconds; with `kept`.
    var stamp: UInt64 = 0
    /// What it is registered as; 0 for not.
    var id: Int32 = 0
    /// Opens that were admitted and not released.
    var opens: UInt32 = 0
    /// Neighbours in the list that it is in; 0 for none.
    var previous: UInt32 = 0
    var next: UInt32 = 0
    /// Why its file was refused last; 0 for not.
    var refusal: Int16 = 0
    /// How many opens go without another attempt.
    var pause: UInt16 = 0
    /// How often it was refused, one after the other.
    var refusals: UInt8 = 0
    /// Of those who have it open.
    var mode = Mode.cached
    var traits: Traits = []

    /// The kernel may be in passthrough mode with its id.
    var isPassingThrough: Bool { opens > 0 && mode == .passthrough }
    /// Nothing of it is to be remembered.
    var isVoid: Bool { opens == 0 && id == 0 && refusal == 0 && !traits.contains(.busy) }

    /// What becomes of an open.
    enum Decision {
        case admitted(InodeBackings.Admission)
        /// It is the first one, and its file has to be registered.
        case register
    }

    /// Decides how an open goes, and counts it, unless a file has to be registered first.
    mutating func decide(_ wish: OpenWish, isAvailable: Bool) -> Decision {
        if opens > 0 {
            if mode == .direct, !wish.isPassthrough, wish.served != .direct { mode = .cached }
        } else if wish.isPassthrough, id != 0, !isAvailable || suits(wish) {
            mode = .passthrough
        } else {
            if wish.isPassthrough, isAvailable {
                guard pause > 0 else { return .register }
                pause -= 1
            }
            mode = wish.served == .direct ? .direct : .cached
        }
        return .admitted(admit(wish))
    }

    /// As ``decide(_:isAvailable:)`` where nothing can be registered any more for this one.
    mutating func settle(_ wish: OpenWish) -> InodeBackings.Admission {
        if case .admitted(let admission) = decide(wish, isAvailable: false) { return admission }
        return admit(wish)
    }

    /// Whether its registration has the kind of rights that this open should write with.
    private func suits(_ wish: OpenWish) -> Bool {
        guard wish.passesData, let opener = wish.opener, opener.writes else { return true }
        return traits.intersection([.lenient, .limited]) == Self.rights(of: opener)
    }

    private static func rights(of opener: Opened.IO.Opener?) -> Traits {
        guard let opener else { return [] }
        return [opener.leavesPrivileges ? .lenient : [], opener.limitedUser != nil ? .limited : []]
    }

    /// It is registered, for this opener.
    mutating func registered(as id: BackingID, for opener: Opened.IO.Opener?) {
        self.id = id.rawValue
        traits.subtract([.lenient, .limited])
        traits.formUnion(Self.rights(of: opener))
    }

    private mutating func admit(_ wish: OpenWish) -> InodeBackings.Admission {
        opens += 1
        switch (mode, wish.served) {
        case (.passthrough, _):
            return InodeBackings.Admission(
                flags: wish.passesData && suits(wish) ? .passthrough : [.passthrough, .directIO], backing: BackingID(rawValue: id))
        case (.direct, _), (.cached, .direct): return InodeBackings.Admission(flags: .directIO)
        case (.cached, .keepingCache): return InodeBackings.Admission(flags: .keepCache)
        case (.cached, .cached): return InodeBackings.Admission(flags: [])
        }
    }

    /// The file was not taken. The opens that find the inode idle go without another attempt: the next 1, then 3, 7, and at
    /// the most 1,023.
    mutating func refuse(_ error: Errno) {
        refusal = Int16(clamping: error.rawValue)
        refusals = min(refusals + 1, 10)
        pause = 1 << UInt16(refusals) - 1
    }

    mutating func forgetRefusal() {
        refusal = 0
        refusals = 0
        pause = 0
    }
}
