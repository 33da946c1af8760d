// SPDX-License-Identifier: MIT

import FUSEWire

/// A valid request.
struct Sample {
    let opcode: Opcode
    let structure: [UInt8]
    let payload: [UInt8]
    let extensions: [UInt8]
    let features: ProtocolFeatures

    init(
        _ opcode: Opcode, structure: [UInt8] = [], payload: [UInt8] = [], extensions: [UInt8] = [],
        features: ProtocolFeatures = ProtocolFeatures(minor: 45, flags: [.initExt, .setxattrExt])
    ) {
        self.opcode = opcode
        self.structure = structure
        self.payload = payload
        self.extensions = extensions
        self.features = features
    }

    var message: [UInt8] {
        request(opcode, structure: structure, payload: payload, extensions: extensions)
    }
}

/// One for every operation, two or more where there are forms.
func makeSamples() throws -> [Sample] {
    let name = "hello".withNUL
    let two = "from".withNUL + "towards".withNUL
    let data = [UInt8](0..<100)
    let extensions = try encoded { output in
        try output.append(securityContext: Array("security.selinux".utf8).raw, value: Array("user_u:object_r".utf8).raw)
        try output.append(supplementaryGroups: ([27, 100, 1 << 31] as [UInt32]).span)
    }
    let old = ProtocolFeatures(minor: 31)
    var samples = [
        Sample(.lookup, payload: name), Sample(.unlink, payload: name), Sample(.rmdir, payload: name),
        Sample(.removexattr, payload: name), Sample(.symlink, payload: two, extensions: extensions),
        Sample(.symlink, payload: two), Sample(.readlink), Sample(.statfs), Sample(.destroy),
        Sample(.cuseInitBswapReserved), Sample(.initBswapReserved),
        Sample(.mknod, structure: bytes(MknodIn(mode: 0o100644)), payload: name, extensions: extensions),
        Sample(.mkdir, structure: bytes(MkdirIn(mode: 0o755)), payload: name, extensions: extensions),
        Sample(.create, structure: bytes(CreateIn(flags: 0o101)), payload: name, extensions: extensions),
        Sample(.create, structure: bytes(CreateIn(flags: 0o101)), payload: name),
        Sample(.tmpfile, structure: bytes(CreateIn(flags: 2)), payload: "#1".withNUL, extensions: extensions),
        Sample(.rename, structure: bytes(RenameIn(newdir: 2)), payload: two),
        Sample(.rename2, structure: bytes(Rename2In(newdir: 2, flags: 1)), payload: two),
        Sample(.link, structure: bytes(LinkIn(oldnodeid: 7)), payload: name),
        Sample(.write, structure: bytes(WriteIn(fh: 3, size: 100)), payload: data),
        Sample(.setxattr, structure: bytes(SetxattrIn(size: 100, setxattr_flags: 1)), payload: name + data),
        Sample(
            .setxattr, structure: Array(bytes(SetxattrIn(size: 100))[..<8]), payload: name + data, features: old),
        Sample(.getxattr, structure: bytes(GetxattrIn(size: 64)), payload: name),
        Sample(.listxattr, structure: bytes(GetxattrIn(size: 64))),
        Sample(.initialize, structure: bytes(InitIn(major: 7, minor: 45, flags: 1 << 30, flags2: 0x20))),
        Sample(.initialize, structure: Array(bytes(InitIn(major: 7, minor: 31))[..<16]), features: old),
        Sample(.ioctl, structure: bytes(IoctlIn(cmd: 0x5401, in_size: 100)), payload: data),
        Sample(.notifyReply, structure: bytes(NotifyRetrieveIn(offset: 4096, size: 100)), payload: data),
        Sample(
            .batchForget, structure: bytes(BatchForgetIn(count: 2)),
            payload: bytes(ForgetOne(nodeid: 2, nlookup: 1)) + bytes(ForgetOne(nodeid: 3, nlookup: 9))),
        Sample(
            .removemapping, structure: bytes(RemovemappingIn(count: 1)),
            payload: bytes(RemovemappingOne(moffset: 4096, len: 4096))),
    ]
    let done = Set(samples.map(\.opcode))
    for row in operations where !done.contains(row.opcode) {
        samples.append(Sample(row.opcode, structure: (0..<row.inSize).map { UInt8($0) }))
    }
    return samples
}

/// Reads all that a request holds, as a session would: what the structure says of the payload is followed.
func consume(_ message: borrowing RequestMessage) throws(WireError) {
    var reader = WireReader(message.payload)
    switch message.opcode {
    case .lookup, .unlink, .rmdir, .removexattr: _ = try message.name()
    case .symlink: _ = (try reader.name().byteCount, try reader.name().byteCount)
    case .mknod: _ = (try message.structure(MknodIn.self), try message.name().byteCount)
    case .mkdir: _ = (try message.structure(MkdirIn.self), try message.name().byteCount)
    case .create, .tmpfile: _ = (try message.structure(CreateIn.self), try message.name().byteCount)
    case .rename: _ = (try message.structure(RenameIn.self), try reader.name().byteCount, try reader.name().byteCount)
    case .rename2: _ = (try message.structure(Rename2In.self), try reader.name().byteCount, try reader.name().byteCount)
    case .link: _ = (try message.structure(LinkIn.self), try message.name().byteCount)
    case .write: _ = try reader.bytes(Int(message.structure(WriteIn.self).size))
    case .setxattr:
        let structure = try message.structure(SetxattrIn.self)
        _ = try reader.name()
        _ = try reader.bytes(Int(structure.size))
    case .getxattr: _ = (try message.structure(GetxattrIn.self), try message.name().byteCount)
    case .initialize: _ = InitFlags(try message.structure(InitIn.self)).description
    case .ioctl: _ = try reader.bytes(Int(message.structure(IoctlIn.self).in_size))
    case .notifyReply: _ = try reader.bytes(Int(message.structure(NotifyRetrieveIn.self).size))
    case .batchForget:
        var count = try message.structure(BatchForgetIn.self).count
        while count > 0 {
            _ = try reader.read(ForgetOne.self)
            count -= 1
        }
    case .removemapping:
        var count = try message.structure(RemovemappingIn.self).count
        while count > 0 {
            _ = try reader.read(RemovemappingOne.self)
            count -= 1
        }
    default: break
    }
    try consume(ExtensionReader(message.extensions))
}

/// Reads all extensions.
func consume(_ reader: consuming ExtensionReader) throws(WireError) {
    while let next = try reader.next() {
        if let groups = try next.supplementaryGroups() {
            for index in 0..<groups.count { _ = groups[index] }
        }
        if var contexts = next.securityContexts() {
            while let context = try contexts.next() { _ = context.name.byteCount &+ context.value.byteCount }
        }
    }
}
