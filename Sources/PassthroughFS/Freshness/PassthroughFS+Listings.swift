// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

// Listings that the kernel keeps, and others make stale: `ListingMark` has the rules.

extension PassthroughFS {
    /// A directory is about to be read.
    func noteListing(of directory: borrowing Inode, _ node: NodeID, from offset: DirectoryOffset) {
        guard freshness.listings == .checked else { return }
        inodes.countReading(of: node, isFirst: offset == 0, at: now)
        guard offset == 0 else { return }
        let times = (try? SystemCall.status(of: directory.descriptor)).map { DirectoryTimes($0) }
        let isTold = times?.areDistinct(at: SystemCall.clock(CLOCK_REALTIME), devices.clock(of: directory.device)) ?? false
        inodes.beginListing(of: node, changed: isTold ? times?.changed : nil, at: now)
    }

    /// Whether the kernel is to keep the listing that it has of a directory that is opened. What it drops it drops with the answer.
    func keepsListing(of directory: borrowing Inode, _ node: NodeID) -> Bool {
        guard let status = try? SystemCall.status(of: directory.descriptor) else { return false }
        if inodes.isListingGood(DirectoryTimes(status), of: node) { return true }
        inodes.forgetOldListing(of: node, at: now)
        return false
    }

    /// For how long the attributes of a node hold that are answered now: of a directory whose listing is not to be used for as long,
    /// for less. The kernel then asks for them before it uses the listing.
    ///
    /// `dropsListing`: a listing that is stale is dropped before the answer. Otherwise its attributes hold for no time.
    func timeout(of node: NodeID, _ status: stat, dropsListing: Bool = false) -> Timeout {
        guard freshness.listings == .checked, status.st_mode & S_IFMT == S_IFDIR else { return freshness.attributes }
        let now = now
        let verdict = inodes.verdict(DirectoryTimes(status), of: node, at: now)
        switch verdict {
        case .fine: return freshness.attributes
        case .fineFor(let milliseconds): return .milliseconds(milliseconds)
        case .stale: return dropsListing && dropListing(of: node, verdict, at: now) ? freshness.attributes : .zero
        case .spent:
            if dropsListing { _ = dropListing(of: node, verdict, at: now) }
            return freshness.attributes
        }
    }

    /// Has the kernel drop a listing. False: it will be, but is not yet.
    ///
    /// The kernel is told by this thread, though it has a request in hand, for what is told later would come too late. It is safe
    /// because the kernel takes no lock for it that is held during a request that attributes are answered to: it marks the attributes as stale,
    /// and takes the locks of the pages that hold the listing, one after the other. Who holds such a lock is copying entries to a
    /// user, whose memory may have to be fetched by another request, so only a few threads do this at the same time, and never the
    /// last one. (`fuse_reverse_inval_inode` and `fuse_readdir_cached` in Linux.)
    private func dropListing(of node: NodeID, _ verdict: ListingVerdict, at now: UInt64) -> Bool {
        guard let notifier = notifier.withLock({ $0 }) else { return false }
        let others = listingDrops.wrappingAdd(1, ordering: .relaxed).oldValue
        defer { listingDrops.subtract(1, ordering: .relaxed) }
        guard others < min(4, options.lockWaiters) else {
            // Soon, then; and asked for again until it is done.
            if verdict == .stale { try? notifier.send(.content(node)) }
            return false
        }
        inodes.dropListing(of: node, verdict, at: now) { notifier.forgetContent(of: node) }
        return true
    }

    /// Milliseconds.
    private var now: UInt64 { SystemCall.clock(CLOCK_MONOTONIC_COARSE) / 1_000_000 }
}
