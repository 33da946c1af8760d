// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// What `mount --debug` writes.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(10)))
struct DebugTests {
    private func trace(_ arguments: String, _ script: String) throws -> [String] {
        var lines: [String] = []
        try CommandTests.withDirectory { place in
            let script = CommandTests.mounted(
                "\(arguments) --log trace source mount", then: "\(script); \"$COMMAND\" unmount mount; wait $server; cat trace")
            let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
            #expect(result.status == 0, "\(result.output)")
            lines = result.output.components(separatedBy: "\n")
        }
        return lines
    }

    @Test func `each request and each reply has a line`() throws {
        let lines = try trace("--debug", "cat mount/file; stat mount/missing 2>/dev/null || true; echo more >mount/new")
        func line(_ pattern: String) throws -> String? {
            let pattern = try Regex(pattern)
            return lines.first { $0.firstMatch(of: pattern) != nil }
        }
        #expect(try line("> [0-9]+ INIT major=7 .*flags=.*PASSTHROUGH") != nil)
        #expect(try line("< [0-9]+ INIT us=[0-9]+ major=7 .*max_stack_depth=1") != nil)
        #expect(try line(#"> [0-9]+ LOOKUP nodeid=1 name="file" uid=0 gid=0 pid=[0-9]+$"#) != nil)
        #expect(try line("< [0-9]+ LOOKUP us=[0-9]+ nodeid=[0-9]+ .* mode=01006[46][46] .* size=8 ") != nil)
        #expect(try line("! BACKING_OPEN us=[0-9]+ fd=[0-9]+ backing_id=[0-9]+$") != nil)
        #expect(try line("< [0-9]+ OPEN us=[0-9]+ fh=[0-9]+ open_flags=.*PASSTHROUGH backing_id=[0-9]+$") != nil)
        #expect(try line(#"> [0-9]+ CREATE nodeid=1 name="new" flags=O_WRONLY\|.*O_CREAT"#) != nil)
        // Each request that is answered has its answer, by the same number.
        func numbers(_ mark: String) -> Set<UInt64> {
            let unanswered = ["FORGET", "BATCH_FORGET", "INTERRUPT", "DESTROY"]
            var found: Set<UInt64> = []
            for line in lines {
                let words = line.components(separatedBy: " ")
                guard let start = words.firstIndex(of: mark), start + 2 < words.count, !unanswered.contains(words[start + 2]) else { continue }
                if let number = UInt64(words[start + 1]) { found.insert(number) }
            }
            return found
        }
        #expect(numbers(">").count > 5)
        #expect(numbers(">") == numbers("<"))
    }

    @Test func `without it there is none`() throws {
        let lines = try trace("--verbose", "cat mount/file")
        #expect(!lines.contains { $0.contains("LOOKUP nodeid") })
        #expect(lines.contains { $0.contains("is mounted: protocol 7.") })
    }
}
