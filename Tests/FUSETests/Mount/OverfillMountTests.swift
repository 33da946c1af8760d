// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage
import Testing

/// Appends all that it has, whatever room there is.
private struct LavishFS: TinyFS {
    let names = ["file", "large"]
    static let value = String(repeating: "v", count: 300)

    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .direct) }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        for byte in text.utf8 { output.append(byte) }
        if file.node == 3 { output.append(contentsOf: repeatElement(0x78, count: output.freeCapacity + 1)) }
    }

    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        for byte in Self.value.utf8 { value.append(byte) }
        return value.byteCount
    }

    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        for number in 0..<100 { names.append(contentsOf: "user.\(number)\0".utf8) }
        return names.byteCount
    }
}

extension MountTests {
    /// A method that ignores the room that it has ends no mount, whoever calls it.
    @Suite struct OverfillMountTests {
        private static func outcome(_ path: String, room: Int, listing: Bool) -> Int {
            var buffer = [CChar](repeating: 0, count: max(room, 1))
            // Safe: strings and a buffer of that size, lent for the call.
            let result = unsafe listing ? clinux_listxattr(path, &buffer, room) : clinux_getxattr(path, "user.x", &buffer, room)
            return result < 0 ? -Int(errno) : result
        }

        @Test func valuesLargerThanTheRoomOfTheirCaller() throws {
            let log = CapturedLog()
            try withMount(LavishFS(), configure: { $0.session.logger = log.logger }) { mount in
                let path = mount.mountpoint + "/file"
                let seen = try started {
                    [0, 10, 299, 300, 70_000].map { Self.outcome(path, room: $0, listing: false) }
                        + [0, 10, 789, 790, 70_000].map { Self.outcome(path, room: $0, listing: true) }
                }.value()
                let erange = -Int(ERANGE)
                #expect(seen == [300, erange, erange, 300, 300, 790, erange, erange, 790, 790])
            }
            #expect(log.all == [], "that a caller's buffer is small is no mistake")
        }

        @Test func contentLargerThanARead() throws {
            let log = CapturedLog()
            try withMount(LavishFS(), configure: { $0.session.logger = log.logger }) { mount in
                for _ in 0..<3 {
                    let seen = try shell("head -c 64 \"$1/large\"; head -c 14 \"$1/file\"", mount.mountpoint)
                    #expect(seen.output == "Hello, world!\n" && seen.errors.contains("Input/output error"), "\(seen)")
                }
            }
            #expect(log.all == [
                "error: READ of node 3: more data were written than there was room for; the caller gets EIO (told once for READ)"
            ])
        }
    }
}
