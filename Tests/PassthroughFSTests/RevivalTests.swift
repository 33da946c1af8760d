// SPDX-License-Identifier: MIT

import Dispatch
import FUSE
import Glibc
@testable import PassthroughFS
import Synchronization
import SystemPackage
import Testing

/// What is remembered of inodes that the kernel has forgotten.
@Suite struct RevivalTests {
    private func mirror(remembering count: Int) throws -> Mirror {
        let mirror = try Mirror(PassthroughOptions(remembered: count))
        for name in ["a", "b", "c"] { try mirror.write(name, name) }
        return mirror
    }

    private func forgotten(_ names: String..., in mirror: Mirror) throws -> [NodeID] {
        try names.map { name in
            let node = try mirror.lookup(name).node
            mirror.fs.forget(node, lookups: 1)
            return node
        }
    }

    private func isRemembered(_ node: NodeID, in mirror: Mirror) -> Bool {
        do throws(Errno) {
            let entry = try mirror.fs.revive(node, for: Mirror.root)
            #expect(entry.node == node)
            mirror.fs.forget(node, lookups: 1)
            return true
        } catch {
            #expect(error == .staleNFSFileHandle)
            return false
        }
    }

    @Test func aForgottenNodeComesBackByItsIDAndByItsName() throws {
        let mirror = try mirror(remembering: 8)
        let node = try forgotten("a", in: mirror)[0]
        #expect(mirror.fs.inodeCount == 0)
        #expect(!mirror.fs.inodes.isOpen(node), "it keeps no descriptor, and so no removed file's space")
        let entry = try mirror.fs.revive(node, for: Mirror.root)
        #expect(entry.node == node && entry.attributes.size == 1 && entry.attributes.inode == UInt64(mirror.status("a").st_ino))
        #expect(mirror.fs.inodeCount == 1 && mirror.fs.inodes.lookups(of: node) == 1)
        mirror.fs.forget(node, lookups: 1)
        #expect(try mirror.lookup("a").node == node)
        #expect(mirror.fs.inodes.lookups(of: node) == 1)
    }

    @Test func whatIsGoneIsStale() throws {
        let mirror = try mirror(remembering: 8)
        let nodes = try forgotten("a", "b", in: mirror)
        #expect(unsafe unlink(mirror.path("a")) == 0)
        #expect(!isRemembered(nodes[0], in: mirror))
        #expect(isRemembered(nodes[1], in: mirror))
        // Removed through the mount: it has no name left to come back by.
        let removed = try mirror.lookup("b").node
        try withName("b") { name throws(Errno) in try mirror.fs.unlink(name, in: .root, for: Mirror.root) }
        mirror.fs.forget(removed, lookups: 1)
        #expect(!isRemembered(removed, in: mirror))
        #expect(!isRemembered(NodeID(rawValue: 1 << 32 | 77), in: mirror), "made up")
    }

    @Test func thoseForgottenLastAreRemembered() throws {
        let mirror = try mirror(remembering: 2)
        let nodes = try forgotten("a", "b", "c", in: mirror)
        #expect(nodes.map { isRemembered($0, in: mirror) } == [false, true, true])
    }

    @Test func whoIsForgottenAgainIsRememberedForLonger() throws {
        let mirror = try mirror(remembering: 2)
        let nodes = try forgotten("a", "b", "a", "c", in: mirror)
        #expect(nodes[0] == nodes[2])
        #expect([nodes[0], nodes[1], nodes[3]].map { isRemembered($0, in: mirror) } == [true, false, true])
    }

    @Test func whoIsKnownWhenItsTimeIsOverStays() throws {
        let mirror = try mirror(remembering: 1)
        let known = try forgotten("a", in: mirror)[0]
        #expect(try mirror.lookup("a").node == known)
        _ = try forgotten("b", "c", in: mirror)
        #expect(mirror.fs.inodes.lookups(of: known) == 1)
        mirror.fs.forget(known, lookups: 1)
        #expect(isRemembered(known, in: mirror))
    }

    @Test func withoutMemoryNothingIsPromised() throws {
        let mirror = try mirror(remembering: 0)
        #expect(!mirror.fs.capabilities.contains(.exportSupport))
        #expect(try !isRemembered(forgotten("a", in: mirror)[0], in: mirror))
        #expect(try self.mirror(remembering: 1).fs.capabilities.contains(.exportSupport))
    }

    @Test func theWayUpEndsAtTheRoot() throws {
        let mirror = try mirror(remembering: 8)
        mirror.mkdir("d")
        mirror.mkdir("d/e")
        mirror.mkdir("d/e/f")
        let d = try mirror.lookup("d").node
        let e = try mirror.lookup("e", in: d).node
        let f = try mirror.lookup("f", in: e).node
        #expect(try mirror.fs.parent(of: f, for: Mirror.root).node == e)
        #expect(mirror.fs.inodes.lookups(of: e) == 2)
        let root = try mirror.fs.parent(of: d, for: Mirror.root)
        #expect(root.node == .root && root.generation == 0)
        #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.fs.parent(of: .root, for: Mirror.root) }
        let file = try mirror.lookup("a").node
        #expect(throws: Errno.notDirectory) { _ = try mirror.fs.parent(of: file, for: Mirror.root) }

        let outside = mirror.source + "-outside"
        #expect(unsafe rename(mirror.path("d/e"), outside) == 0)
        defer { #expect(unsafe rename(outside, mirror.path("e")) == 0) }
        for node in [e, f] {
            #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.fs.parent(of: node, for: Mirror.root) }
        }
        #expect(mirror.fs.inodes.lookups(of: e) == 2)
    }

    @Test func threadsForgetAndFindTheSameFew() throws {
        let mirror = try Mirror(PassthroughOptions(remembered: 5))
        let names = (0..<16).map { "file-\($0)" }
        for name in names { try mirror.write(name) }
        let wrong = Atomic<Int>(0)
        let fs = mirror.fs
        @Sendable func find(_ name: String) throws -> NodeID {
            try withName(name) { name throws(Errno) in try fs.lookup(name, in: .root, for: Mirror.root) }.node
        }
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            var state = UInt64(thread + 1)
            var seen: [NodeID] = []
            for _ in 0..<2000 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let node: NodeID
                if state >> 40 & 1 == 0 || seen.isEmpty {
                    guard let found = try? find(names[Int(state >> 33 & 15)]) else {
                        wrong.add(1, ordering: .relaxed)
                        continue
                    }
                    node = found
                    seen.append(node)
                } else {
                    node = seen[Int(state >> 33) % seen.count]
                    guard (try? fs.revive(node, for: Mirror.root)) != nil else { continue }
                }
                if (try? fs.getattr(node, handle: nil, for: Mirror.root)) == nil { wrong.add(1, ordering: .relaxed) }
                fs.forget(node, lookups: 1)
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
        #expect(mirror.fs.inodeCount == 0)
        let nodes = try names.map { try forgotten($0, in: mirror)[0] }
        #expect(nodes.count { isRemembered($0, in: mirror) } == 5)
    }
}
