// SPDX-License-Identifier: MIT

import FUSEWire
import Foundation
import MountSupport
import Testing

/// Data that is written through the mirror and verified, in every way that fio knows; the daemon must not see any of it.
@Suite(
    .serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"),
    .enabled(if: Machine.has("fio") || Machine.isContinuousIntegration, "fio is not installed"),
    .timeLimit(.minutes(10)))
struct FioTests {
    /// How a job does its I/O.
    struct Job: CustomTestStringConvertible, Sendable {
        let name: String
        let arguments: String
        var testDescription: String { name }
    }

    static let jobs: [Job] = ["write", "randwrite", "rw", "randrw"].flatMap { pattern in
        [
            Job(name: "\(pattern), buffered", arguments: "--rw=\(pattern) --ioengine=psync --bs=4k"),
            Job(name: "\(pattern), O_DIRECT", arguments: "--rw=\(pattern) --ioengine=psync --bs=16k --direct=1"),
            Job(name: "\(pattern), mapped", arguments: "--rw=\(pattern) --ioengine=mmap --bs=4k"),
            Job(name: "\(pattern), asynchronous O_DIRECT", arguments: "--rw=\(pattern) --ioengine=libaio --iodepth=8 --bs=8k --direct=1"),
        ]
    }

    @Test(arguments: jobs) func verified(_ job: Job) throws {
        let place = try MirrorMount()
        defer { place.end() }
        let output = try succeed(
            """
            fio --name=job --directory=. --size=8m --numjobs=4 --group_reporting --verify=crc32c --verify_fatal=1 \
                --do_verify=1 --fallocate=none \(job.arguments)
            """, in: place.mirror, seconds: 240)
        #expect(output.contains("err= 0"))
        #expect(place.requests(.read) == 0)
        #expect(place.requests(.write) == 0)
        #expect(place.requests(.open) + place.requests(.create) > 0)
    }
}
