// SPDX-License-Identifier: MIT

/// Whether this connection can hand files to the kernel.
public enum PassthroughState: Hashable, Sendable {
    /// A file was registered, and the kernel took it.
    case available
    /// The kernel reads and writes nothing by itself here.
    /// - Parameters:
    ///   - reason: what stands against it.
    ///   - remedy: what would help.
    case unavailable(reason: String, remedy: String)
    /// It was not asked for.
    case off

    /// EPERM.
    static let unprivileged = PassthroughState.unavailable(
        reason: "the kernel lets only a process with CAP_SYS_ADMIN register backing files", remedy: "run it as root")
}
