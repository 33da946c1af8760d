// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableHost
import BackingTableTestSupport
import FUSESimulation
import Glibc
import SystemPackage
import Testing

/// Every row of the contract for BACKING_OPEN and BACKING_CLOSE, by name, and the order of the rows.
@Suite struct KernelBackingsTests {
    static let kernels: [BackingKernel] = [.allocatesIDs, .takesServerIDs]
    let files = TestFiles()

    func make(_ kernel: BackingKernel, firstID: EntryID = .first, limit: UInt32 = MapConfiguration.maximumLimit) -> KernelBackings {
        let backings = KernelBackings(kernel)
        #expect(backings.negotiatePassthrough(firstID: firstID, limit: limit))
        return backings
    }

    func request(id: UInt64? = nil) throws -> BackingOpenRequest {
        let descriptor = try files.regular()
        guard let id else { return BackingOpenRequest(descriptor: descriptor) }
        return BackingOpenRequest(descriptor: descriptor, flags: BackingOpenRequest.serverID, id: id)
    }

    // MARK: EPERM

    @Test(arguments: kernels)
    func withoutPassthroughItIsNotPermitted(_ kernel: BackingKernel) throws {
        let backings = KernelBackings(kernel)
        #expect(!backings.isPassthroughOn)
        #expect(throws: Errno.notPermitted) { try backings.open(request()) }
        #expect(throws: Errno.notPermitted) { try backings.open(BackingOpenRequest(descriptor: -1, flags: 99, id: 99)) }
        #expect(throws: Errno.notPermitted) { try backings.close(0) }
    }

    @Test(arguments: kernels)
    func withoutPrivilegeItIsNotPermitted(_ kernel: BackingKernel) throws {
        let backings = make(kernel)
        let id = try backings.open(request())
        backings.faults.isPrivileged = false
        #expect(throws: Errno.notPermitted) { try backings.open(BackingOpenRequest(descriptor: -1, flags: 99)) }
        #expect(throws: Errno.notPermitted) { try backings.close(0) }
        #expect(throws: Errno.notPermitted) { try backings.close(UInt32(id.rawValue)) }
        backings.faults.isPrivileged = true
        #expect(throws: Never.self) { try backings.close(UInt32(id.rawValue)) }
    }

    // MARK: EINVAL for the request

    @Test(arguments: kernels)
    func anUnknownFlagIsInvalidAndComesBeforeTheDescriptor(_ kernel: BackingKernel) throws {
        let backings = make(kernel)
        for flags: UInt32 in [2, 3, 0x8000_0000, .max] {
            #expect(throws: Errno.invalidArgument) { try backings.open(BackingOpenRequest(descriptor: -1, flags: flags, id: 7)) }
        }
    }

    @Test(arguments: kernels)
    func anIDWithoutTheFlagIsInvalidInEveryKernel(_ kernel: BackingKernel) throws {
        let backings = make(kernel)
        let descriptor = try files.regular()
        for id: UInt64 in [1, 0x7FFF_FFFF, 1 << 32, .max] {
            #expect(throws: Errno.invalidArgument) { try backings.open(BackingOpenRequest(descriptor: descriptor, id: id)) }
            #expect(throws: Errno.invalidArgument) { try backings.open(BackingOpenRequest(descriptor: -1, id: id)) }
        }
    }

    /// The probe: the same request that a kernel with server ids takes.
    @Test func aKernelWithoutServerIDsSaysInvalidToTheFlag() throws {
        let backings = make(.allocatesIDs)
        #expect(throws: Errno.invalidArgument) { try backings.open(request(id: 5)) }
        #expect(throws: Errno.invalidArgument) { try backings.open(request(id: 0)) }
        #expect(backings.count == 0)
        #expect(try make(.takesServerIDs).open(request(id: 5)) == 5)
    }

    @Test func aServerIDIs1ToInt32Max() throws {
        let backings = make(.takesServerIDs)
        for id: UInt64 in [0, 0x8000_0000, 0xFFFF_FFFF, 1 << 32, (1 << 32) + 1, .max] {
            #expect(throws: Errno.invalidArgument) { try backings.open(request(id: id)) }
            #expect(throws: Errno.invalidArgument) {
                try backings.open(BackingOpenRequest(descriptor: -1, flags: BackingOpenRequest.serverID, id: id))
            }
        }
        #expect(try backings.open(request(id: 1)) == 1)
        #expect(try backings.open(request(id: 0x7FFF_FFFF)) == .maxNarrow)
    }

    // MARK: The descriptor

    @Test(arguments: kernels)
    func theDescriptorsFileDecides(_ kernel: BackingKernel) throws {
        let backings = make(kernel)
        func refusal(_ descriptor: Int32) -> Errno? {
            do throws(Errno) {
                _ = try backings.open(BackingOpenRequest(descriptor: descriptor))
                return nil
            } catch { return error }
        }
        #expect(refusal(-1) == .badFileDescriptor)
        #expect(refusal(files.closed()) == .badFileDescriptor)
        #expect(refusal(try files.open("/", O_RDONLY | O_DIRECTORY)) == .isDirectory)
        #expect(refusal(try files.open("/", O_PATH)) == .isDirectory)
        #expect(refusal(try files.open("/dev/null", O_RDWR)) == .invalidArgument)
        #expect(refusal(try files.pipe()) == .invalidArgument)
        #expect(refusal(try files.socket()) == .invalidArgument)
        #expect(refusal(try files.open("/proc/self/exe", O_PATH | O_NOFOLLOW)) == .invalidArgument)
        #expect(backings.count == 0)
        // Any descriptor of a regular file will do.
        #expect(refusal(try files.regular()) == nil)
        #expect(refusal(try files.open("/proc/self/exe", O_PATH)) == nil)
        #expect(refusal(try files.open("/proc/self/exe", O_RDONLY)) == nil)
    }

    @Test(arguments: kernels)
    func stackedTooDeep(_ kernel: BackingKernel) throws {
        let backings = make(kernel)
        backings.faults.stackedFiles = 1
        backings.faults.refusedEntries = 1
        // The kind of the file is looked at first, memory is wanted later.
        #expect(throws: Errno.isDirectory) {
            try backings.open(BackingOpenRequest(descriptor: files.open("/", O_PATH)))
        }
        #expect(throws: Errno.tooManySymbolicLinkLevels) { try backings.open(request()) }
        #expect(throws: Errno.noMemory) { try backings.open(request()) }
        #expect(try backings.open(request()) == 1)
    }

    // MARK: ENOMEM, ENOSPC

    @Test(arguments: kernels)
    func noMemoryForAnEntryOrForMoreBuckets(_ kernel: BackingKernel) throws {
        let backings = make(kernel)
        let request = try request()
        for _ in 1...256 { _ = try backings.open(request) }
        backings.faults.refusedEntries = 1
        backings.faults.refusedSegments = 1
        #expect(throws: Errno.noMemory) { try backings.open(request) }
        #expect(throws: Errno.noMemory) { try backings.open(request) }
        #expect(try backings.open(request) == 257, "nothing had changed")
    }

    @Test func noMemoryComesBeforeAFullTableAndALiveID() throws {
        let backings = make(.takesServerIDs, limit: 1)
        _ = try backings.open(request(id: 5))
        backings.faults.refusedEntries = 2
        #expect(throws: Errno.noMemory) { try backings.open(request(id: 5)) }
        #expect(throws: Errno.noMemory) { try backings.open(request()) }
        #expect(throws: Errno.noSpace) { try backings.open(request(id: 5)) }
    }

    @Test(arguments: kernels)
    func aFullTableHasNoSpace(_ kernel: BackingKernel) throws {
        let backings = make(kernel, limit: 3)
        for id: EntryID in [1, 2, 3] { #expect(try backings.open(request()) == id) }
        #expect(throws: Errno.noSpace) { try backings.open(request()) }
        if kernel == .takesServerIDs {
            #expect(throws: Errno.noSpace, "before EEXIST") { try backings.open(request(id: 2)) }
            backings.faults.takenCandidates = 1
            #expect(throws: Errno.noSpace, "before EAGAIN") { try backings.open(request()) }
            backings.faults.takenCandidates = 0
        }
        try backings.close(2)
        #expect(try backings.open(request()) == 4)
        backings.setLimit(4)
        #expect(try backings.open(request()) == 5)
    }

    // MARK: Ids

    @Test func aLiveServerIDExistsAndNothingChanges() throws {
        let backings = make(.takesServerIDs)
        let first = try request(id: 9)
        try files.write("first", to: first.descriptor)
        _ = try backings.open(first)
        #expect(throws: Errno.fileExists) { try backings.open(request(id: 9)) }
        #expect(backings.count == 1)
        let text = try backings.backing(9)?.withPayload { file in try file.descriptor.map { try contents(of: $0) } }
        #expect(text == "first")
    }

    @Test func aLiveCandidateIsTriedOnceAndTheCounterSteps() throws {
        let backings = make(.takesServerIDs, firstID: .maxNarrow)
        for id: UInt64 in [0x7FFF_FFFF, 1, 2] { _ = try backings.open(request(id: id)) }
        for _ in 0..<3 { #expect(throws: Errno.resourceTemporarilyUnavailable) { try backings.open(request()) } }
        #expect(try backings.open(request()) == 3)
    }

    @Test func aKernelWithoutServerIDsGoesOnToTheNextFreeID() throws {
        let backings = make(.allocatesIDs, firstID: .maxNarrow)
        #expect(try backings.open(request()) == .maxNarrow)
        #expect(try backings.open(request()) == 1)
        try backings.close(1)
        #expect(try backings.open(request()) == 2, "cyclic")
        let wrapped = make(.allocatesIDs, firstID: 0x7FFF_FFFE)
        for id: EntryID in [0x7FFF_FFFE, 0x7FFF_FFFF, 1] { #expect(try wrapped.open(request()) == id) }
    }

    @Test(arguments: kernels)
    func theFirstIDIs1(_ kernel: BackingKernel) throws {
        #expect(try make(kernel).open(request()) == 1)
    }

    @Test func aStormOfTakenCandidates() throws {
        let backings = make(.takesServerIDs)
        backings.faults.takenCandidates = 5
        #expect(try backings.open(request(id: 77)) == 77, "a server's id has no candidate")
        backings.faults.refusedEntries = 1
        #expect(throws: Errno.noMemory) { try backings.open(request()) }
        for _ in 0..<5 { #expect(throws: Errno.resourceTemporarilyUnavailable) { try backings.open(request()) } }
        #expect(try backings.open(request()) == 6)
        let old = make(.allocatesIDs)
        old.faults.takenCandidates = 5
        #expect(try old.open(request()) == 1, "such a kernel never says EAGAIN")
    }

    // MARK: BACKING_CLOSE

    @Test(arguments: kernels)
    func closing(_ kernel: BackingKernel) throws {
        let backings = make(kernel)
        for id: UInt32 in [0, 0x8000_0000, 0xFFFF_FFFF] {
            #expect(throws: Errno.invalidArgument) { try backings.close(id) }
        }
        #expect(throws: Errno.noSuchFileOrDirectory) { try backings.close(1) }
        let id = try backings.open(request())
        #expect(throws: Never.self) { try backings.close(UInt32(id.rawValue)) }
        #expect(throws: Errno.noSuchFileOrDirectory) { try backings.close(UInt32(id.rawValue)) }
        #expect(backings.count == 0)
    }

    @Test func manyThreadsAtOnce() throws {
        let backings = make(.takesServerIDs, firstID: 0x7FFF_FFF0)
        let descriptor = try files.regular()
        // Ids that the counter comes upon.
        for id: UInt64 in [0x7FFF_FFF8, 1, 3, 5] { _ = try backings.open(request(id: id)) }
        concurrently(
            (0..<4).map { _ in
                {
                    for _ in 0..<200 {
                        do throws(Errno) {
                            let id = try backings.open(BackingOpenRequest(descriptor: descriptor))
                            #expect(finds(backings, UInt32(id.rawValue)))
                            try backings.close(UInt32(id.rawValue))
                        } catch {
                            #expect(error == .resourceTemporarilyUnavailable)
                        }
                    }
                }
            })
        #expect(backings.count == 4)
    }

    // MARK: Negotiation, and what an id keeps

    @Test(arguments: kernels)
    func withoutATablePassthroughStaysOffAndTheMountGoesOn(_ kernel: BackingKernel) throws {
        let backings = KernelBackings(kernel)
        backings.faults.refusesTable = true
        #expect(!backings.negotiatePassthrough())
        #expect(!backings.isPassthroughOn)
        #expect(throws: Errno.notPermitted) { try backings.open(request()) }
        #expect(!finds(backings, 1))
        backings.faults.refusesTable = false
        #expect(backings.negotiatePassthrough(), "another mount's negotiation")
        #expect(try backings.open(request()) == 1)
    }

    @Test func aBackingKeepsItsFileWhateverBecomesOfDescriptorAndID() throws {
        let backings = make(.takesServerIDs)
        do {
            let short = TestFiles()
            let descriptor = try short.regular()
            try short.write("kept", to: descriptor)
            _ = try backings.open(BackingOpenRequest(descriptor: descriptor))
        }
        guard let open = backings.backing(1) else {
            Issue.record("not found")
            return
        }
        try backings.close(1)
        for id: UInt32 in [0, 1, 0x8000_0000, .max] { #expect(!finds(backings, id)) }
        let shown = open.id
        #expect(shown == nil)
        let text = try open.withPayload { file in try file.descriptor.map { try contents(of: $0) } }
        #expect(text == "kept")
    }
}

private func finds(_ backings: KernelBackings, _ id: UInt32) -> Bool { backings.backing(id) != nil }
