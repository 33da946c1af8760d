// SPDX-License-Identifier: MIT
//
// What a filesystem can get wrong in an answer. It is never the end of the process: the caller of the request gets EIO, and
// the log says what was wrong, once for each operation, for else a user could fill the log.
//
// A fault travels as an `Errno` that no errno is, as `notImplemented` does: so the methods of the session throw one type, and
// the way of an answer that is right costs nothing.

import FUSEWire
import Logging
import Synchronization
import SystemPackage

extension Errno {
    /// What only a default implementation throws: the session makes ENOSYS of it, and EIO of an ENOSYS that a
    /// filesystem threw. No errno has this value, and no number that somebody throws by mistake.
    static var notImplemented: Errno { Errno(rawValue: -1_836_475_204) }
}

/// A mistake of a filesystem's.
enum Fault: Int32, CaseIterable {
    case overfilled, count, size, offset, node, type, attributes, lock, result, missing, errno, doesNotFit, dropped, entry, refused

    fileprivate static var first: Int32 { -1_836_475_300 }

    /// What the error of a request says that the caller gets EIO for; nil where it asked for that.
    init?(_ error: Errno) {
        if error == .ioError || error == .notImplemented { return nil }
        if error == .noFunction {
            self = .missing
        } else if let fault = Fault(rawValue: error.rawValue &- Fault.first) {
            self = fault
        } else if (1...511).contains(error.rawValue) {
            return nil
        } else {
            self = .errno
        }
    }

    var description: String {
        switch self {
        case .overfilled: "more data were written than there was room for"
        case .count: "the answer is a count of bytes that is negative, or more than was asked for"
        case .size: "the answer is a size that is negative, or not that of what was written"
        case .offset: "the answer is an offset that no file has"
        case .node: "the answer names the root, or no node where there must be one"
        case .type: "the answer is of another type than it must be"
        case .attributes: "the attributes have no type, or a size that no file has"
        case .lock: "the answer is a lock of a range that there is not"
        case .result: "the answer is a negative result: errors are to be thrown"
        case .missing: "ENOSYS was thrown, which the kernel would take for a promise about all later requests"
        case .errno: "an error was thrown that is none of the system's"
        case .doesNotFit: "the deferred reply is not of its kind"
        case .dropped: "the deferred reply was dropped"
        case .entry: "an entry that the kernel would fail the whole listing for was left out"
        case .refused: "the kernel refused the reply"
        }
    }
}

extension Errno {
    init(_ fault: Fault) { self.init(rawValue: Fault.first &+ fault.rawValue) }
}

/// Which mistakes have been told.
final class FaultLog: Sendable {
    private struct Kind: Hashable {
        var opcode: Opcode
        var fault: Fault
    }

    private let logger: Logger
    private let told = Mutex<Set<Kind>>([])

    init(_ logger: Logger) { self.logger = logger }

    /// Tells of a mistake, the first time that it is made in this operation.
    func tell(_ fault: Fault, _ opcode: Opcode, _ node: NodeID, _ cause: Errno? = nil) {
        guard told.withLock({ $0.insert(Kind(opcode: opcode, fault: fault)).inserted }) else { return }
        let why = cause.map { ": \($0)" } ?? ""
        let what = fault == .entry ? "" : "; the caller gets EIO"
        logger.error("\(opcode) of node \(node.rawValue): \(fault.description)\(why)\(what) (told once for \(opcode))")
    }

    /// An error as the kernel may see it; a mistake is told.
    func presentable(_ error: Errno, _ opcode: Opcode, _ node: NodeID) -> Errno {
        let seen = error.forKernel
        if seen == .ioError, let fault = Fault(error) { tell(fault, opcode, node) }
        return seen
    }
}
