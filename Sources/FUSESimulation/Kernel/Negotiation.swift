// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import SystemPackage

/// What INIT agreed on.
struct Agreement {
    var minor: UInt32
    var flags: InitFlags
    var maximumWrite: Int
}

extension SimulatedKernel {
    func enqueueInit() {
        var body: [UInt8] = []
        body.put(
            InitIn(
                major: FUSEProtocol.major, minor: options.minor, max_readahead: 131072, flags: options.offers.low,
                flags2: options.offers.contains(.initExt) ? options.offers.high : 0))
        // Before 7.36 it is shorter.
        if options.minor < 36 { body.removeLast(InitIn.wireSize - InitIn.shortSize) }
        let request = KernelRequest(.initialize, node: 0, body, .upTo(InitOut.wireSize), isAwaited: false)
        request.whenDone = { [unowned self] in negotiated($0) }
        queue.append(request)
    }

    /// Source: `process_init_reply` in Linux. What is out of range is dropped there without a word, and what an older server
    /// leaves off at the end counts as 0.
    private func negotiated(_ reply: Result<[UInt8], Errno>) {
        guard case .success(let body) = reply,
            let out = (body + [UInt8](repeating: 0, count: InitOut.wireSize - body.count)).structure(InitOut.self),
            out.major == FUSEProtocol.major
        else {
            isOver = true
            return monitor.wakeAll()
        }
        let flags = out.minor < 6 ? [] : InitFlags(out).intersection(options.offers)
        var maximum = out.minor < 5 ? 4096 : max(4096, Int(out.max_write))
        maximum = min(maximum, flags.contains(.maxPages) ? min(256, max(1, Int(out.max_pages))) * 4096 : 32 * 4096)
        agreed = Agreement(minor: min(out.minor, options.minor), flags: flags, maximumWrite: min(maximum, options.maximumWrite))
        if flags.contains(.passthrough), !flags.contains(.writebackCache), (1...2).contains(out.max_stack_depth) {
            _ = backings.negotiatePassthrough(firstID: options.firstBackingID, limit: options.backingLimit)
        }
        root = KernelName(root: inodes.makeRoot(queue.forgets))
    }

    func has(_ flag: InitFlags) -> Bool { agreed?.flags.contains(flag) ?? false }
    var minor: UInt32 { agreed?.minor ?? options.minor }
}
