// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// Options that save requests and give something up: what they save, and where they are refused.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(5)))
struct LeverTests {
    private func run(_ options: String, _ script: String) throws -> String {
        var output = ""
        try CommandTests.withDirectory { place in
            let script = CommandTests.mounted("\(options) source mount", then: """
                trap 'kill $server' EXIT
                \(script)
                "$COMMAND" stats --json mount > stats
                for name in GETATTR GETXATTR LISTXATTR; do
                    echo $name $(grep -o "\\"$name\\":[0-9]*" stats | cut -d : -f 2)
                done
                """)
            let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
            #expect(result.status == 0, "\(result.output)")
            output = result.output
        }
        return output
    }

    private func count(_ name: String, _ output: String) -> Int {
        output.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0
    }

    /// Twenty files are written. Each asks for capabilities, and for the directory's attributes before the next one.
    private static let work = "for i in $(seq 20); do echo text > mount/sub/f$i; done"

    @Test func `without extended attributes the kernel asks for none`() throws {
        let usual = try run("--cache always", Self.work)
        #expect(count("GETXATTR", usual) >= 20)
        let without = try run("--cache always --xattrs off", Self.work + "; getfattr -n user.a mount/file 2>&1 | grep -c 'not supported'")
        // The first one, which is answered so that no other comes.
        #expect(count("GETXATTR", without) == 1)
        #expect(without.hasPrefix("1\n"))
    }

    @Test func `where the source checks, the mount asks for no attributes to check`() throws {
        let usual = try run("--cache always", Self.work)
        let source = try run("--cache always --permissions source", Self.work)
        #expect(count("GETATTR", usual) >= count("GETATTR", source) + 18)
    }

    /// The mounting user alone can come, and is let do what the source lets it do.
    @Test func `others cannot come to a mount that the source checks`() throws {
        let output = try run(
            "--permissions source", "chmod 700 source/sub; touch source/sub/secret; cat mount/sub/secret; setpriv --reuid 4001 --clear-groups ls mount 2>&1 | grep -c denied")
        #expect(output.hasPrefix("1\n"))
    }

    @Test(arguments: [
        ("--xattrs off -o allow_other", "access control lists would not hold"),
        ("--permissions source -o allow_other", "nobody would check"),
        ("--permissions source --id-mapped", "the kernel has to check"),
        ("-o permissions=source,allow_other", "nobody would check"),
    ])
    func `refused where it would let others do too much`(_ options: String, _ reason: String) throws {
        try CommandTests.withDirectory { place in
            let result = try shell(
                "! \"$COMMAND\" mount \(options) source mount 2>&1 && ! grep -q \" $PWD/mount \" /proc/mounts", in: place,
                environment: ["COMMAND": CommandTests.command])
            #expect(result.status == 0)
            #expect(result.output.contains(reason), "\(result.output)")
        }
    }

    /// A list that gives the file's group less than its mode shows: without it the group would get what the mode shows.
    @Test func `an access control list holds as long as extended attributes are served`() throws {
        let script = """
            touch source/f; chmod 660 source/f; chgrp 4001 source/f; chmod 755 .; setfacl -m g::---,u:4002:rw source/f
            setpriv --reuid 4001 --regid 4001 --clear-groups cat mount/f 2>&1 | grep -c denied
            """
        #expect(try run("-o allow_other", script).hasPrefix("1\n"))
    }
}
