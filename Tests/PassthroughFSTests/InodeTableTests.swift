// SPDX-License-Identifier: MIT

import Dispatch
import FUSE
import Glibc
@testable import PassthroughFS
import Synchronization
import SystemPackage
import Testing

/// A descriptor of something, for a table to own.
func anyDescriptor() -> FileDescriptor { unsafe FileDescriptor(rawValue: open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) }

/// For where none is used.
let noDescriptor = FileDescriptor(rawValue: -1)

/// One with a number that no other test is given meanwhile, so that whether it is open can be told.
func ownDescriptor(_ number: Int32) -> FileDescriptor {
    PassthroughFS.prepareProcess()
    // High up: what mirrors open gets the lowest numbers. Not higher, for a program that is started closes them one by one.
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let number = Int32(min(limit.rlim_cur, 20_000)) - number
    let low = anyDescriptor()
    defer { close(low.rawValue) }
    return FileDescriptor(rawValue: fcntl(low.rawValue, F_DUPFD_CLOEXEC, number))
}

func isOpen(_ descriptor: FileDescriptor) -> Bool { fcntl(descriptor.rawValue, F_GETFD) >= 0 }

func table(slots: Int = 1 << 26) throws -> InodeTable {
    try InodeTable(root: anyDescriptor(), device: 1, inode: 2, slots: slots)
}

@Suite struct InodeTableTests {
    @Test func oneInodeHasOneNodeAndItsDescriptorsOneOwner() throws {
        let table = try table()
        let first = anyDescriptor()
        let node = try table.lookup(device: 1, inode: 77, type: UInt32(S_IFREG), descriptor: first)
        #expect(try table.lookup(device: 1, inode: 77, type: UInt32(S_IFREG), descriptor: anyDescriptor()) == node)
        #expect(try table.lookup(device: 2, inode: 77, type: UInt32(S_IFREG), descriptor: anyDescriptor()) != node)
        #expect(table.lookups(of: node) == 2)
        #expect(table.count == 2)
        #expect(try descriptor(of: node, in: table) == first)
    }

    @Test func aForgottenNodeIsStaleAndItsSlotComesBackWithAnotherGeneration() throws {
        let table = try table()
        let node = try table.lookup(device: 1, inode: 77, type: UInt32(S_IFREG), descriptor: anyDescriptor())
        try table.retain(node)
        table.forget(node, lookups: 1)
        #expect(table.lookups(of: node) == 1)
        table.forget(node, lookups: 1)
        #expect(table.lookups(of: node) == nil)
        #expect(throws: Errno.staleNFSFileHandle) { _ = try self.descriptor(of: node, in: table) }
        #expect(throws: Errno.staleNFSFileHandle) { try table.retain(node) }
        let again = try table.lookup(device: 1, inode: 77, type: UInt32(S_IFREG), descriptor: anyDescriptor())
        #expect(again != node)
        #expect(NodeAddress(again).slot == NodeAddress(node).slot)
        #expect(NodeAddress(again).generation == NodeAddress(node).generation + 1, "a stripe's own")
        table.forget(node, lookups: 5)
        #expect(table.lookups(of: again) == 1)
    }

    @Test func madeUpNodesAreStale() throws {
        let table = try table(slots: 1 << 16)
        let live = try table.lookup(device: 1, inode: 5, type: UInt32(S_IFREG), descriptor: anyDescriptor())
        for raw: UInt64 in [0, 2, 63, 65, 1 << 16, 1 << 20, 0xffff_ffff, 1 << 32 | 1, live.rawValue | 1 << 32, .max] {
            let node = NodeID(rawValue: raw)
            guard node != live else { continue }
            #expect(throws: Errno.staleNFSFileHandle) { _ = try self.descriptor(of: node, in: table) }
            #expect(throws: Errno.staleNFSFileHandle) { try table.retain(node) }
            table.forget(node, lookups: .max)
        }
        #expect(table.count == 1)
    }

    @Test func theRootStaysWhateverIsForgotten() throws {
        let table = try table()
        table.forget(.root, lookups: .max)
        #expect(isOpen(try descriptor(of: .root, in: table)))
        // Its own key gets a node of its own: the kernel refuses an answer that names the root.
        #expect(try table.lookup(device: 1, inode: 2, type: UInt32(S_IFDIR), descriptor: anyDescriptor()) != .root)
    }

    @Test func aDescriptorInUseIsClosedByItsLastUser() throws {
        let table = try table()
        let descriptor = ownDescriptor(100)
        let node = try table.lookup(device: 1, inode: 77, type: UInt32(S_IFREG), descriptor: descriptor)
        do {
            let first = try table.pin(node)
            do {
                let second = try table.pin(node)
                table.forget(node, lookups: 1)
                #expect(isOpen(second.descriptor))
            }
            #expect(isOpen(first.descriptor))
            #expect(throws: Errno.staleNFSFileHandle) { _ = try self.descriptor(of: node, in: table) }
            // The same inode, found anew meanwhile, is another node.
            let again = try table.lookup(device: 1, inode: 77, type: UInt32(S_IFREG), descriptor: anyDescriptor())
            #expect(NodeAddress(again).slot != NodeAddress(node).slot)
        }
        #expect(!isOpen(descriptor))
    }

    @Test func aFullStripeIsENFILEUntilSomethingIsForgotten() throws {
        let table = try table(slots: 8192)
        var nodes: [NodeID] = []
        var failure: Errno?
        for inode: UInt64 in 1...16384 {
            do { nodes.append(try table.lookup(device: 1, inode: inode, type: UInt32(S_IFREG), descriptor: noDescriptor)) } catch {
                #expect(error == .tooManyOpenFilesInSystem)
                failure = error
            }
        }
        #expect(failure != nil)
        // Four blocks of 32 slots to each of 64 stripes, the first of each left out.
        #expect(nodes.count == 6144)
        #expect(Set(nodes).count == 6144)
        for node in nodes { table.forget(node, lookups: 1) }
        #expect(table.count == 0)
        let again = try table.lookup(device: 1, inode: 1, type: UInt32(S_IFREG), descriptor: anyDescriptor())
        #expect(table.lookups(of: again) == 1)
    }

    @Test func chainsSurviveGrowthAndRemovalAnywhere() throws {
        let table = try table(slots: 8192)
        var nodes: [UInt64: NodeID] = [:]
        for inode: UInt64 in 1...5000 {
            nodes[inode] = try table.lookup(device: 9, inode: inode, type: UInt32(S_IFREG), descriptor: noDescriptor)
        }
        for inode: UInt64 in 1...5000 where inode % 3 != 0 { table.forget(nodes[inode]!, lookups: 1) }
        for inode: UInt64 in 1...5000 where inode % 3 == 0 {
            #expect(try table.lookup(device: 9, inode: inode, type: UInt32(S_IFREG), descriptor: noDescriptor) == nodes[inode])
        }
        #expect(table.count == 1666)
    }

    @Test func lookupsAndForgetsFromManyThreadsBalance() throws {
        let table = try table()
        let wrong = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            for round in 0..<4000 {
                let inode = UInt64(round % 7)
                do {
                    let node = try table.lookup(device: 3, inode: inode, type: UInt32(S_IFREG), descriptor: anyDescriptor())
                    // Held by the lookup of a moment ago, so neither stale nor closed.
                    do {
                        let pinned = try table.pin(node)
                        if !isOpen(pinned.descriptor) { wrong.add(1, ordering: .relaxed) }
                        if round % 2 == 0 { table.forget(node, lookups: 1) }
                        if !isOpen(pinned.descriptor) { wrong.add(1, ordering: .relaxed) }
                    }
                    if round % 2 != 0 { table.forget(node, lookups: 1) }
                } catch { wrong.add(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(table.count == 0)
    }

    @Test func closingAllLeavesNothingOpen() throws {
        let table = try table()
        let descriptor = ownDescriptor(200)
        let node = try table.lookup(device: 1, inode: 3, type: UInt32(S_IFREG), descriptor: descriptor)
        table.closeAll()
        #expect(!isOpen(descriptor))
        #expect(table.count == 0)
        for node in [node, .root] {
            #expect(throws: Errno.staleNFSFileHandle) { _ = try self.descriptor(of: node, in: table) }
        }
        table.closeAll()
    }

    private func descriptor(of node: NodeID, in table: InodeTable) throws(Errno) -> FileDescriptor {
        let inode = try table.pin(node)
        return inode.descriptor
    }
}

@Suite struct OpenFilesTests {
    @Test func aHandleIsGoodUntilItIsReleasedAndOnlyOnce() throws {
        let files = try OpenFiles()
        let descriptor = ownDescriptor(300)
        let handle = try files.insert(descriptor, .file)
        #expect(try self.descriptor(of: handle, in: files) == descriptor)
        #expect(throws: Errno.badFileDescriptor) { _ = try files.pin(handle, .directory) }
        files.close(handle, .directory)
        #expect(isOpen(descriptor))
        files.close(handle, .file)
        #expect(!isOpen(descriptor))
        #expect(throws: Errno.badFileDescriptor) { _ = try files.pin(handle, .file) }

        // The number again, and the old handle neither finds nor closes it.
        #expect(dup2(0, descriptor.rawValue) == descriptor.rawValue)
        let second = try files.insert(descriptor, .file)
        #expect(second != handle)
        files.close(handle, .file)
        #expect(isOpen(descriptor))
        files.closeAll()
        #expect(!isOpen(descriptor))
    }

    private func descriptor(of handle: FileHandle, in files: OpenFiles) throws(Errno) -> FileDescriptor {
        let file = try files.pin(handle, .file)
        return file.descriptor
    }

    @Test func madeUpHandlesAreRefused() throws {
        let files = try OpenFiles()
        for raw: UInt64 in [0, 1, 2, 1 << 32, 1 << 24, 0xffff_ffff, .max] {
            let handle = FileHandle(rawValue: raw)
            #expect(throws: Errno.badFileDescriptor) { _ = try files.pin(handle, .file) }
            files.close(handle, .file)
        }
        #expect(isOpen(FileDescriptor(rawValue: 1)))
    }
}
