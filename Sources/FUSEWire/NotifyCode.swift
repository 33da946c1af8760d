// SPDX-License-Identifier: MIT

/// What a notification says: `OutHeader.error` of a message whose `unique` is 0. In C: `enum fuse_notify_code`.
public struct NotifyCode: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public var rawValue: Int32

    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }

    /// A poll's answer changed. `NotifyPollWakeupOut`.
    public static let poll = NotifyCode(rawValue: 1)
    /// Attributes, and perhaps data, are stale. `NotifyInvalInodeOut`.
    public static let invalInode = NotifyCode(rawValue: 2)
    /// A name is stale. `NotifyInvalEntryOut` and the name.
    public static let invalEntry = NotifyCode(rawValue: 3)
    /// Data for the page cache. `NotifyStoreOut` and the data.
    public static let store = NotifyCode(rawValue: 4)
    /// Asks for data from the page cache, which a NOTIFY_REPLY brings. `NotifyRetrieveOut`.
    public static let retrieve = NotifyCode(rawValue: 5)
    /// A name is gone. `NotifyDeleteOut` and the name.
    public static let delete = NotifyCode(rawValue: 6)
    /// Send again what is unanswered, with `FUSEProtocol.uniqueResend` set. No structure. 7.40.
    public static let resend = NotifyCode(rawValue: 7)
    /// Every cached name is stale. No structure. 7.44.
    public static let incEpoch = NotifyCode(rawValue: 8)
    /// Let go of unused inodes. `NotifyPruneOut` and the node ids. 7.45.
    public static let prune = NotifyCode(rawValue: 9)

    var name: StaticString? {
        switch self {
        case .poll: "POLL"
        case .invalInode: "INVAL_INODE"
        case .invalEntry: "INVAL_ENTRY"
        case .store: "STORE"
        case .retrieve: "RETRIEVE"
        case .delete: "DELETE"
        case .resend: "RESEND"
        case .incEpoch: "INC_EPOCH"
        case .prune: "PRUNE"
        default: nil
        }
    }
}

extension NotifyCode: CustomStringConvertible {
    /// The kernel's name without its prefix.
    public var description: String { name?.description ?? "notification \(rawValue)" }
}
