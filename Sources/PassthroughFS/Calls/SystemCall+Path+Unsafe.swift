// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

extension SystemCall {
    /// The path of an open file, as `/proc` shows it. Nil where it is too long to be shown.
    static func path(of file: FileDescriptor) -> String? { path(at: "/proc/self/fd/\(file.rawValue)") }

    /// Where a link of `/proc` leads. Nil where that is not to be seen, or too long.
    static func path(at link: String) -> String? {
        // Safe: as many bytes are read as the call says it wrote.
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { buffer in
            let count = unsafe link.withCString { name in
                unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe Glibc.readlink(name, $0.baseAddress.unsafelyUnwrapped, $0.count) }
            }
            guard count > 0, count < buffer.count else { return nil }
            return unsafe String(decoding: buffer[..<count], as: UTF8.self)
        }
    }
}
