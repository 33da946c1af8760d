// SPDX-License-Identifier: MIT

public import SystemPackage

/// Who asks, and the request's name. Plain data, good after the call too.
public struct Request: Hashable, Sendable {
    /// The request's name on the connection.
    public let id: RequestID
    /// Whom the request acts for.
    public let caller: Caller

    public init(id: RequestID, caller: Caller) {
        self.id = id
        self.caller = caller
    }
}

/// The process that a request acts for.
public struct Caller: Hashable, Sendable {
    /// The caller's filesystem user id, in the user namespace of the mount.
    public let user: UserID
    /// The caller's filesystem group id.
    public let group: GroupID
    /// The thread's id, 0 where the kernel acts on its own (writeback, readahead) or the caller is in another pid
    /// namespace.
    public let process: Int32
    /// The group of the directory in which something is created, where the caller has it as a supplementary group
    /// and the kernel told so (`FUSE_CREATE_SUPP_GROUP`, protocol 7.38). Requests that create nothing carry none.
    public let supplementaryGroup: GroupID?

    public init(user: UserID, group: GroupID, process: Int32 = 0, supplementaryGroup: GroupID? = nil) {
        self.user = user
        self.group = group
        self.process = process
        self.supplementaryGroup = supplementaryGroup
    }

    @inlinable public var isRoot: Bool { user.rawValue == 0 }
}
