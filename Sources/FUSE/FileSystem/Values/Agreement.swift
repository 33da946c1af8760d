// SPDX-License-Identifier: MIT


/// What both sides have agreed on at INIT.
struct Agreement {
    var minor: UInt32
    var offered: Capabilities
    var capabilities: Capabilities
    var missing: [MissingCapability]
    var maxWrite: Int
    /// How deeply backing files may be stacked; 0 where there are none.
    var stackDepth: UInt32 = 0
}

/// A capability that a filesystem asked for and has not got.
public struct MissingCapability: Hashable, Sendable, CustomStringConvertible {
    public enum Reason: Hashable, Sendable {
        /// The kernel does not offer it.
        case notOffered
        /// This library does not do what it takes, or does not know it.
        case notServed
        /// It cannot stand beside these, which were agreed on.
        case excluded(by: Capabilities)
        /// Only where the kernel checks permissions: ``MountOptions/defaultPermissions``, or the capability `posixACL`.
        case needsDefaultPermissions
        /// The options of the session say so: ``SessionOptions/passthrough``.
        case switchedOff
        /// The kernel's form of it is an older one, of before Linux 6.6, which is not understood here.
        case olderForm
    }

    /// One flag.
    public let capability: Capabilities
    public let reason: Reason

    public var description: String {
        let cause =
            switch reason {
            case .notOffered: "the kernel does not offer it"
            case .notServed: "not served by this library"
            case .excluded(let others): "not beside \(others)"
            case .needsDefaultPermissions: "only with default_permissions"
            case .switchedOff: "switched off"
            case .olderForm: "it takes Linux 6.6 or newer"
            }
        return "\(capability) (\(cause))"
    }
}
