// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import MountSupport
import Testing

/// Programs that are known to find what is wrong with a filesystem, for a bounded time each.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(10)))
struct ToolTests {
    @Test(.enabled(if: Machine.has("dbench") || Machine.isContinuousIntegration, "dbench is not installed"))
    func `dbench`() throws {
        let place = try MirrorMount()
        defer { place.end() }
        let output = try succeed("dbench -t 4 -D . 4", in: place.mirror)
        #expect(output.contains("Throughput"))
        let complaints = output.split(separator: "\n").filter { $0.contains("ERROR") || $0.contains("failed") }
        #expect(complaints.isEmpty)
    }

    /// Overlapping random reads and writes of changing sizes, each verified: what fsx does.
    @Test(
        .enabled(if: Machine.has("fio") || Machine.isContinuousIntegration, "fio is not installed"),
        arguments: [SessionOptions.Passthrough.require, .off])
    func `fio: random and verified`(_ passthrough: SessionOptions.Passthrough) throws {
        let place = try MirrorMount(passthrough: passthrough)
        defer { place.end() }
        let output = try succeed(
            """
            fio --name=job --directory=. --size=4m --numjobs=3 --group_reporting --rw=randrw --bsrange=512-64k --bs_unaligned \
                --ioengine=psync --verify=crc32c --verify_fatal=1 --verify_backlog=64 --norandommap --serialize_overlap=1 \
                --fallocate=none --fsync=64 --randseed=7
            """, in: place.mirror, seconds: 120)
        #expect(output.contains("err= 0"))
    }

    /// The stressors of `stress-ng` that work with files, all at once. Those that pass natively must pass here.
    @Test(.enabled(if: Machine.has("stress-ng") || Machine.isContinuousIntegration, "stress-ng is not installed"))
    func `stress-ng`() throws {
        let stressors = [
            "access", "chdir", "chmod", "chown", "dentry", "dir", "dirdeep", "dirmany", "dup", "eventfd", "fallocate", "fcntl",
            "file-ioctl", "filename", "flock", "fpunch", "fstat", "getdent", "hdd", "iomix", "link", "locka", "lockf", "lockofd",
            "mknod", "open", "rename", "seek", "sendfile", "symlink", "sync-file", "touch", "utime", "xattr",
        ]
        let all = stressors.map { "--\($0) 1" }.joined(separator: " ")
        let command = "stress-ng \(all) --timeout 6 --verify --temp-path . --hdd-bytes 8m --iomix-bytes 8m --fallocate-bytes 8m --seek-punch 2>&1"
        let place = try MirrorMount()
        defer { place.end() }
        let native = try shell(command, in: place.native, seconds: 90)
        let mirrored = try shell(command, in: place.mirror, seconds: 90)
        let failing = { (output: String) in
            // "stress-ng: fail:  [4711] xattr: ..."
            Set(output.split(separator: "\n").filter { $0.contains(" fail:") }.compactMap { $0.split(separator: "]").last?.split(separator: ":").first.map { String($0) } })
        }
        #expect(native.output.contains("dispatching hogs"))
        #expect(mirrored.output.contains("dispatching hogs"))
        #expect(failing(mirrored.output).subtracting(failing(native.output)).isEmpty, "\(mirrored.output)")
        #expect(mirrored.status == 0 || native.status != 0, "\(mirrored.output)")
    }

    /// A database whose writer is killed, again and again: nothing that was committed may be missing.
    @Test(
        .enabled(if: Machine.has("sqlite3") || Machine.isContinuousIntegration, "sqlite3 is not installed"),
        arguments: [SessionOptions.Passthrough.require, .off])
    func `sqlite: a killed writer`(_ passthrough: SessionOptions.Passthrough) throws {
        let place = try MirrorMount(passthrough: passthrough)
        defer { place.end() }
        let output = try succeed(
            """
            sqlite3 db 'PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)'
            for round in 1 2 3 4; do
                # Each line that comes out is of a transaction that was committed.
                awk -v first=$((round * 100000)) 'BEGIN { for (n = first; n < first + 20000; n++)
                    printf "INSERT INTO t VALUES (%d, hex(randomblob(200)));\\nSELECT %d;\\n", n, n }' |
                    sqlite3 db > ../committed 2> ../errors &
                writer=$!
                until test -s ../committed; do kill -0 $writer; done
                tries=0; while test $tries -lt $((round * 10)); do tries=$((tries + 1)); sqlite3 db 'SELECT count(*) FROM t' > ../count; done
                kill -9 $writer; { wait $writer || true; } 2> ../errors
                last=$(grep -c . ../committed)
                found=$(sqlite3 db "SELECT count(*) FROM t WHERE n >= $((round * 100000))")
                # The last line may have been cut short.
                test $found -ge $((last - 1))
                sqlite3 db 'PRAGMA integrity_check; PRAGMA wal_checkpoint(TRUNCATE)' | head -n 1
            done
            """, in: place.mirror, seconds: 120)
        #expect(output == "wal\n" + String(repeating: "ok\n", count: 4))
    }
}
