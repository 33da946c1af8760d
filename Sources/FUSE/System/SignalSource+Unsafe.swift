// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// Signals, taken as data: blocked for the calling thread, and read from a descriptor.
struct SignalSource: ~Copyable {
    let descriptor: FileDescriptor
    private let previous: UInt64

    /// Blocks the signals for this thread and those that it starts.
    init(_ signals: [Int32]) throws(Errno) {
        let set = signals.reduce(0 as UInt64) { $0 | 1 << UInt64($1 - 1) }
        // A thread's mask and its descriptor come as a pair: the descriptor first, as it alone can fail for good reasons.
        descriptor = FileDescriptor(rawValue: try SystemCall.result(clinux_signalfd(set)))
        var previous: UInt64 = 0
        // Safe: both words are used within the call, which fails for bad arguments alone.
        unsafe clinux_sigprocmask(CInt(CLINUX_SIG_BLOCK), set, &previous)
        self.previous = previous
    }

    /// The next signal's number. Waits for it.
    func next() throws(Errno) -> Int32 {
        var info: InlineArray<32, UInt32> = InlineArray(repeating: 0)
        // Safe: the kernel writes the 128 bytes of a signalfd_siginfo, whose first word is the number.
        let count = unsafe withUnsafeMutableBytes(of: &info) { unsafe read(descriptor.rawValue, $0.baseAddress, $0.count) }
        guard count == CLINUX_SIGNALFD_INFO_SIZE else { throw count < 0 ? Errno(rawValue: errno) : .ioError }
        return Int32(bitPattern: info[0])
    }

    deinit {
        try? descriptor.close()
        clinux_sigprocmask(CInt(CLINUX_SIG_SETMASK), previous, nil)
    }
}
