// SPDX-License-Identifier: MIT

/// Whom a process acts as. User 0 has all capabilities, everybody else none.
public struct Credentials: Hashable, Sendable {
    public var user: UInt32
    public var group: UInt32
    /// The supplementary groups.
    public var groups: [UInt32]

    public init(user: UInt32, group: UInt32, groups: [UInt32] = []) {
        self.user = user
        self.group = group
        self.groups = groups
    }

    var isPrivileged: Bool { user == 0 }
    func isMember(of group: UInt32) -> Bool { self.group == group || groups.contains(group) }
}
