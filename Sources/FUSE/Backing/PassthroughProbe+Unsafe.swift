// SPDX-License-Identifier: MIT

import CLinux
import FUSEWire
import SystemPackage

extension InodeBackings {
    /// Finds out whether this connection takes backing files, by registering one: what INIT agreed on says too little,
    /// as the kernel drops the feature silently, and checks privileges only later.
    static func probe(_ device: any Device, wanted: SessionOptions.Passthrough, agreed: Handshake.Agreed) -> PassthroughState {
        guard wanted != .off else { return .off }
        guard agreed.capabilities.contains(.passthrough) else {
            return .unavailable(
                reason: "the kernel does not offer it",
                remedy: "it takes Linux 6.9 or newer, built with CONFIG_FUSE_PASSTHROUGH")
        }
        do throws(Errno) {
            // Safe: a literal, NUL-terminated.
            let file = FileDescriptor(rawValue: try unsafe call(clinux_memfd_create("fuse-passthrough-probe", 1)))
            defer { try? file.close() }
            try device.closeBacking(device.openBacking(BackingMap(fd: file.rawValue)))
            return .available
        } catch .notPermitted {
            return .unavailable(
                reason: "the kernel lets only a process with CAP_SYS_ADMIN register backing files", remedy: "run it as root")
        } catch {
            return .unavailable(
                reason: "registering a backing file failed: \(error)",
                remedy: "the kernel's log may say more; --passthrough off silences this")
        }
    }
}
