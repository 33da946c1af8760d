// SPDX-License-Identifier: MIT

import CLinux
import SystemPackage

/// What a connection says to backing files.
struct PassthroughProbe {
    let state: PassthroughState
    /// How files are registered, where they can be.
    let calls: (any DialectCalls)?

    /// Finds out whether this connection takes backing files, and how, by registering one: what INIT agreed on says too
    /// little, as the kernel drops the feature silently, and checks privileges only later.
    init(_ transport: any Transport, wanted: SessionOptions.Passthrough, agreed: Agreement) {
        (state, calls) = Self.find(transport, wanted, agreed)
    }

    private static func find(
        _ transport: any Transport, _ wanted: SessionOptions.Passthrough, _ agreed: Agreement
    ) -> (PassthroughState, (any DialectCalls)?) {
        guard wanted != .off else { return (.off, nil) }
        guard agreed.capabilities.contains(.passthrough) else {
            let state = PassthroughState.unavailable(
                reason: "the kernel does not offer it",
                remedy: "it takes Linux 6.9 or newer, built with CONFIG_FUSE_PASSTHROUGH")
            return (state, nil)
        }
        do throws(Errno) {
            // Safe: a literal, NUL-terminated.
            let file = FileDescriptor(rawValue: try unsafe SystemCall.result(clinux_memfd_create("fuse-passthrough-probe", 1)))
            defer { try? file.close() }
            return (.available, try findDialect(on: transport, with: file))
        } catch .notPermitted {
            return (.unprivileged, nil)
        } catch {
            let state = PassthroughState.unavailable(
                reason: "registering a backing file failed: \(error)",
                remedy: "the kernel's log may say more; --passthrough off silences this")
            return (state, nil)
        }
    }
}
