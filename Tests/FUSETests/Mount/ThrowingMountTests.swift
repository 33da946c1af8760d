// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage
import Testing

/// Files by the name of an error's number: reading one throws that.
private struct ThrowingFS: TinyFS {
    static let errors: [Int32] = [2, 38, 0, -5, 512, .max, .min]
    let names = ["fine"] + errors.map { "\($0)" }

    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .direct) }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        let index = Int(file.node.rawValue) - 3
        if Self.errors.indices.contains(index) { throw Errno(rawValue: Self.errors[index]) }
        for byte in text.utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity) { output.append(byte) }
    }
}

extension MountTests {
    /// Whatever a method throws, it is that request's alone: its caller gets an error, and the mount goes on.
    @Suite struct ThrowingMountTests {
        @Test func oneRequestEach() throws {
            try withMount(ThrowingFS()) { mount in
                for error in ThrowingFS.errors {
                    // Twice: ENOSYS would not be asked for again.
                    for _ in 0..<2 {
                        let seen = try shell("cat \"$1\" \"$2/fine\"", mount.mountpoint + "/\(error)", mount.mountpoint)
                        #expect(seen.status == 1 && seen.output == "Hello, world!\n", "\(error): \(seen)")
                        #expect(seen.errors.hasSuffix(error == 2 ? ": No such file or directory\n" : ": Input/output error\n"), "\(error): \(seen)")
                    }
                }
                #expect(mount.session.counters[.read] >= UInt64(ThrowingFS.errors.count) * 4)
            }
        }
    }
}
