// SPDX-License-Identifier: MIT

import FUSEWire
import Glibc
import SystemPackage

/// The exchange of INIT: what both sides can do, and what they will.
struct Handshake {
    /// The filesystem's wishes.
    let wanted: Capabilities
    /// The transport's.
    let wishes: Capabilities
    let options: SessionOptions
    let stackDepth: UInt32

    init(wanted: Capabilities, wishes: Capabilities = [], options: SessionOptions, stackDepth: UInt32 = 1) {
        self.wanted = wanted
        self.wishes = wishes
        self.options = options
        self.stackDepth = stackDepth
    }

    /// Receives INIT and answers it. A kernel of a newer major is told ours, and asks again.
    func run(on channel: any Channel) throws(SessionError) -> Agreement {
        while true {
            guard let exchange = try receive(channel) else { throw .ended }
            let (outcome, reply) = answer(exchange)
            if case .refused(let error, _) = exchange.commit(reply) {
                // ENOENT: the connection was aborted while this was under way (`fuse_dev_do_write`).
                throw [.noSuchFileOrDirectory, .operationNotSupportedByDevice].contains(error) ? .ended : .system(error)
            }
            switch outcome {
            case .agreed(let agreed): return agreed
            case .refused(let error): throw error
            case .majorTold: continue
            }
        }
    }

    private enum Outcome {
        case agreed(Agreement)
        case majorTold
        case refused(SessionError)
    }

    private func receive(_ channel: any Channel) throws(SessionError) -> Exchange? {
        do throws(Errno) { return try channel.receive() } catch { throw .system(error) }
    }

    private func answer(_ exchange: borrowing Exchange) -> (Outcome, Reply) {
        var room = exchange.room
        let outcome = negotiate(exchange.request, into: &room)
        if case .refused = outcome { return (outcome, .error(.protocolError)) }
        return (outcome, .body(room.byteCount))
    }

    private func negotiate(_ request: borrowing ReceivedRequest, into output: inout OutputRawSpan) -> Outcome {
        guard let message = try? request.message(ProtocolFeatures()), message.opcode == .initialize,
            let kernel = try? message.structure(InitIn.self)
        else { return .refused(.notAnInit) }

        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        var answer = InitOut(major: FUSEProtocol.major, minor: FUSEProtocol.newestMinor)
        if kernel.major > FUSEProtocol.major {
            return (try? output.append(answer)) == nil ? .refused(.notAnInit) : .majorTold
        }
        guard kernel.major == FUSEProtocol.major, kernel.minor >= FUSEProtocol.oldestMinor else {
            return .refused(.kernelTooOld(major: kernel.major, minor: kernel.minor))
        }

        // Without the second word of flags (7.36) nothing of it is offered.
        let offered = InitFlags(kernel)
        let minor = min(kernel.minor, FUSEProtocol.newestMinor)
        let choice = CapabilityChoice(wanted, wishes, offered: offered, minor: minor, options: options)
        var agreed = Agreement(
            minor: minor, offered: offered, capabilities: choice.agreed, missing: choice.missing,
            maxWrite: DeviceFile.maximumWrite)
        // Without max_pages a message carries 32 pages at the most.
        if !agreed.capabilities.contains(.maxPages) { agreed.maxWrite = min(agreed.maxWrite, 32 * pageSize) }

        answer.minor = agreed.minor
        answer.max_readahead = kernel.max_readahead
        answer.flags = agreed.capabilities.low
        answer.flags2 = agreed.capabilities.high
        answer.max_background = options.maxBackground
        answer.congestion_threshold = options.maxBackground / 4 * 3
        answer.max_write = UInt32(agreed.maxWrite)
        answer.time_gran = 1
        answer.max_pages = UInt16(agreed.maxWrite / pageSize)
        if agreed.capabilities.contains(.passthrough) { agreed.stackDepth = stackDepth }
        answer.max_stack_depth = agreed.stackDepth
        return (try? output.append(answer)) == nil ? .refused(.notAnInit) : .agreed(agreed)
    }
}

extension Agreement {
    /// What can be left out of what is wanted.
    func omitted(of wanted: OmittedRequests, _ passthrough: PassthroughState) -> OmittedRequests {
        var omitted = wanted
        // Before Linux 5.1 opening a directory would fail.
        if !offered.contains(.noOpendirSupport) { omitted.remove(.opendir) }
        if passthrough != .available { omitted.remove(.copyFileRange) }
        return omitted
    }
}
