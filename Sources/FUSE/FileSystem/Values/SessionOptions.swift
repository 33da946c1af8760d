// SPDX-License-Identifier: MIT

import Glibc
public import Logging

/// How a session is to behave.
public struct SessionOptions: Sendable {
    /// Whether file data may leave the daemon out.
    public enum Passthrough: String, Sendable, CaseIterable {
        /// Where the kernel does it.
        case auto
        /// Never.
        case off
        /// A kernel that does not do it is an error.
        case require
    }

    public var passthrough: Passthrough = .auto
    /// How deeply backing files may be stacked, 1 or 2; nil, the default, for what the filesystem says
    /// (``BackingOptions/stackDepth``). C counterpart: `max_stack_depth`.
    public var maxStackDepth: UInt32?
    /// Background requests (readahead, writeback) that the kernel may have under way. C counterpart: `max_background`.
    public var maxBackground: UInt16 = 64
    /// The signal that makes a blocking system call of a method return EINTR when the caller of its request wants to give
    /// up; nil for none, then a method has to ask (``Connection/isInterrupted(_:)``). It gets a handler that does nothing,
    /// for good, unless the program has one: that one stays, and calls are not interrupted. Only threads that serve take
    /// it. The default is SIGURG, which does nothing by default either.
    public var interruptSignal: Int32? = SIGURG
    /// The mount has the option `default_permissions`. ``Mount`` says so.
    var defaultPermissions = false
    public var logger: Logger

    public init(logger: Logger = Logger(label: "fuse")) { self.logger = logger }
}
