// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// Locks on the source, and what those see who get one: what the last holder left, whoever it was.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(10)))
struct SharedLockTests {
    static let manners = ["auto", "always", "none"].flatMap { cache in ["auto", "off"].map { "--cache \(cache) --passthrough \($0)" } }

    private func run(_ options: String, then script: String) throws -> ShellResult {
        var result: ShellResult?
        try CommandTests.withDirectory { place in
            // What goes wrong ends the server, too.
            let script = "trap 'umount -l mount 2> /dev/null || true' EXIT\n"
                + CommandTests.mounted("\(options) --locks source source mount", then: script + "\numount mount; wait $server")
            result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
        }
        return try #require(result)
    }

    @Test(arguments: manners) func `who gets a lock sees what the last holder left`(_ options: String) throws {
        let result = try run(
            options,
            then: """
                printf 1234 > source/f; echo journal > source/journal; mkdir source/d
                exec 3<> mount/f
                stat -c %s mount/f; cat mount/f mount/journal; ls mount/d; ls mount/absent 2> /dev/null || true
                flock source/f sh -c 'printf 5678 >> source/f; rm source/journal; echo x > source/d/x; echo made > source/absent'
                flock 3; stat -c %s mount/f; cat /proc/self/fd/3; cat mount/f mount/journal 2>&1 || true
                ls mount/d; cat mount/absent
                exec 3>&-
                """)
        #expect(
            result.output
                == "4\n1234journal\n8\n1234567812345678cat: mount/journal: No such file or directory\nx\nmade\n")
        #expect(result.status == 0)
    }

    /// Two on each side, in rollback mode: each transaction makes and removes a journal.
    @Test(arguments: manners) func `a database that is used from both sides`(_ options: String) throws {
        let result = try run(
            options,
            then: """
                sqlite3 source/d 'CREATE TABLE t(n); INSERT INTO t VALUES(0); CREATE TABLE l(writer, text)'
                writers=
                for side in source mount; do
                    for writer in 1 2; do
                        for round in $(seq 25); do
                            echo "BEGIN IMMEDIATE; UPDATE t SET n = n + 1; INSERT INTO l VALUES('$side$writer', hex(randomblob(700))); COMMIT;"
                            echo "SELECT count(*) FROM l;"
                            echo ".shell sleep 0.00$writer"
                        done | sqlite3 -cmd '.timeout 200000' $side/d > $side$writer & writers="$writers $!"
                    done
                done
                wait $writers
                sqlite3 source/d 'PRAGMA integrity_check; SELECT n FROM t; SELECT count(*) FROM l'
                sqlite3 mount/d 'PRAGMA integrity_check; SELECT n FROM t; SELECT writer, count(*) FROM l GROUP BY writer'
                """)
        #expect(result.output == "ok\n100\n100\nok\n100\nmount1|25\nmount2|25\nsource1|25\nsource2|25\n")
        #expect(result.status == 0)
    }
}
