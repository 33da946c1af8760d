// SPDX-License-Identifier: MIT
//
// What a deferred reply keeps of its request. It holds the lane: a reply must go out by the descriptor that its request
// came in by, and that must stay open as long. `isAnswered` is set once, by whoever has the `DeferredReply`; the
// exchange orders nothing but itself, for ownership has handed everything else over.

import FUSEWire
import Synchronization
import SystemPackage

final class PendingReply: Sendable {
    let request: Request
    let opcode: Opcode
    let node: NodeID
    /// The most bytes that the caller takes, or has sent, where it says so.
    let size: Int
    /// The type of what is to be made, where that is known.
    let typeToMake: FileType?
    let lane: any Lane
    let session: any SessionCore
    let interrupts: Interrupts
    private let isAnswered = Atomic(false)

    init(_ request: Request, _ message: Header, _ lane: any Lane, _ session: any SessionCore, _ interrupts: Interrupts) {
        self.request = request
        opcode = message.opcode
        node = message.node
        size = message.size
        typeToMake = message.typeToMake
        self.lane = lane
        self.session = session
        self.interrupts = interrupts
    }

    /// True, once.
    func claim() -> Bool { !isAnswered.exchange(true, ordering: .relaxed) }

    /// What a reply needs to know of a message.
    struct Header {
        var opcode: Opcode
        var node: NodeID
        var size: Int
        var typeToMake: FileType?

        init?(_ received: borrowing ReceivedRequest, _ features: ProtocolFeatures) {
            guard let message = try? received.message(features) else { return nil }
            opcode = message.opcode
            node = message.node
            typeToMake = message.typeToMake
            size =
                switch opcode {
                case .read, .readdir, .readdirplus: Int((try? message.fields(ReadIn.self).size) ?? 0)
                case .write: Int((try? message.fields(WriteIn.self).size) ?? 0)
                case .getxattr, .listxattr: Int((try? message.fields(GetxattrIn.self).size) ?? 0)
                case .ioctl: Int((try? message.fields(IoctlIn.self).out_size) ?? 0)
                case .readlink: RequestMessage.longestTarget
                case .copyFileRange: Int(min((try? message.fields(CopyFileRangeIn.self).len) ?? 0, RequestMessage.longestNarrowCopy))
                case .copyFileRange64: Int(clamping: (try? message.fields(CopyFileRangeIn.self).len) ?? 0)
                default: 0
                }
        }
    }
}
