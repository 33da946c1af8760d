// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import PassthroughFS
import Testing

/// Nothing escapes the source, whatever is moved and replaced in it meanwhile.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(5)))
struct EscapeTests {
    @Test(arguments: PassthroughOptions.Cache.allCases)
    func `links that take the place of directories lead nowhere`(_ cache: PassthroughOptions.Cache) throws {
        let place = try MirrorMount(cache: cache)
        defer { place.end() }
        try succeed(
            """
            mkdir -p a/dir a/other a/deep/er outside
            printf inside | tee a/dir/marker > a/other/marker
            mv outside ../outside && printf outside > ../outside/marker && printf outside > ../marker
            ln -s ../../outside a/link && ln -s ../.. a/up
            """, in: place.source)
        let result = try shell(
            "exec \"$PROGRAM\" --escape \"$PWD/mirror\" \"$PWD/source\" 2000", in: place.root, seconds: 120,
            environment: ["PROGRAM": builtProgram("conformance")])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output == "ends [0, 0, 0, 0, 0]\n")
        #expect(try succeed("ls outside; ls", in: place.root) == "marker\nmarker\nmirror\nnative\noutside\nsource\n")
        #expect(try succeed("ls source/a/*/made-* source/a/made-* 2>/dev/null | wc -l || true", in: place.root) != "0\n")
    }
}
