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
        var failure: Errno?
        withBuffer(capacity: capacity) { room in
            do throws(Errno) { try encode(&room) } catch { failure = error }
        } reading: { body in
            let error = failure.map { faults.presentable($0, pending.opcode, pending.node) }
            send(error, failure == nil ? body : RawSpan(), pending)
        }
    }

    func abandon(_ pending: PendingReply) {
        interrupts.replied(to: pending.request.id)
        guard gate.enter() else { return }
        defer { gate.leave() }
        send(faults.presentable(Errno(.dropped), pending.opcode, pending.node), RawSpan(), pending)
    }

    private func send(_ error: Errno?, _ body: RawSpan, _ pending: PendingReply) {
        do throws(Errno) {
            try pending.lane.reply(to: pending.request.id, error: error, body: body)
        } catch {
            takeBack(body, pending.opcode, pending.node, pending.request)
            switch error {
            case .noSuchFileOrDirectory, .operationNotSupportedByDevice, .connectionAbort: break
            default:
                faults.tell(.refused, pending.opcode, pending.node, error)
                try? pending.lane.reply(to: pending.request.id, error: .ioError, body: RawSpan())
            }
        }
    }

    func interrupted(_ request: RequestID) {
        guard gate.enter() else { return }
        defer { gate.leave() }
        fileSystem.interrupted(request)
    }
}
