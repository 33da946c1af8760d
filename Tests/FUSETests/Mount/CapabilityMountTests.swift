// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import SystemPackage
import Testing

/// Wants all that there is and might be.
private struct GreedyFS: TinyFS {
    let names = ["hello"]
    var capabilities = Capabilities(rawValue: .max)
}

extension MountTests {
    /// Whatever a filesystem asks for, its mount works.
    @Suite struct CapabilityMountTests {
        @Test(arguments: [true, false]) func everyBit(defaultPermissions: Bool) throws {
            try withMount(GreedyFS(), configure: { $0.defaultPermissions = defaultPermissions }) { mount in
                let seen = try shell("cat \"$1/hello\" && ls \"$1\"", mount.mountpoint)
                #expect(seen == Outcome(status: 0, output: "Hello, world!\nhello\n", errors: ""))
                // It is the transport's to ask for.
                let isMissing = mount.session.connection.missing.contains { $0.capability == .overIOUring && $0.reason == .notServed }
                #expect(isMissing == !mount.session.connection.capabilities.contains(.overIOUring))
                #expect(mount.session.connection.capabilities.isSubset(of: mount.session.connection.offered))
            }
        }

        /// Of those that could stand in each other's way, each alone.
        @Test(arguments: 0..<64 as Range<UInt64>) func oneBit(bit: UInt64) throws {
            try withMount(GreedyFS(capabilities: Capabilities(rawValue: 1 << bit)), configure: { $0.defaultPermissions = false }) { mount in
                let seen = try shell("cat \"$1/hello\"", mount.mountpoint)
                #expect(seen.output == "Hello, world!\n", "\(seen)")
            }
        }
    }
}
