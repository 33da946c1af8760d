// SPDX-License-Identifier: MIT

import FUSEWire
import Testing

@Suite struct LayoutTests {
    /// No hidden padding: the fields follow each other without gaps and fill the structure. Equality and encoding by
    /// bytes rest on it.
    @Test func fieldsFillTheStructure() {
        for layout in layouts {
            #expect(layout.size == layout.expectedSize, "\(layout.name)")
            var end = 0
            for field in layout.fields {
                #expect(field.offset == end, "\(layout.name).\(field.name)")
                end += field.size
            }
            #expect(end == layout.size, "\(layout.name)")
        }
    }

    @Test func strideIsSize() {
        #expect(RemovemappingIn.wireSize == 4 && SuppGroups.wireSize == 4)
        #expect(Direntplus.wireSize == EntryOut.wireSize + Dirent.wireSize)
        #expect(UringReqHeader.wireSize == 288)
        #expect(MemoryLayout<UringReqHeader>.offset(of: \.op_in) == FUSEProtocol.ringHeaderSize)
    }

    /// The values that no header is there for, or that are computed.
    @Test func numbers() {
        #expect(DeviceIoctl.clone == 0x8004_e500)
        #expect(DeviceIoctl.backingOpen == 0x4010_e501)
        #expect(DeviceIoctl.backingClose == 0x4004_e502)
        #expect(DeviceIoctl.syncInit == 0xe503)
        #expect(BackingFlags.serverID.rawValue == 1)
        #expect(InitFlags.directIOAllowMmap.rawValue == 1 << 36)
        #expect(FUSEProtocol.oldestMinor == 31 && FUSEProtocol.newestMinor == 45)
        #expect((0...9).map { FUSEProtocol.aligned($0) } == [0, 8, 8, 8, 8, 8, 8, 8, 8, 16])
    }

    @Test func operationsAreKnownBySizeAndName() {
        for row in operations {
            let name = row.name.hasPrefix("FUSE_") ? String(row.name.dropFirst(5)) : row.name
            #expect(row.opcode.isKnown)
            #expect(row.opcode.description == name)
            #expect(row.opcode.inSize == row.inSize, "\(name)")
            #expect(row.inSize <= FUSEProtocol.ringOperationSize)
        }
        let known = Set(operations.map(\.opcode.rawValue))
        for value in UInt32(0)...5000 where !known.contains(value) {
            #expect(!Opcode(rawValue: value).isKnown)
            #expect(Opcode(rawValue: value).inSize == 0)
        }
        #expect(Opcode.initBswapReserved.rawValue == Opcode.initialize.rawValue.byteSwapped)
        #expect(Opcode(rawValue: 7).description == "opcode 7")
        #expect("\(Opcode.copyFileRange64)" == "COPY_FILE_RANGE_64")
        #expect("\(NotifyCode.incEpoch)" == "INC_EPOCH" && "\(NotifyCode(rawValue: 99))" == "notification 99")
        let unanswered = operations.map(\.opcode).filter { !$0.isAnswered }
        #expect(unanswered == [.forget, .interrupt, .notifyReply, .batchForget])
    }

    /// In C each name is the type's prefix and the name in its table: the constants' table has them all, once.
    @Test func flagNamesAreTheKernels() {
        func check<T: WireFlags>(_: T.Type, prefix: String) {
            for (flag, name) in T.names {
                let constant = constants.filter { $0.name == prefix + name.description }
                #expect(constant.map(\.value) == [UInt64(flag.rawValue)], "\(prefix)\(name)")
                #expect(flag.description == name.description)
            }
            #expect(T.names.map(\.flag.rawValue) == T.names.map(\.flag.rawValue).sorted())
        }
        check(InitFlags.self, prefix: "FUSE_")
        check(OpenFlags.self, prefix: "FOPEN_")
        check(OpenInFlags.self, prefix: "FUSE_OPEN_")
        check(ReleaseFlags.self, prefix: "FUSE_RELEASE_")
        check(FsyncFlags.self, prefix: "FUSE_FSYNC_")
        check(GetattrFlags.self, prefix: "FUSE_GETATTR_")
        check(SetattrValid.self, prefix: "FATTR_")
        check(AttrFlags.self, prefix: "FUSE_ATTR_")
        check(ReadFlags.self, prefix: "FUSE_READ_")
        check(WriteFlags.self, prefix: "FUSE_WRITE_")
        check(LockFlags.self, prefix: "FUSE_LK_")
        check(IoctlFlags.self, prefix: "FUSE_IOCTL_")
        check(PollFlags.self, prefix: "FUSE_POLL_")
        check(SetxattrFlags.self, prefix: "FUSE_SETXATTR_")
        check(ExpireFlags.self, prefix: "FUSE_")
        check(BackingFlags.self, prefix: "FUSE_BACKING_FLAG_")
        check(SetupMappingFlags.self, prefix: "FUSE_SETUPMAPPING_FLAG_")
        check(CUSEInitFlags.self, prefix: "CUSE_")
    }

    @Test func flagsDescribeThemselves() {
        let unknown = InitFlags(rawValue: 1 << 63)
        let flags = InitFlags([.asyncRead, .passthrough]).union(unknown)
        #expect(flags.description == "ASYNC_READ|PASSTHROUGH|0x8000000000000000")
        #expect(OpenFlags([]).description == "0x0")
        #expect(OpenFlags([.directIO, .passthrough]).description == "DIRECT_IO|PASSTHROUGH")
        #expect(OpenFlags(rawValue: 0x300).description == "0x300")
    }

    @Test func initFlagsTravelInTwoWords() {
        let flags: InitFlags = [.asyncRead, .initExt, .passthrough]
        #expect(flags.low == 0x4000_0001 && flags.high == 0x20)
        #expect(InitFlags(low: flags.low, high: flags.high) == flags)
        #expect(InitFlags(InitIn(flags: flags.low, flags2: flags.high)) == flags)
        #expect(InitFlags(InitOut(flags: flags.low, flags2: flags.high)) == flags)
        // Without INIT_EXT the second word means nothing.
        #expect(InitFlags(InitIn(flags: 1, flags2: flags.high)) == .asyncRead)
        #expect(InitFlags(InitOut(flags: 1, flags2: flags.high)) == .asyncRead)
    }
}
