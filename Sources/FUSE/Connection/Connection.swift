// SPDX-License-Identifier: MIT

public import FUSEWire

/// What was agreed on when the connection started, and what a filesystem can ask of it.
public struct Connection: Sendable {
    /// The FUSE protocol's minor version that both speak. The major is 7.
    public let protocolMinor: UInt32
    /// What the kernel offered and the server asked for.
    public let capabilities: Capabilities
    /// What the kernel offered.
    public let offered: Capabilities
    /// What the filesystem asked for and has not got, and why.
    public let missing: [MissingCapability]
    /// What the filesystem wanted left out, and the kernel can leave out.
    public let omitted: OmittedRequests
    /// The most data that one write carries, in bytes.
    public let maxWrite: Int
    /// Whether the kernel takes backing files, and why not.
    public let passthrough: PassthroughState
    /// How deeply backing files may be stacked: 1 or 2; with 2 nothing can be stacked on this mount, as no overlayfs on it. 0
    /// where the kernel takes none.
    public let stackDepth: Int
    /// Who chooses the ids of backing files; nil where the kernel takes none.
    public let backingDialect: BackingDialect?
    /// The files that the kernel has been handed.
    public let backings: Backings
    /// The number of the device that the mount appears as, `st_dev` of its files; nil where it is not mounted.
    public let device: UInt64?
    /// Tells the kernel what it did not ask for: that something it remembers is stale, above all.
    public let notifier: Notifier
    let link: SessionLink
    let interrupts: Interrupts

    var features: ProtocolFeatures { ProtocolFeatures(minor: protocolMinor, flags: capabilities) }
}
