// SPDX-License-Identifier: MIT
//
// An entry of a queue, as the server has it: the memory that the kernel was told of when the entry was registered, and who is to
// give the reply back. Layout of the one private mapping:
//
//     header (288 of 4,096 bytes; behind them the two iovecs that REGISTER names) | side room | payload
//
// The kernel puts a request's payload where it takes the reply's from, and a filesystem reads the one while it writes the other. So
// one of them is moved: a small payload (names) aside before the filesystem sees it, and for a large one (the data of WRITE, an
// attribute's value), whose reply is short, the reply afterwards. Data is copied neither way.
//
// Who commits. An entry belongs to no ring: COMMIT_AND_FETCH names the queue and the request (`fuse_uring_commit_fetch`), and from
// then on the entry waits on the ring by which that came. So whoever has the reply need not be the thread that received the request.
// What must not be is an entry that waits on a ring whose thread is inside a handler: it would not be looked at. Hence the
// stages:
//
//     attached --commit--> replied          the channel that has it sends the reply when it next receives: one call for both
//        |                    ^
//        +--detach--> detached +--> given to RingReturns: the channel went on without it, as the reply was deferred
//
// Both steps are one atomic exchange, so that exactly one of the two sends. It orders the reply's bytes, too.
//
// Lifetime: the kernel writes into this memory, in the context of the thread whose ring the entry waits on, until the connection is
// over. So `RingSlots` keeps all of them until then.

import FUSEWire
import Glibc
import Synchronization
import SystemPackage

@safe final class RingSlot: ExchangeSlot, @unchecked Sendable {
    private enum Stage {
        static let attached: UInt8 = 0
        static let detached: UInt8 = 1
        static let replied: UInt8 = 2
    }

    /// The processor whose queue it is in.
    let processor: Int
    /// Its number among `RingSlots`, from 1.
    let tag: UInt64
    private let returns: RingReturns
    private let base: UnsafeMutableRawPointer
    private let payloadSize: Int
    private let stage = Atomic<UInt8>(Stage.replied)
    private var unique: UInt64 = 0
    /// The last request here that was answered.
    private let answered = Atomic<UInt64>(0)
    /// The payload lies where it came, and the reply's body in the side room.
    private var isReplyAside = false
    /// It waits for a request on its channel's ring. The channel's alone.
    var isWaiting = false
    /// More of the payload's pages were touched than are kept when nothing comes.
    private(set) var isLarge = false

    private static let page = 4096
    private static let vectors = 1024
    /// Enough for the names that a request has, and for the reply to whatever has a larger payload: at most that of an ioctl,
    /// whose number has 14 bits for a size.
    private static let sideSize = 20 << 10
    private static let payloadOffset = page + sideSize
    private static let longestAside = 1024
    private static let largeSize = 64 << 10

    /// - Throws: ENOMEM.
    init(processor: Int, tag: UInt64, payloadSize: Int, _ returns: RingReturns) throws(Errno) {
        self.processor = processor
        self.tag = tag
        self.returns = returns
        self.payloadSize = (payloadSize + Self.page - 1) / Self.page * Self.page
        // Safe: a fresh mapping that this object alone owns, until deinit.
        guard
            let base = unsafe mmap(
                nil, Self.payloadOffset + self.payloadSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            unsafe base != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        unsafe self.base = base
        super.init()
        // Safe: both fit into the first page.
        unsafe (base + Self.vectors).storeBytes(of: UInt(bitPattern: base), as: UInt.self)
        unsafe (base + Self.vectors + 8).storeBytes(of: UInt(UringReqHeader.wireSize), as: UInt.self)
        unsafe (base + Self.vectors + 16).storeBytes(of: UInt(bitPattern: base + Self.payloadOffset), as: UInt.self)
        unsafe (base + Self.vectors + 24).storeBytes(of: UInt(self.payloadSize), as: UInt.self)
    }

    deinit { unsafe munmap(base, Self.payloadOffset + payloadSize) }

    /// Where the two iovecs are, for REGISTER.
    var vectors: UInt64 { unsafe UInt64(UInt(bitPattern: base + Self.vectors)) }

    private var payload: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base + Self.payloadOffset, count: payloadSize)
    }

    private var side: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base + Self.page, count: Self.sideSize)
    }

    // Safe, all below: the offsets are those of `struct fuse_uring_req_header`, in the first page.

    private var inOut: UringEntInOut {
        get { unsafe base.load(fromByteOffset: 256, as: UringEntInOut.self) }
        set { unsafe base.storeBytes(of: newValue, toByteOffset: 256, as: UringEntInOut.self) }
    }

    /// Names the request to the kernel, which remembers the entry by it.
    var commitID: UInt64 { inOut.commit_id }

    /// Whether this request lies here and is unanswered, be it that nobody has looked yet. Any thread may ask; what it is told may be
    /// over meanwhile.
    func holds(_ request: UInt64) -> Bool {
        unsafe (base + 8).assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .relaxed) == request
            && answered.load(ordering: .relaxed) != request
    }

    /// The request is one that ``RingNudger`` has caused, and for nobody.
    func isNudge(of nudger: RingNudger) -> Bool {
        let header = unsafe base.load(as: InHeader.self)
        return Opcode(rawValue: header.opcode) == .statfs && nudger.isCaller(header.pid)
    }

    /// Has it answered; the entry's owner sends it.
    func answerNudge() {
        let header = unsafe base.load(as: InHeader.self)
        unsafe base.storeBytes(
            of: OutHeader(len: UInt32(OutHeader.wireSize), error: -Errno.interrupted.rawValue, unique: header.unique), as: OutHeader.self)
        inOut.payload_sz = 0
    }

    /// The kernel has put a request here.
    func receive() {
        let size = min(Int(inOut.payload_sz), payloadSize)
        unique = unsafe base.load(fromByteOffset: 8, as: UInt64.self)
        isReplyAside = size > Self.longestAside
        isLarge = isLarge || size > Self.largeSize
        stage.store(Stage.attached, ordering: .releasing)
        let header = unsafe UnsafeRawBufferPointer(start: base, count: InHeader.wireSize)
        var operation = unsafe UnsafeRawBufferPointer(start: base + 128, count: 128)
        var data = unsafe UnsafeRawBufferPointer(rebasing: payload[..<size])
        if !isReplyAside {
            unsafe side.copyMemory(from: data)
            unsafe data = UnsafeRawBufferPointer(rebasing: side[..<size])
        }
        if hasStructureInPayload(size) {
            unsafe operation = UnsafeRawBufferPointer(rebasing: data[..<NotifyRetrieveIn.wireSize])
            unsafe data = UnsafeRawBufferPointer(rebasing: data[NotifyRetrieveIn.wireSize...])
        }
        unsafe memory = ExchangeMemory(header: header, operation: operation, payload: data, reply: isReplyAside ? side : payload)
    }

    /// The answer to a NOTIFY_RETRIEVE: Linux 6.18 has its structure at the beginning of the payload, and leaves the structure's place
    /// as it was. The message's length tells that there is nothing else.
    private func hasStructureInPayload(_ size: Int) -> Bool {
        let header = unsafe base.load(as: InHeader.self)
        return Opcode(rawValue: header.opcode) == .notifyReply && size >= NotifyRetrieveIn.wireSize
            && Int(header.len) == InHeader.wireSize &+ size
    }

    /// The channel goes on without it, unless the reply is there, or there is no request in it. True: it has done so.
    func detach() -> Bool {
        stage.compareExchange(
            expected: Stage.attached, desired: Stage.detached, successOrdering: .acquiringAndReleasing, failureOrdering: .acquiring
        ).exchanged
    }

    /// The reply is there.
    var isReplied: Bool { stage.load(ordering: .acquiring) == Stage.replied }

    /// Nobody is refused here: the kernel says nothing of a reply that it does not like but to the caller.
    override func commit(_ reply: Reply) {
        var (count, error) = (0, 0 as Int32)
        switch reply {
        case .body(let byteCount): count = min(byteCount, isReplyAside ? Self.sideSize : payloadSize)
        case .error(let errno): error = -errno.rawValue
        // The answer to a NOTIFY_RETRIEVE: the entry goes back all the same.
        case .none: break
        }
        answered.store(unique, ordering: .relaxed)
        if isReplyAside, count > 0 { unsafe payload.copyMemory(from: UnsafeRawBufferPointer(rebasing: side[..<count])) }
        isLarge = isLarge || count > Self.largeSize
        unsafe base.storeBytes(
            of: OutHeader(len: UInt32(truncatingIfNeeded: OutHeader.wireSize &+ count), error: error, unique: unique), as: OutHeader.self)
        inOut.payload_sz = UInt32(truncatingIfNeeded: count)
        if stage.exchange(Stage.replied, ordering: .acquiringAndReleasing) == Stage.detached { returns.give(back: self) }
    }

    /// The payload's pages go back to the system. The entry waits for a request, or has none, and its thread is the caller.
    func giveBack() {
        isLarge = false
        // Safe: the mapping is this object's alone; the kernel writes to it in the calling thread only.
        _ = unsafe madvise(base + Self.payloadOffset, payloadSize, MADV_DONTNEED)
    }
}
