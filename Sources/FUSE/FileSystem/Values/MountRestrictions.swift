// SPDX-License-Identifier: MIT

/// What a mount rules out for everything on it, whatever the files themselves say. A filesystem that shows another's files
/// asks for what that one is mounted with, see ``FileSystem/mountRestrictions``: otherwise it would be a way around it.
///
/// C counterpart: `MS_NOSUID` and its like of `mount(2)`, the `f_flags` of `statfs(2)`.
public struct MountRestrictions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Set-user-id and set-group-id bits and file capabilities do not take effect. C counterpart: `MS_NOSUID`.
    public static var noSuid: MountRestrictions { MountRestrictions(rawValue: 1) }
    /// Device nodes do not work. C counterpart: `MS_NODEV`.
    public static var noDev: MountRestrictions { MountRestrictions(rawValue: 2) }
    /// Programs cannot be run. C counterpart: `MS_NOEXEC`.
    public static var noExec: MountRestrictions { MountRestrictions(rawValue: 4) }
    /// Symbolic links are not followed. C counterpart: `MS_NOSYMFOLLOW`.
    public static var noSymlinkFollow: MountRestrictions { MountRestrictions(rawValue: 8) }

    /// All four.
    public static var all: MountRestrictions { [.noSuid, .noDev, .noExec, .noSymlinkFollow] }

    /// What `statfs(2)` says of a mount: `ST_NOSUID`, `ST_NODEV`, `ST_NOEXEC` and `ST_NOSYMFOLLOW` of `linux/statfs.h`.
    public init(statisticsFlags flags: UInt64) {
        self.init(rawValue: UInt8(truncatingIfNeeded: flags >> 1 & 0b111) | (flags & 0x2000 == 0 ? 0 : 8))
    }

    private static var named: [(word: String, restriction: MountRestrictions)] {
        [("nosuid", .noSuid), ("nodev", .noDev), ("noexec", .noExec), ("nosymfollow", .noSymlinkFollow)]
    }

    /// As `mount(8)` has them, in this order: `nosuid`, `nodev`, `noexec`, `nosymfollow`.
    public var words: [String] { Self.named.filter { contains($0.restriction) }.map(\.word) }

    /// Those that are named; other words say nothing.
    public init(words: [String]) { self.init(Self.named.filter { words.contains($0.word) }.map(\.restriction)) }
}
