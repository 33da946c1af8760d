// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import SystemPackage

// Requests out, replies in.

extension SimulatedKernel {
    /// Sends a request, and waits for its reply's body.
    func exchange(
        _ opcode: Opcode, _ node: UInt64, _ body: [UInt8] = [], _ size: ReplySize = .exactly(0), for process: SimulatedProcess,
        group: UInt32? = nil
    ) throws(Errno) -> [UInt8] {
        guard !isOver else { throw .socketNotConnected }
        let request = KernelRequest(opcode, node: node, body, size, isAwaited: true)
        request.caller = process.credentials
        request.process = process.callerID
        if let group { request.extensions = Self.extension(of: group) }
        queue.append(request)
        monitor.wakeAll()
        while request.result == nil {
            if process.isSignalled, !request.isInterrupted, !missing.contains(.interrupt) { interrupt(request) }
            if stepServer == nil || isStepping || queue.isEmpty { monitor.wait() } else { step() }
        }
        // Also where nothing was sent for it, the signal is dealt with when the call returns.
        if request.isInterrupted || missing.contains(.interrupt) { process.isSignalled = false }
        do throws(Errno) {
            return try (request.result ?? .failure(.ioError)).get()
        } catch {
            if error == .noFunction { missing.insert(opcode) }
            throw error
        }
    }

    /// Sends a request that nobody waits for: RELEASE, mostly.
    func send(_ opcode: Opcode, _ node: UInt64, _ body: [UInt8], for process: SimulatedProcess) {
        guard !isOver else { return }
        let request = KernelRequest(opcode, node: node, body, .exactly(0), isAwaited: false)
        request.caller = process.credentials
        request.process = process.callerID
        queue.append(request)
        monitor.wakeAll()
    }

    /// A process gets a signal: the call that it waits in is interrupted, or the next one that waits.
    func signal(_ process: SimulatedProcess) {
        process.isSignalled = true
        monitor.wakeAll()
    }

    private func interrupt(_ request: KernelRequest) {
        request.isInterrupted = true
        // What the server has not taken yet is followed by its interrupt once it has.
        if case .sent = request.state { queue.interrupt(request) }
        monitor.wakeAll()
    }

    private func step() {
        guard let stepServer else { return }
        isStepping = true
        monitor.leave()
        stepServer()
        monitor.enter()
        isStepping = false
        monitor.wakeAll()
    }

    /// Stepped: what nobody waits for is served before the call returns.
    func settle() {
        if stepServer == nil { return monitor.wakeAll() }
        while !queue.isEmpty, !isOver, !isStepping { step() }
    }

    // MARK: The server's side

    func nextMessage(for channel: SimulatedChannel) -> [UInt8]? {
        monitor.within {
            while true {
                if isOver { return nil }
                if let next = queue.next(for: channel, minor: minor) {
                    counts[next.opcode, default: 0] += 1
                    // To some no reply comes that would tell who waits for the queue to be empty.
                    if queue.isEmpty { monitor.wakeAll() }
                    return next.message
                }
                monitor.wait()
            }
        }
    }

    /// What `write(2)` does. Source: `fuse_dev_do_write` in Linux.
    func take(_ message: [UInt8], from channel: SimulatedChannel) throws(Errno) {
        monitor.enter()
        defer { monitor.leave() }
        guard let header = message.structure(OutHeader.self), header.len == message.count else { throw .invalidArgument }
        let body = Array(message.dropFirst(OutHeader.wireSize))
        if header.unique == 0 { return try apply(NotifyCode(rawValue: header.error), body) }
        guard (-511...0).contains(header.error) else { throw .invalidArgument }
        // After the end there is none.
        guard let request = queue.find(header.unique & ~1, by: channel) else { throw .noSuchFileOrDirectory }
        if header.unique & 1 != 0 {
            guard body.isEmpty else { throw .invalidArgument }
            switch Errno(rawValue: -header.error) {
            case .noFunction: missing.insert(.interrupt)
            case .resourceTemporarilyUnavailable:
                guard request.isInterrupted else { throw .invalidArgument }
                queue.interrupt(request)
            default: break
            }
            return monitor.wakeAll()
        }
        queue.remove(request)
        defer { monitor.wakeAll() }
        if let fault = request.opcode == .initialize ? nil : fault(.reply(request.opcode)) {
            request.finish(.failure(fault == .noSuchFileOrDirectory ? .interrupted : .ioError))
            throw fault
        }
        guard header.error == 0 ? request.size.takes(body.count) : body.isEmpty else {
            request.finish(.failure(.ioError))
            throw .invalidArgument
        }
        request.finish(header.error == 0 ? .success(body) : .failure(Errno(rawValue: -header.error)))
    }

    /// The group of the directory that something is made in, if the caller has it as a supplementary one.
    private static func `extension`(of group: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.put(ExtHeader(size: 16, type: ExtensionType.groups.rawValue))
        bytes.put(SuppGroups(nr_groups: 1))
        bytes.put(group)
        return bytes
    }
}
