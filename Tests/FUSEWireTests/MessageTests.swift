// SPDX-License-Identifier: MIT

import FUSEWire
import Testing

/// Requests, byte for byte as kernels send them.
@Suite struct MessageTests {
    let features = ProtocolFeatures(minor: 45, flags: [.initExt, .setxattrExt])

    /// INIT of a kernel that speaks 7.45: 40 bytes of header, 64 of structure.
    @Test func initOfTheLongForm() throws {
        let message: [UInt8] =
            [
                0x68, 0, 0, 0, 26, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                7, 0, 0, 0, 45, 0, 0, 0, 0, 0, 2, 0, 0xfb, 0xff, 0xff, 0x73, 0xff, 0x07, 0, 0,
            ] + [UInt8](repeating: 0, count: 44)
        #expect(message.count == 104)
        let request = try RequestMessage(message.raw, features: ProtocolFeatures())
        let (header, opcode) = (request.header, request.opcode)
        #expect(opcode == .initialize && header.len == 104 && header.unique == 2)
        let structure = try request.structure(InitIn.self)
        #expect(structure.major == 7 && structure.minor == 45 && structure.max_readahead == 131_072)
        let flags = InitFlags(structure)
        #expect(flags.isSuperset(of: [.passthrough, .overIOUring, .requestTimeout, .setxattrExt]))
        #expect(flags.isDisjoint(with: [.fileOps, .mapAlignment, .submounts, .initReserved]))
    }

    /// INIT before 7.36: 16 bytes of structure. The fields that it lacks read as zero.
    @Test func initOfTheShortForm() throws {
        let structure = InitIn(major: 7, minor: 31, max_readahead: 131_072, flags: 0x3fff_fffb)
        let message = request(.initialize, structure: Array(bytes(structure)[..<16]))
        #expect(message.count == 56)
        let decoded = try RequestMessage(message.raw, features: ProtocolFeatures())
        let value = try decoded.structure(InitIn.self)
        #expect(value == structure)
    }

    /// LOOKUP has no structure: the name follows the header.
    @Test func lookup() throws {
        let message: [UInt8] = [
            0x2e, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            0xe8, 3, 0, 0, 0x64, 0, 0, 0, 0x67, 0x12, 0, 0, 0, 0, 0, 0,
            0x68, 0x65, 0x6c, 0x6c, 0x6f, 0,
        ]
        let request = try RequestMessage(message.raw, features: features)
        let (header, opcode, size) = (request.header, request.opcode, request.operation.byteCount)
        #expect(opcode == .lookup && header.nodeid == FUSEProtocol.rootID && size == 0)
        #expect(header.uid == 1000 && header.gid == 100 && header.pid == 0x1267)
        let name = try request.name().array
        #expect(name == "hello".withNUL)
    }

    /// MKDIR with one supplementary group, since 7.38.
    @Test func mkdirWithAGroup() throws {
        let message: [UInt8] = [
            0x42, 0, 0, 0, 9, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
            0xe8, 3, 0, 0, 0x64, 0, 0, 0, 0x67, 0x12, 0, 0, 2, 0, 0, 0,
            0xed, 1, 0, 0, 0x12, 0, 0, 0, 0x64, 0,
            0x10, 0, 0, 0, 0x20, 0, 0, 0, 1, 0, 0, 0, 0x1b, 0, 0, 0,
        ]
        let request = try RequestMessage(message.raw, features: features)
        let structure = try request.structure(MkdirIn.self)
        #expect(structure.mode == 0o755 && structure.umask == 0o22)
        let payload = request.payload.array
        #expect(payload == "d".withNUL)
        let groups = try groups(of: request.extensions)
        #expect(groups == [27])
        let again = try encoded { try $0.append(supplementaryGroups: ([27] as [UInt32]).span) }
        #expect(again == Array(message.suffix(16)))
    }

    /// A reply's header and the kernel's view of it.
    @Test func replies() throws {
        let reply = try encoded { output in
            try output.append(OutHeader(unique: 9))
            try output.append(OpenOut(fh: 5, open_flags: OpenFlags.passthrough.rawValue, backing_id: 3))
            try output.overwrite(at: 0, with: OutHeader(len: UInt32(output.byteCount), unique: 9))
        }
        let expected: [UInt8] = [
            32, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0,
            5, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 3, 0, 0, 0,
        ]
        #expect(reply == expected)
        let decoded = try ReplyMessage(reply.raw)
        let (open, code) = (try decoded.body.load(OpenOut.self), decoded.notification)
        #expect(open == OpenOut(fh: 5, open_flags: 0x80, backing_id: 3) && code == nil)

        let notification = bytes(OutHeader(len: 16, error: NotifyCode.resend.rawValue))
        let notified = try ReplyMessage(notification.raw).notification
        #expect(notified == .resend)
        for (length, error) in [(15, WireError.malformed), (17, .truncated), (0, .malformed)] {
            let message = bytes(OutHeader(len: UInt32(length)))
            #expect(throws: error) { _ = try ReplyMessage(message.raw).header }
        }
    }

    /// What contradicts itself. The header is to be had all the same, for the error reply.
    @Test func contradictions() throws {
        func outcome(_ message: [UInt8]) -> WireError? {
            do throws(WireError) {
                _ = try RequestMessage(message.raw, features: features).header
                return nil
            } catch {
                return error
            }
        }
        #expect(outcome(bytes(InHeader(len: 39, opcode: 1))) == .malformed)
        #expect(outcome(bytes(InHeader(len: 41, opcode: 1))) == .truncated)
        #expect(outcome(bytes(InHeader(len: .max, opcode: 1))) == .truncated)
        #expect(outcome(bytes(InHeader(len: 40, opcode: 3))) == .truncated)
        #expect(outcome(bytes(InHeader(len: 40, opcode: 5))) == nil)
        #expect(outcome(bytes(InHeader(len: 40, opcode: 5, total_extlen: 1))) == .malformed)
        #expect(outcome(bytes(InHeader(len: 40, opcode: 999))) == nil)
        // Extensions do not reach into the operation's structure.
        let mkdir = bytes(InHeader(len: 48, opcode: 9, total_extlen: 1)) + bytes(MkdirIn())
        #expect(outcome(mkdir) == .malformed)
        let header = RequestMessage.header(of: mkdir.raw)
        #expect(header?.opcode == 9)
    }

    /// A ring lends 128 bytes for every operation's structure: the rest of them is not looked at.
    @Test func aRingsThreePieces() throws {
        for sample in try makeSamples() {
            let area = sample.structure + [UInt8](repeating: 0xee, count: 128 - sample.structure.count)
            // INIT tells its form by its length; it does not travel by ring.
            if sample.opcode == .initialize { continue }
            let payload = sample.payload + sample.extensions
            var header = try sample.message.raw.load(InHeader.self)
            header.len = 0
            let request = try RequestMessage(
                header: header, operation: area.raw, payload: payload.raw, features: sample.features)
            let pieces = [request.operation.array, request.payload.array, request.extensions.array]
            #expect(pieces == [sample.structure, sample.payload, sample.extensions], "\(sample.opcode)")
            guard !sample.structure.isEmpty else { continue }
            let short = Array(sample.structure.dropLast())
            #expect(throws: WireError.truncated) {
                _ = try RequestMessage(
                    header: header, operation: short.raw, payload: payload.raw, features: sample.features
                ).header
            }
        }
    }

    @Test func extensionsGoThereAndBack() throws {
        let label = Array("system_u:object_r:tmp_t:s0".utf8)
        for length in 0...label.count {
            let block = try encoded { output in
                try output.append(
                    securityContext: Array("security.selinux".utf8).raw, value: Array(label[..<length]).raw)
                try output.append(supplementaryGroups: ([7, .max] as [UInt32]).span)
            }
            #expect(block.count % 8 == 0)
            let groups = try groups(of: block.raw)
            #expect(groups == [7, .max])
            var reader = ExtensionReader(block.raw)
            let first = try reader.next()
            guard let first, var contexts = first.securityContexts() else {
                Issue.record("no security context")
                return
            }
            let count = contexts.remaining
            #expect(count == 1)
            guard let context = try contexts.next() else {
                Issue.record("no security context")
                return
            }
            let (name, value) = (context.name.array, context.value.array)
            #expect(name == "security.selinux".withNUL && value == Array(label[..<length]))
            for count in 1..<block.count where count != SecctxHeader.wireSize + FUSEProtocol.aligned(25 + length) {
                #expect(throws: WireError.self, "\(count) of \(block.count)") {
                    try consume(ExtensionReader(block.raw.extracting(first: count)))
                }
            }
        }
        // A size smaller than its own header, and groups that are not there.
        for (size, groups) in [(7, 0), (16, 9), (16, UInt32.max)] as [(UInt32, UInt32)] {
            let block = bytes(ExtHeader(size: size, type: 32)) + bytes(SuppGroups(nr_groups: groups)) + [0, 0, 0, 0]
            #expect(throws: WireError.self) { try consume(ExtensionReader(block.raw)) }
        }
    }

    private func groups(of extensions: RawSpan) throws -> [UInt32] {
        var found: [UInt32] = []
        var reader = ExtensionReader(extensions)
        while let next = try reader.next() {
            if let groups = try next.supplementaryGroups() { found += (0..<groups.count).map { groups[$0] } }
        }
        return found
    }
}
