// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import MountSupport
import PassthroughFS
import Testing

/// The conformance cases on the native filesystem and on mirrors of it: what is seen must be the same, as root and as two
/// other users, whatever the kernel may remember, with the data passed through and without.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(10)))
struct ConformanceTests {
    /// How a mirror is mounted.
    struct Manner: CustomTestStringConvertible, Sendable {
        let cache: PassthroughOptions.Cache
        let passthrough: SessionOptions.Passthrough
        var locks = PassthroughOptions.Locks.kernel
        var appends = PassthroughOptions.Appends.daemon
        var idMapped = false

        var testDescription: String { "cache \(cache), passthrough \(passthrough), locks of the \(locks), appends by the \(appends)\(idMapped ? ", id-mapped" : "")" }

        static let all: [Manner] =
            PassthroughOptions.Cache.allCases.flatMap { cache in
                [SessionOptions.Passthrough.require, .off].map { Manner(cache: cache, passthrough: $0) }
            } + [
                Manner(cache: .auto, passthrough: .require, locks: .source), Manner(cache: .none, passthrough: .off, locks: .source),
                Manner(cache: .auto, passthrough: .require, appends: .kernel),
                Manner(cache: .auto, passthrough: .require, idMapped: true), Manner(cache: .none, passthrough: .off, idMapped: true),
            ]

        /// The one thing that is otherwise where the kernel appends: it keeps the backing file as it was opened, and
        /// `fcntl(F_SETFL)` does not reach that.
        func differs(in name: String) -> Bool {
            name == "open: O_APPEND that is taken off" && appends == .kernel && passthrough == .require
        }

        func mount() throws -> MirrorMount {
            try MirrorMount(cache: cache, passthrough: passthrough, locks: locks, appends: appends, idMapped: idMapped) {
                $0.suid = true
                $0.dev = true
            }
        }
    }

    /// What POSIX and Linux say holds on the native filesystem: a case that is wrong itself shows here.
    @Test func `natively`() throws {
        let reports = try NativeReports.get()
        #expect(reports.count > 300, "every case ran, as three users")
        for report in reports { #expect(report.isRight, "\(report.name), as \(report.user): \(report.wrong)") }
    }

    @Test(arguments: Manner.all) func `as natively`(_ manner: Manner) throws {
        let native = try NativeReports.get()
        let place = try manner.mount()
        defer { place.end() }
        let mirrored = try Report.run(in: place.mirror)
        #expect(mirrored.map(\.key) == native.map(\.key), "the same cases ran")
        for (report, wanted) in zip(mirrored, native) {
            // A difference that is expected must be there: a kernel without it is news.
            #expect(report.differences(from: wanted).isEmpty != manner.differs(in: report.name), "\(report.name), as \(report.user)")
        }
    }

    @Test func `a read-only mount`() throws {
        let place = try MirrorMount { $0.readOnly = true }
        defer { place.end() }
        try succeed("printf text > f && mkdir d && ln -s f l && chmod 666 f && chmod 777 d", in: place.source)
        let prepare = "cp -a ../source/. . && mount --bind . . && mount -o remount,ro,bind ."
        defer { _ = try? shell("umount native", in: place.root) }
        try succeed(prepare, in: place.native)
        let native = try Report.run(in: place.native, "--read-only")
        let mirrored = try Report.run(in: place.mirror, "--read-only")
        #expect(native.count == 3)
        #expect(mirrored.count == 3)
        for (report, wanted) in zip(mirrored, native) {
            #expect(wanted.isRight, "natively, as \(wanted.user): \(wanted.wrong)")
            #expect(report.differences(from: wanted).isEmpty, "as \(report.user)")
        }
    }
}
