// SPDX-License-Identifier: MIT
//
// Makes a line of each message. Lines are made on the thread that has the message in hand, a request's before the
// filesystem sees it and a reply's before it is sent: what a program sees of the mount is in the trace already.
//
// Shared state: what INIT's reply agreed on, by which later messages are decoded, and the requests that wait for their
// replies, each with the time at which it came. It is behind a mutex; nobody calls out under it.

import FUSEWire
import Synchronization
import SystemPackage

final class Tracer: Sendable {
    private struct Pending {
        var opcode: Opcode
        /// The most bytes that the caller takes; 0 where only a size is asked for.
        var size: UInt32
        var start: ContinuousClock.Instant
    }

    private struct State {
        var features = ProtocolFeatures()
        var pending: [UInt64: Pending] = [:]
    }

    private let write: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

    /// A request has come.
    func received(_ request: borrowing ReceivedRequest) {
        guard let header = request.decodedHeader else { return write("> (no header)") }
        let opcode = Opcode(rawValue: header.opcode)
        var line = TraceLine(">", header)
        var size: UInt32 = 0
        do throws(Errno) { size = try line.put(request.message(state.withLock { $0.features })) } catch {
            line.put(word: "(malformed)")
        }
        line.put(caller: header)
        if opcode.isAnswered {
            state.withLock { $0.pending[header.unique] = Pending(opcode: opcode, size: size, start: .now) }
        }
        write(line.text)
    }

    /// Sends a reply, and tells of it before.
    func replies(to unique: UInt64, _ error: Errno?, _ body: RawSpan, _ send: () throws(Errno) -> Void) throws(Errno) {
        if let request = state.withLock({ $0.pending.removeValue(forKey: unique) }) {
            var line = TraceLine("<", request.opcode, unique: unique)
            line.put(since: request.start)
            if let error { line.put("error", error.name) } else { line.put(reply: body, to: request.opcode, size: request.size) }
            write(line.text)
            if request.opcode == .initialize, error == nil { learn(body) }
        }
        do throws(Errno) { try send() } catch {
            write("? \(unique) refused=\(error.name)")
            throw error
        }
    }

    /// INTERRUPT is answered at most to have it come again.
    func repeats(_ request: RequestID, _ send: () -> Bool) -> Bool {
        var line = TraceLine("<", .interrupt, unique: request.rawValue | 1)
        line.put("error", Errno.resourceTemporarilyUnavailable.name)
        write(line.text)
        let isTaken = send()
        if !isTaken { write("? \(request.rawValue | 1) refused=\(Errno.noSuchFileOrDirectory.name)") }
        return isTaken
    }

    private func learn(_ body: RawSpan) {
        guard let agreed = try? body.load(InitOut.self) else { return }
        state.withLock { $0.features = ProtocolFeatures(minor: agreed.minor, flags: InitFlags(agreed)) }
    }

    /// Does what is not about a request, and tells of it afterwards.
    func tells<Result>(
        _ what: String, _ fields: (inout TraceLine) -> Void, result: (Result, inout TraceLine) -> Void,
        _ send: () throws(Errno) -> Result
    ) throws(Errno) -> Result {
        let start = ContinuousClock.now
        var line = TraceLine(mark: "!")
        line.put(word: what)
        do throws(Errno) {
            let value = try send()
            line.put(since: start)
            fields(&line)
            result(value, &line)
            write(line.text)
            return value
        } catch {
            line.put(since: start)
            line.put("error", error.name)
            fields(&line)
            write(line.text)
            throw error
        }
    }
}
