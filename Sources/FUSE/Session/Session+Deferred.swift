// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

// Replies that a filesystem gives later.

extension Session: SessionCore {
    func finish(_ pending: PendingReply, capacity: Int, _ encode: (inout OutputRawSpan) throws(Errno) -> Void) {
        interrupts.replied(to: pending.request.id)
        // The filesystem is stopped, and the connection over: nobody waits, and nothing is to be taken back.
        guard gate.enter() else { return }
        defer { gate.leave() }
        if let exchange = pending.takeExchange() {
            let reply: Reply
            do throws(Errno) { reply = try exchange.filled(encode) } catch {
                reply = .error(faults.presentable(error, pending.opcode, pending.node))
            }
            return send(exchange, reply, pending)
        }
        // The method that has deferred the reply still runs, and reads the request.
        let early: EarlyReply
        do throws(Errno) { early = .body(try [UInt8](capacity: capacity, encode)) } catch {
            early = .error(faults.presentable(error, pending.opcode, pending.node))
        }
        if let exchange = pending.answer(early) { send(exchange, early, pending) }
    }

    func abandon(_ pending: PendingReply) {
        finish(pending, capacity: 0) { (_) throws(Errno) in throw Errno(.dropped) }
    }

    /// The method that has deferred its reply is back: the exchange is the deferred reply's, which may be given already.
    func own(_ pending: PendingReply, _ exchange: consuming Exchange) {
        guard let answer = pending.own(exchange), gate.enter() else { return }
        defer { gate.leave() }
        let early = answer.reply
        send(answer.exchange, early, pending)
    }

    private func send(_ exchange: consuming Exchange, _ early: EarlyReply, _ pending: PendingReply) {
        switch early {
        case .error(let error): send(exchange, Reply.error(error), pending)
        case .body(let bytes):
            let reply: Reply
            do throws(Errno) { reply = try exchange.filled { (room) throws(Errno) in try room.put(bytes: bytes.rawSpan) } } catch { reply = .error(error) }
            send(exchange, reply, pending)
        }
    }

    private func send(_ exchange: consuming Exchange, _ reply: Reply, _ pending: PendingReply) {
        guard case .refused(let error, let exchange) = exchange.commit(reply) else { return }
        takeBack(exchange, reply, pending)
        switch error {
        case .noSuchFileOrDirectory, .operationNotSupportedByDevice, .connectionAbort: break
        default:
            faults.tell(.refused, pending.opcode, pending.node, error)
            _ = exchange.commit(.error(.ioError))
        }
    }

    private func takeBack(_ exchange: borrowing Exchange, _ reply: Reply, _ pending: PendingReply) {
        if case .body(let count) = reply { takeBack(exchange.body(count), pending.opcode, pending.node, pending.request) }
    }

    func interrupted(_ request: RequestID) {
        guard gate.enter() else { return }
        defer { gate.leave() }
        fileSystem.interrupted(request)
    }
}
