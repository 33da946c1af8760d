// SPDX-License-Identifier: MIT

public import ArgumentParser
public import FUSE
public import PassthroughFS

// Choices of the libraries, as words of a command line.

extension SessionOptions.Passthrough: ExpressibleByArgument {}
extension TransportChoice: ExpressibleByArgument {}
extension PassthroughOptions.Cache: ExpressibleByArgument {}
extension PassthroughOptions.Submounts: ExpressibleByArgument {}
extension PassthroughOptions.Locks: ExpressibleByArgument {}
extension PassthroughOptions.Appends: ExpressibleByArgument {}
extension PassthroughOptions.Xattrs: ExpressibleByArgument {}
extension PassthroughOptions.Permissions: ExpressibleByArgument {}
