// SPDX-License-Identifier: MIT

public import FUSEWire
public import SystemPackage

/// Something that the server does to the kernel, and that can go wrong.
public enum KernelEvent: Hashable, Sendable {
    /// A registration of a backing file.
    case backingOpen
    /// The end of one. A fault leaves it as it is.
    case backingClose
    /// A reply to a request. ENOENT: nobody waits for it (in Linux after an abort); the call ends with EINTR. Any other errno: the
    /// kernel could not copy the reply; the caller's call ends with EIO.
    case reply(Opcode)
}

/// What goes wrong: asked for each event, with its number since the connection was set up, from 0. What it answers is what
/// the server gets for that; nil lets it go on. Called with the kernel locked: it must not call the kernel.
public typealias KernelFaults = @Sendable (_ number: Int, KernelEvent) -> Errno?
