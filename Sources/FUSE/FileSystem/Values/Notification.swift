// SPDX-License-Identifier: MIT

import FUSEWire
public import SystemPackage

/// What a filesystem tells the kernel unasked.
public enum Notification: Hashable, Sendable {
    /// The attributes of a node are stale. C counterpart: `FUSE_NOTIFY_INVAL_INODE` with a negative offset.
    case attributes(NodeID)
    /// The attributes of a node are stale, and so is what the page cache has of its content in this range, to the end of
    /// the file without one. Dirty pages are written back first, and pages that a process is just reading are waited for. C
    /// counterpart: `FUSE_NOTIFY_INVAL_INODE`.
    case content(NodeID, Range<UInt64>? = nil)
    /// A name may stand for something else now. What it stood for is let go, with all below it, and a mount on it goes. C
    /// counterpart: `FUSE_NOTIFY_INVAL_ENTRY`.
    case entry(parent: NodeID, name: String)
    /// The timeout of a name is over: it is looked up again, and where it is still the same, all stays. From 7.38 on. C
    /// counterpart: `FUSE_NOTIFY_INVAL_ENTRY` with `FUSE_EXPIRE_ONLY`.
    case expireEntry(parent: NodeID, name: String)
    /// A name is gone, if it still stands for this node: watchers (`inotify(7)`) are told. C counterpart:
    /// `FUSE_NOTIFY_DELETE`.
    case deleted(parent: NodeID, child: NodeID, name: String)
    /// Content of a file for the page cache: as many bytes as one write carries at the most (``Connection/maxWrite``). The
    /// file grows to hold it, as the kernel sees it. C counterpart: `FUSE_NOTIFY_STORE`.
    case store(NodeID, at: UInt64, [UInt8])
    /// All requests that were read and not answered are to come again, marked as such: for a process that took a
    /// connection over from one that died. From 7.40 on. C counterpart: `FUSE_NOTIFY_RESEND`.
    case resend
    /// All names are stale: each is looked up again at its next use. From 7.44 on. C counterpart: `FUSE_NOTIFY_INC_EPOCH`.
    case newEpoch
    /// Nodes that nobody uses may be forgotten: what is not in use of these is. From 7.45 on. C counterpart:
    /// `FUSE_NOTIFY_PRUNE`.
    case prune([NodeID])
}

/// Why a notification was not sent, or not taken.
public enum NotificationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kernel does not know it.
    case unsupported(String, needs: String)
    /// It would be no message that the kernel can read: a name that is empty, too long, or holds a NUL or a slash; data of
    /// more than one write's size.
    case malformed(String)
    /// As much as may wait is waiting. Nothing was dropped of that; this one is not sent.
    case full
    /// Waiting on a thread that serves requests can wait for that very thread: the kernel takes locks for a notification
    /// that the caller of the request in hand may hold. Send it without waiting.
    case wouldDeadlock
    /// The connection is over.
    case ended
    /// The kernel took it for wrong.
    case refused(Errno)

    public var description: String {
        switch self {
        case .unsupported(let what, let needs): "the kernel takes no notification \(what): it needs \(needs)"
        case .malformed(let why): "no notification that the kernel could read: \(why)"
        case .full: "too many notifications wait: this one is not sent"
        case .wouldDeadlock: "a thread that serves requests must not wait for a notification: send it without waiting"
        case .ended: "the connection is over"
        case .refused(let errno): "the kernel refused the notification: \(errno)"
        }
    }
}

extension Notification {
    var code: NotifyCode {
        switch self {
        case .attributes, .content: .invalInode
        case .entry, .expireEntry: .invalEntry
        case .deleted: .delete
        case .store: .store
        case .resend: .resend
        case .newEpoch: .incEpoch
        case .prune: .prune
        }
    }

    /// What stands against sending it on a connection like this. INVAL_INODE and the like are older than 7.31.
    func check(_ agreed: Agreement) throws(NotificationError) {
        switch self {
        case .attributes, .content, .resend, .newEpoch, .prune: break
        case .entry(_, let name), .expireEntry(_, let name), .deleted(_, _, let name):
            let bytes = name.utf8
            // FUSE_NAME_MAX was 1,024 before Linux 6.16, and is PATH_MAX - 1 since.
            guard (1...FUSEProtocol.maxName).contains(bytes.count), !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")) else {
                throw .malformed("a name of \(bytes.count) bytes, or with a NUL or a slash in it")
            }
        case .store(_, let offset, let data):
            guard !data.isEmpty, data.count <= agreed.maxWrite, offset <= UInt64(Int64.max) - UInt64(data.count) else {
                throw .malformed("\(data.count) bytes at \(offset)")
            }
        }
        switch self {
        // The kernel says in INIT that it knows these two; it waits for no consent.
        case .expireEntry where !agreed.offered.contains(.hasExpireOnly): throw .unsupported("EXPIRE_ONLY", needs: "protocol 7.38")
        case .resend where !agreed.offered.contains(.hasResend): throw .unsupported("RESEND", needs: "protocol 7.40")
        case .newEpoch where agreed.minor < 44: throw .unsupported("INC_EPOCH", needs: "protocol 7.44")
        case .prune where agreed.minor < 45: throw .unsupported("PRUNE", needs: "protocol 7.45")
        case .prune(let nodes) where nodes.isEmpty || nodes.count > Self.maximumPrune:
            throw .malformed("\(nodes.count) nodes, of 1 to \(Self.maximumPrune)")
        default: break
        }
    }

    static var maximumPrune: Int { 65536 }

    /// The structure and what follows it.
    var body: [UInt8] {
        var message: [UInt8] = []
        switch self {
        case .attributes(let node): message.put(NotifyInvalInodeOut(ino: node.rawValue, off: -1, len: 0))
        case .content(let node, let range):
            // A length of 0 would mean all the rest: an empty range has only the attributes dropped.
            let (start, end) = (range?.lowerBound ?? 0, range?.upperBound ?? 0)
            if range?.isEmpty == true || start > UInt64(Int64.max) {
                message.put(NotifyInvalInodeOut(ino: node.rawValue, off: -1, len: 0))
            } else {
                let length = end > start ? Int64(clamping: end - start) : 0
                let isToTheEnd = length > Int64.max - Int64(start)
                message.put(NotifyInvalInodeOut(ino: node.rawValue, off: Int64(start), len: isToTheEnd ? 0 : length))
            }
        case .entry(let parent, let name): message.put(NotifyInvalEntryOut(parent: parent.rawValue, namelen: UInt32(name.utf8.count)), name)
        case .expireEntry(let parent, let name):
            message.put(
                NotifyInvalEntryOut(
                    parent: parent.rawValue, namelen: UInt32(name.utf8.count), flags: ExpireFlags.expireOnly.rawValue), name)
        case .deleted(let parent, let child, let name):
            message.put(NotifyDeleteOut(parent: parent.rawValue, child: child.rawValue, namelen: UInt32(name.utf8.count)), name)
        case .store(let node, let offset, let data):
            message.put(NotifyStoreOut(nodeid: node.rawValue, offset: offset, size: UInt32(data.count)))
            message += data
        case .resend, .newEpoch: break
        case .prune(let nodes):
            message.put(NotifyPruneOut(count: UInt32(nodes.count)))
            for node in nodes { message.put(node.rawValue) }
        }
        return message
    }
}
