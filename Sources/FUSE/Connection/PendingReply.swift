// SPDX-License-Identifier: MIT
//
// What a deferred reply has of its request: in the end the exchange itself.
//
// A method defers its reply while it reads the request: the session has the exchange, and lends it to the method. When
// that returns, the exchange moves here, and whoever gives the reply takes it from here. A reply may be given before: it is
// then kept until the exchange comes, for what the method reads is the exchange's memory, and must not go to the next request.
//
//     lent --------------------> owned(exchange) --takeExchange()--> over
//      |  the method returns          ^
//      +--> answered(reply) ----------+--> over: whoever comes second gets both, and sends
//        the reply is given
//
// The stage is behind a mutex; nothing is called under it. `isClaimed` is set once, by whoever has the `DeferredReply`; it
// orders nothing but itself, for ownership has handed everything else over.

import FUSEWire
import Synchronization
import SystemPackage

/// A reply that was given while its method still ran.
enum EarlyReply: Sendable {
    case body([UInt8])
    case error(Errno)
}

final class PendingReply: Sendable {
    private enum Stage: ~Copyable, Sendable {
        case lent
        case answered(EarlyReply)
        case owned(Exchange)
        case over
    }

    let request: Request
    let opcode: Opcode
    let node: NodeID
    /// The most bytes that the caller takes, or has sent, where it says so.
    let size: Int
    /// The type of what is to be made, where that is known.
    let typeToMake: FileType?
    let session: any SessionCore
    let interrupts: Interrupts
    private let isClaimed = Atomic(false)
    private let stage = Mutex(Stage.lent)

    /// Nil for a message that does not decode.
    init?(
        _ request: Request, _ received: borrowing ReceivedRequest, _ features: ProtocolFeatures, _ session: any SessionCore,
        _ interrupts: Interrupts
    ) {
        guard let message = try? received.message(features) else { return nil }
        self.request = request
        opcode = message.opcode
        node = message.node
        typeToMake = message.typeToMake
        size = message.replySize
        self.session = session
        self.interrupts = interrupts
    }

    /// True, once.
    func claim() -> Bool { !isClaimed.exchange(true, ordering: .relaxed) }

    /// The exchange, for who gives the reply; nil while the method still runs.
    func takeExchange() -> Exchange? {
        stage.withLock { stage in
            switch exchange(&stage, with: .over) {
            case .owned(let exchange): return exchange
            case let other:
                stage = other
                return nil
            }
        }
    }

    /// The reply is given, and the method may still run. Returns the exchange where it has come meanwhile: the caller sends.
    func answer(_ reply: EarlyReply) -> Exchange? {
        stage.withLock { stage in
            switch exchange(&stage, with: .over) {
            case .owned(let exchange): return exchange
            default:
                stage = .answered(reply)
                return nil
            }
        }
    }

    /// The method has returned. Returns the exchange again where the reply was given meanwhile: the caller sends.
    func own(_ exchange: consuming Exchange) -> EarlyAnswer? {
        // What the closure is to consume has to be one that can be taken.
        var taken: Exchange? = exchange
        return stage.withLock { stage in
            guard let exchange = taken.take() else { return nil }
            switch Swift.exchange(&stage, with: .over) {
            case .answered(let reply): return EarlyAnswer(exchange: exchange, reply: reply)
            default:
                stage = .owned(exchange)
                return nil
            }
        }
    }
}

/// An exchange, and the reply that was given before it came.
struct EarlyAnswer: ~Copyable, Sendable {
    let exchange: Exchange
    let reply: EarlyReply
}

extension RequestMessage {
    /// The most bytes that the caller takes, or has sent, where the message says so.
    fileprivate var replySize: Int {
        switch opcode {
        case .read, .readdir, .readdirplus: Int((try? fields(ReadIn.self).size) ?? 0)
        case .write: Int((try? fields(WriteIn.self).size) ?? 0)
        case .getxattr, .listxattr: Int((try? fields(GetxattrIn.self).size) ?? 0)
        case .ioctl: Int((try? fields(IoctlIn.self).out_size) ?? 0)
        case .readlink: Self.longestTarget
        case .copyFileRange: Int(min((try? fields(CopyFileRangeIn.self).len) ?? 0, Self.longestNarrowCopy))
        case .copyFileRange64: Int(clamping: (try? fields(CopyFileRangeIn.self).len) ?? 0)
        default: 0
        }
    }
}
