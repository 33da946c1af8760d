// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage

/// What the kernel may remember of the source, for how long, and by what it is told otherwise. All that depends on
/// ``PassthroughOptions/cache`` is here; who answers a request asks here how long the answer holds.
///
/// Three kinds of news end what is remembered:
/// - What is done through the mount the kernel sees itself, and forgets what that makes stale.
/// - What others do in the source shows when an answer's time is over and the kernel asks anew (``names``, ``attributes``).
///   The attributes that it then gets also tell whether content and listings are still good: by size and mtime, which the
///   kernel compares, and by ctime, which the mirror compares (see `ListingMark`).
/// - What a request changes by the way, of which its reply does not tell, is told by a notification (`tellChange`).
struct Freshness: Hashable, Sendable {
    /// For how long a name stands for what it was looked up for, or for nothing.
    let names: Timeout
    /// For how long attributes hold. Those of a file that may be stored into through a mapping hold for no time, in any mode
    /// but `none`, where nothing does: see `InodeTable.mayBeStored`.
    let attributes: Timeout
    let content: Content
    let listings: Listings
    /// A symbolic link's target never changes: a new target is a new inode. So it is remembered wherever inodes are.
    let linkTargets: Bool

    /// Of files that are not passed through. A file that is passed through has no content here: the page cache is the source's.
    enum Content: Hashable, Sendable {
        /// Dropped when the file is opened, and when size or mtime are seen to have changed.
        case checked
        /// For as long as the kernel has room: nobody else changes it.
        case kept
        /// Not at all: each read and write is a request. Mappings and what they share still go through the page cache.
        case none
    }

    /// Of directories.
    enum Listings: Hashable, Sendable {
        /// Until the directory is seen to have changed, which is looked for when its attributes are out of date.
        case checked
        /// For as long as the kernel has room: what is changed through the mount it knows, and nobody else changes anything.
        case kept
        /// Not at all: each reading of a directory is made of requests.
        case none
    }

    init(_ options: PassthroughOptions) {
        // With locks on the source others work there by the same rules, and what exists tells them something: a journal that is
        // gone is not to be found any more, or a database would be rolled back to before what was committed. What was written
        // under a lock is to be read by the next who has it. No cache knows of either.
        let isShared = options.locks == .source
        switch options.cache {
        case .auto:
            // The promise of this mode: what others do shows within a second.
            attributes = .seconds(1)
            content = isShared ? .none : .checked
            listings = isShared ? .none : .checked
        case .always:
            attributes = .forever
            content = isShared ? .none : .kept
            listings = isShared ? .none : .kept
        case .none:
            attributes = .zero
            content = .none
            listings = .none
        }
        names = isShared ? .zero : attributes
        linkTargets = options.cache != .none
    }

    /// What the kernel is to agree to for this.
    var capabilities: Capabilities {
        var wanted: Capabilities = []
        if linkTargets { wanted.insert(.cacheSymlinks) }
        // The kernel drops content and listings by itself when size or mtime differ, and asks for attributes before it relies on
        // a listing. Not where nobody else changes anything: it would drop content for what is written through the mount, too.
        if attributes != .zero, attributes != .forever { wanted.insert(.autoInvalData) }
        // Uncached files can still be mapped and shared.
        if content == .none { wanted.insert(.directIOAllowMmap) }
        return wanted
    }

    /// Whether anything is remembered that others' changes make stale.
    var isLasting: Bool { attributes != .zero }

    /// Whether nothing that others do is ever looked for.
    var isForGood: Bool { attributes == .forever }

    /// How a file goes that is not passed through.
    var served: Opened.IO {
        switch content {
        case .checked: .cached
        case .kept: .keepingCache
        case .none: .direct
        }
    }

    /// How a file goes that was to be passed through and is not. What was cached at an earlier open is not kept: what is written
    /// to a file that is passed through does not reach the cache.
    var servedInstead: Opened.IO.Served { content == .none ? .direct : .cached }
}
