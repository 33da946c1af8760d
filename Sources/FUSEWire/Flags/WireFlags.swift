// SPDX-License-Identifier: MIT

/// A word of flags. Bits that have no name here are kept: a newer kernel may know them.
///
/// Its description has the kernel's names without their common prefix, and unknown bits as one number:
/// `ASYNC_READ|PASSTHROUGH|0x8000000000000000`.
public protocol WireFlags: OptionSet, BitwiseCopyable, Sendable, Hashable, CustomStringConvertible
where RawValue: FixedWidthInteger & UnsignedInteger & Sendable, Element == Self {
    /// Every named flag, lowest bit first, with the kernel's name for it.
    static var names: [(flag: Self, name: StaticString)] { get }
}

extension WireFlags {
    public var description: String {
        var unnamed = self
        var parts: [String] = []
        for (flag, name) in Self.names where contains(flag) {
            parts.append(name.description)
            unnamed.subtract(flag)
        }
        if !unnamed.isEmpty || parts.isEmpty {
            parts.append("0x" + String(unnamed.rawValue, radix: 16))
        }
        return parts.joined(separator: "|")
    }
}
