// SPDX-License-Identifier: MIT

import Foundation
import Glibc
import MountSupport
import Testing

extension CommandTests {
    /// Files that are registered with the running kernel, and stay so for a while after the last close.
    struct Backings {
        static let scripts = ReadmeTests.root.appendingPathComponent("Scripts").path

        /// A mount over a tmpfs of 16 MiB. Functions for the rest of the script: `number NAME` of the stats, which `is` so
        /// much, `holds` until a condition does, `forgotten` where that takes the kernel to forget the files (a remount drops
        /// what it knows of the mount), `free` space of the source in KiB. The server may hear of a close only after it has
        /// returned.
        static func onTmpfs(_ arguments: String = "", then script: String) -> String {
            """
            trap 'umount -l mount source 2>/dev/null || true' EXIT
            mount -t tmpfs -o size=16m tmpfs source; echo content > source/file
            number() { "$COMMAND" stats --json mount | grep -o "\\"$1\\":[0-9]*" | head -n 1 | cut -d : -f 2; }
            is() { [ "$(number $1)" = $2 ]; }
            holds() { for i in $(seq 600); do if "$@"; then return 0; fi; sleep 0.1; done; echo "in vain: $*"; return 1; }
            forgotten() { mount -i -o remount,rw mount; "$@"; }
            free() { stat -f -c '%a * 4' source | { read n x four; echo $((n * 4)); }; }

            """ + CommandTests.mounted("--cache none \(arguments) source mount", then: script)
        }

        func run(_ script: String, seconds: Int = 240) throws -> ShellResult {
            var result = ShellResult(status: 0, output: "")
            try CommandTests.withDirectory { place in
                result = try shell(script, in: place, seconds: seconds, environment: ["COMMAND": CommandTests.command])
                #expect(try !shell("cat /proc/mounts", in: "/").output.contains(place))
            }
            return result
        }

        @Test func `a warm file is opened without a registration`() throws {
            let place = try MirrorMount()
            defer { place.end() }
            try succeed("for i in $(seq 50); do echo $i > f$i; done; cat f*", in: place.mirror)
            let before = place.mount.statistics.registrations
            #expect(before == 50)
            try succeed("for i in $(seq 10); do cat f*; done; echo more >> f7", in: place.mirror)
            let statistics = place.mount.statistics
            #expect(statistics.registrations == before)
            #expect(statistics.passthroughOpens == 50 + 50 + 500 + 1)
            #expect(statistics.refusals == [:])
            #expect(statistics.backingDialect == .kernel)
            #expect((place.requests(.read), place.requests(.write)) == (0, 0))
        }

        @Test func `what is kept is bounded, by number and by time`() throws {
            let result = try run(
                Self.onTmpfs(
                    "--kept-backings 5",
                    then: """
                        for i in $(seq 20); do echo $i > mount/f$i; done
                        holds is live 5; echo "$(number live) $(number kept) $(number registrations)"
                        holds is live 0; echo "$(number live) $(number kept)"
                        umount mount; wait $server; umount source; echo unmounted
                        """))
            #expect(result.output == "5 5 20\n0 0\nunmounted\n")
        }

        @Test func `0 keeps none`() throws {
            let result = try run(
                Self.onTmpfs(
                    "--kept-backings 0",
                    then: """
                        for i in 1 2 3; do cat mount/file; holds is live 0; done
                        echo "$(number registrations)"; umount mount; wait $server
                        """))
            #expect(result.output == "content\ncontent\ncontent\n3\n")
        }

        @Test func `the unmount takes everything back: the source can be unmounted at once`() throws {
            let result = try run(
                Self.onTmpfs(then: "cat mount/file; holds is kept 1; umount mount; wait $server; umount source; echo unmounted"))
            #expect(result.output == "content\nunmounted\n")
        }

        @Test func `the space of a file comes back when it is removed or replaced`() throws {
            let result = try run(
                Self.onTmpfs(
                    then: """
                        before=$(free)
                        back() { [ $(free) -ge $((before - 64)) ]; }
                        big() { dd if=/dev/zero of=$1 bs=1M count=8 status=none; cat $1 > /dev/null; }
                        big mount/big; if back; then echo "8 MiB take no space"; fi
                        rm mount/big; holds back; echo removed
                        big mount/big; echo small > mount/small; mv mount/small mount/big; holds back; cat mount/big; rm mount/big
                        # The kernel counts a link that others removed, and does not forget the inode by itself.
                        big mount/big; ln mount/big mount/other; rm source/other; rm mount/big
                        # At once, and not by its age.
                        soon() { for i in $(seq 40); do if "$@"; then return 0; fi; sleep 0.1; done; }
                        soon is live 0; echo "registered: $(number live)"; holds forgotten back
                        big mount/big; exec 8< mount/big; rm mount/big; cat mount/file
                        if back; then echo "an open file has no space"; fi
                        dd bs=1M count=8 status=none <&8 | wc -c; exec 8<&-; holds back; echo closed
                        # Of what others remove nobody tells: the registration ends by its age. The mirror's descriptors and the
                        # kernel's inode stay until there is need.
                        big mount/big; rm source/big; gone() { [ $(number live) = 0 ]; }; holds gone
                        holds forgotten back; echo "removed by others"
                        umount mount; wait $server
                        """))
            #expect(result.output == "removed\nsmall\nregistered: 0\ncontent\n8388608\nclosed\nremoved by others\n")
            #expect(result.status == 0)
        }

        /// A kept registration is of an `O_PATH` descriptor: to all others the file is not open.
        @Test func `the source's files can be run and made read-only while they are kept`() throws {
            let result = try run(
                Self.onTmpfs(
                    then: """
                        cp /bin/true mount/program; chmod 755 mount/program; echo more >> mount/program
                        holds is kept 1; source/program && echo ran
                        mount -o remount,ro source && echo read-only
                        echo new > mount/file || true; echo new > mount/other || true
                        cat mount/file; number live; "$COMMAND" stats mount | grep -E "^(passthrough|without)"
                        umount mount; wait $server
                        """))
            #expect(result.output.hasPrefix("ran\nread-only\n"), "\(result.output)")
            // As natively, to what is there and what is not. It is no matter of passthrough, which goes on.
            #expect(result.output.components(separatedBy: ": Read-only file system\n").count == 3, "\(result.output)")
            #expect(result.output.hasSuffix("content\n2\npassthrough        available\npassthrough opens  3\n"), "\(result.output)")
        }

        @Test func `a kept file does not stand against a lease`() throws {
            let place = try MirrorMount()
            defer { place.end() }
            try succeed("echo content > file; cat file", in: place.mirror)
            // The server may hear of the close only after it has returned.
            for _ in 0..<12_000 where place.mount.statistics.keptBackings == 0 { usleep(10_000) }
            #expect(place.mount.statistics.keptBackings == 1)
            let file = unsafe open(place.source + "/file", O_RDWR)
            defer { close(file) }
            // F_SETLEASE of linux/fcntl.h: refused with EAGAIN while anybody else has the file open.
            // A program that another test is just starting has copies of all descriptors of this process until it runs.
            var isGranted = false
            for _ in 0..<1000 where !isGranted {
                isGranted = fcntl(file, 1024, Int32(F_WRLCK)) == 0
                if !isGranted { usleep(10_000) }
            }
            #expect(isGranted, "errno \(errno)")
        }

        @Test func `a running program is busy as natively`() throws {
            let result = try run(
                Self.onTmpfs(
                    then: """
                        cp /bin/sleep mount/sleep; chmod 755 mount/sleep; holds is kept 1; source/sleep 600 & sleeping=$!
                        runs() { [ "$(readlink /proc/$sleeping/exe)" = "$PWD/source/sleep" ]; }; holds runs
                        sh -c 'echo x >> mount/sleep' || true; sh -c 'echo x >> source/sleep' || true
                        "$COMMAND" stats mount | grep -E "^(passthrough|without)"
                        kill $sleeping; wait $sleeping || true; echo x >> mount/sleep && echo written
                        umount mount; wait $server
                        """))
            #expect(result.output.components(separatedBy: "Text file busy").count == 3, "\(result.output)")
            // What was refused was no open, and nothing that passthrough had to do with.
            #expect(result.output.contains("passthrough        available\npassthrough opens  1\n"), "\(result.output)")
            #expect(!result.output.contains("without"), "\(result.output)")
            #expect(result.output.hasSuffix("written\n"))
        }

        @Test func `what others do to a kept file is seen`() throws {
            let result = try run(
                Self.onTmpfs(
                    then: """
                        cat mount/file; holds is kept 1
                        echo longer content >> source/file; cat mount/file; : > source/file; wc -c < mount/file
                        echo another > source/new; mv source/new source/file; cat mount/file
                        rm source/file; cat mount/file 2>&1 || true
                        umount mount; wait $server
                        """))
            #expect(
                result.output
                    == "content\ncontent\nlonger content\n0\nanother\ncat: mount/file: No such file or directory\n")
        }

        @Test func `a file that is stacked too deep is served all the same, and told of`() throws {
            let script = """
                trap 'umount -l mount stacked 2>/dev/null || true' EXIT
                mkdir stacked upper work
                mount -t overlay -o lowerdir=source,upperdir=upper,workdir=work overlay stacked

                """ + CommandTests.mounted(
                    "--stack-depth 1 stacked mount",
                    then: """
                        for i in 1 2 3; do cat mount/file; done; echo new > mount/new; cat stacked/new
                        "$COMMAND" stats mount | grep -E "^(passthrough|without|backing)"
                        umount mount; wait $server
                        """)
            let result = try run(script)
            #expect(result.output.contains("its filesystem is stacked on others, as overlayfs is (a stack depth of 2 may help; or mirror the directory that it is stacked on)"))
            #expect(result.output.contains("content\ncontent\ncontent\nnew\n"))
            #expect(result.output.contains("passthrough          available\n"))
            #expect(result.output.contains("passthrough opens    0\n"))
            #expect(result.output.contains("without passthrough  4: Too many levels of symbolic links\n"), "\(result.output)")
        }

        /// Few files, and everything that can happen to them at once. Afterwards nothing is registered, and nothing open.
        @Test(arguments: ["0", "2", "1024"]) func `churn on a few files`(_ kept: String) throws {
            let result = try run(
                Self.onTmpfs(
                    "--kept-backings \(kept)",
                    then: """
                        files() { find /proc/$server/fd -type l ! -lname /dev/fuse 2> /dev/null | wc -l; }
                        before=$(files); space=$(free)
                        churn() {
                            for i in $(seq 150); do
                                f=mount/f$(( (i * $1) % 5 ))
                                case $(( (i + $1) % 7 )) in
                                0) cat $f ;; 1) echo $i > $f ;; 2) echo $i >> $f ;; 3) rm -f $f ;;
                                4) echo $i > mount/t$1; mv mount/t$1 $f ;; 5) exec 7<> $f; echo $i >&7; exec 7>&- ;; 6) head -c 1 $f; : > $f ;;
                                esac > /dev/null 2>> errors$1 || true
                            done
                        }
                        for job in 1 2 3 4 6 8; do churn $job & jobs="$jobs $!"; done; wait $jobs
                        grep -hv "No such file" errors* | head -n 5
                        "$COMMAND" stats --json mount | grep -o '"fallbacks":[^]]*]'
                        rm -rf mount/f* mount/t*
                        none() { [ "$(number live)" = 0 ] && [ $(free) -ge $((space - 64)) ] && [ $(files) -le $((before + 2)) ]; }
                        holds none && echo nothing left
                        umount mount; wait $server
                        """))
            #expect(result.output == "\"fallbacks\":[]\nnothing left\n")
            #expect(result.status == 0)
        }

        @Test(.enabled(if: Machine.has("fio") || Machine.isContinuousIntegration, "fio is not installed"))
        func `churn on many files, for a while`() throws {
            let result = try run("RUN=${RUN:-15} KEPT=32 \(Self.scripts)/churn \"$COMMAND\" .", seconds: 400)
            #expect(result.status == 0, "\(result.output)")
            #expect(result.output.contains("registered after some seconds"))
        }

        @Test(.enabled(if: Machine.has("fio") || Machine.isContinuousIntegration, "fio is not installed"))
        func `the kernel's own count`() throws {
            let result = try run("FILES=60 OPEN=20 ROUNDS=4 JOBS=2 \(Self.scripts)/trace-churn \"$COMMAND\" .", seconds: 400)
            #expect(result.status == 0, "\(result.output)")
            let rows = result.output.split(separator: "\n").map { $0.split(separator: " ") }
            // kept, opens, registrations per open, and what is taken back.
            let none = try #require(rows.first { $0.first == "0" && $0.count > 5 }, "\(result.output)")
            #expect(none[1] == "480", "\(result.output)")
            // A file that is opened again before the server has heard of its last close is registered still.
            for share in none[2...3] { #expect(try 0.9...1.1 ~= #require(Double(share)), "\(result.output)") }
            #expect(try #require(rows.first { $0.first == "120" && $0.count > 5 })[1...3] == ["480", "0.000", "0.000"], "\(result.output)")
            #expect(try shell("ls /sys/kernel/tracing/instances 2>/dev/null | grep passthroughfs || true", in: "/").output == "")
        }
    }
}
