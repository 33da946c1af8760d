// SPDX-License-Identifier: MIT

/// How a ``PassthroughFS`` behaves.
public struct PassthroughOptions: Hashable, Sendable {
    /// What the kernel may remember of the source.
    public enum Cache: String, Hashable, Sendable, CaseIterable {
        /// Names and attributes for a second, data until size or modification time are seen to have changed. What
        /// others do in the source is seen within a second.
        case auto
        /// Everything for as long as it is mounted: right where nobody else changes the source.
        case always
        /// Nothing: what others do in the source is seen at once.
        case none
    }

    /// What is shown of other filesystems that are mounted within the source.
    public enum Submounts: String, Hashable, Sendable, CaseIterable {
        /// Their content, as the source shows it.
        case cross
        /// The directories that they are mounted on, as `mount --bind` has it; what is mounted later does not show either.
        /// It takes CAP_SYS_ADMIN; without it such a directory is EXDEV.
        case refuse
    }

    public var cache: Cache
    /// Whether the kernel is to read and write the source's files by itself. Otherwise, and where it cannot, data go
    /// through the daemon.
    public var passthrough: Bool
    public var submounts: Submounts

    public init(cache: Cache = .auto, passthrough: Bool = true, submounts: Submounts = .cross) {
        self.cache = cache
        self.passthrough = passthrough
        self.submounts = submounts
    }
}
