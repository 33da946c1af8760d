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
        // It takes the semaphore 0, the first since the system was started, for none. So it gets another one.
        let output = try succeed("exec unshare --ipc sh -ec 'ipcmk -S 1; exec dbench -t 4 -D . 4'", in: place.mirror)
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
            """, in: place.mirror, seconds: 240)
        #expect(output.contains("err= 0"))
    }

    /// The stressors of `stress-ng` that work with files, all at once: its class `filesystem` less what is about other
    /// filesystems than the one that it works on (`binderfs`, `bind-mount`, `procfs`; `fanotify` opens what is used anywhere on the
    /// machine) or none (`ioprio`), and some that use files in other ways. Those that pass natively must pass here.
    ///
    /// `io` and `iomix` open every mount that they find, and would keep those of other tests busy: they get a namespace of their
    /// own, in which these are gone.
    @Test(.enabled(if: Machine.has("stress-ng") || Machine.isContinuousIntegration, "stress-ng is not installed"))
    func `stress-ng`() throws {
        let stressors = [
            "access", "chattr", "chdir", "chmod", "chown", "copy-file", "dentry", "dir", "dirdeep", "dirmany", "dnotify", "dup",
            "eventfd", "fallocate", "fcntl", "fiemap", "file-ioctl", "filename", "flock", "fpunch", "fsize", "fstat",
            "getdent", "handle", "hdd", "inode-flags", "inotify", "io", "iomix", "lease", "link", "locka", "lockf", "lockofd",
            "mknod", "open", "rename", "symlink", "sync-file", "touch", "utime", "verity", "xattr",
            "aio", "aiol", "io-uring", "msync", "readahead", "revio", "seek", "sendfile", "splice", "tee",
        ]
        let all = stressors.map { "--\($0) 1" }.joined(separator: " ")
        let command = """
            exec unshare --mount --propagation private sh -c '
                awk "\\$3 ~ /^fuse/ {print \\$2}" /proc/self/mounts | while read -r target; do
                    [ "$(readlink -f .)" = "$target" ] || umount -l "$target" 2>/dev/null
                done
                exec stress-ng \(all) --timeout 8 --verify --temp-path . --hdd-bytes 8m --iomix-bytes 8m --fallocate-bytes 8m --seek-punch 2>&1'
            """
        let place = try MirrorMount(seconds: 540)
        defer { place.end() }
        let native = try shell(command, in: place.native, seconds: 150)
        let mirrored = try shell(command, in: place.mirror, seconds: 150)
        let failing = { (output: String) in
            // "stress-ng: fail:  [4711] xattr: ..."
            Set(output.split(separator: "\n").filter { $0.contains(" fail:") }.compactMap { $0.split(separator: "]").last?.split(separator: ":").first.map { String($0) } })
        }
        let timedOut: Int32 = 124
        #expect(native.status != timedOut)
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
            # Who finds the database in use waits: the writer starts, and brings the log in order, while others read.
            ask() { sqlite3 -cmd '.timeout 60000' db "$1"; }
            ask 'PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT)'
            for round in 1 2 3 4; do
                rm -f ../committed
                # Each line that comes out is of a transaction that was committed.
                awk -v first=$((round * 1000000)) 'BEGIN { for (n = first; n < first + 200000; n++)
                    printf "INSERT INTO t VALUES (%d, hex(randomblob(200)));\\nSELECT %d;\\n", n, n }' |
                    sqlite3 -cmd '.timeout 60000' db > ../committed 2> ../errors &
                writer=$!
                until test -s ../committed; do kill -0 $writer; done
                tries=0; while test $tries -lt $((round * 10)); do tries=$((tries + 1)); ask 'SELECT count(*) FROM t' > ../count; done
                kill -9 $writer; { wait $writer || true; } 2> ../errors
                last=$(grep -c . ../committed)
                found=$(ask "SELECT count(*) FROM t WHERE n >= $((round * 1000000))")
                # The last line may have been cut short.
                test $found -ge $((last - 1))
                ask 'PRAGMA integrity_check; PRAGMA wal_checkpoint(TRUNCATE)' | head -n 1
            done
            """, in: place.mirror, seconds: 240)
        #expect(output == "wal\n" + String(repeating: "ok\n", count: 4))
    }
}
