// SPDX-License-Identifier: MIT

import CLinux
import SystemPackage

extension Errno {
    /// The name that C has for it.
    var name: String {
        // Safe: the function answers a string that lives for ever, or nil.
        unsafe clinux_errno_name(rawValue).map { unsafe String(cString: $0) } ?? "errno \(rawValue)"
    }
}

extension [UInt8] {
    init(copying bytes: RawSpan) {
        // Safe: copied while the view lives.
        self = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }
}
