// SPDX-License-Identifier: MIT

import ConformanceCalls

/// `conformance --handle PATH` prints a file handle; `conformance --open-handle DIRECTORY HANDLE` opens it, and prints what
/// path that is and, of a regular file, what it holds. Two commands, so that much can happen in between.
enum HandleFiles {
    static func make(_ path: String) -> Bool {
        let (outcome, handle) = Sys.handle(path)
        guard outcome >= 0 else { return fails(outcome) }
        let digits = handle.map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }
        Sys.print(digits.joined())
        return true
    }

    static func open(_ directory: String, _ digits: String) -> Bool {
        let digits = Array(digits)
        let handle = stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        let file = Sys.open(handle, on: Sys.open(directory, O_RDONLY | Int32(K_O_DIRECTORY)), O_RDONLY)
        guard file >= 0 else { return fails(file) }
        let path = Sys.readlink("/proc/self/fd/\(file)")
        let content = Sys.pread(file, 4096, at: 0)
        Sys.print(content.outcome >= 0 ? "\(path.target): \(Sys.text(content))" : path.target)
        return true
    }

    private static func fails(_ outcome: Int) -> Bool {
        Sys.print("error \(-outcome)")
        return false
    }
}
