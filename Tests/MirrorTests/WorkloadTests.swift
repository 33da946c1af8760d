// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import PassthroughFS
import Testing

/// What people do with files all day, natively and on a mirror: the results must be the same.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(10)))
struct WorkloadTests {
    /// Makes a tree of 3,000 files in 150 directories, with links, modes and times, below the working directory.
    static let makeTree = """
        awk 'BEGIN {
            srand(7)
            for (d = 0; d < 150; d++) {
                dir = "tree/" int(d / 25) "/dir-" d
                system("mkdir -p " dir)
                for (f = 0; f < 20; f++) {
                    name = dir "/file " f ".txt"
                    lines = int(rand() * 120)
                    for (l = 0; l < lines; l++) printf "line %d of %s, %d\\n", l, name, rand() * 1000000 > name
                    if (!lines) printf "" > name
                    close(name)
                }
            }
        }'
        chmod 755 tree/*/dir-1*/*1.txt
        chmod 600 tree/*/dir-2*/*2.txt
        chmod 2750 tree/0/dir-3
        ln -s "file 1.txt" tree/0/dir-1/link
        ln -s /nowhere tree/0/dir-1/dangling
        ln "tree/0/dir-2/file 3.txt" tree/0/dir-4/hard
        mkfifo tree/0/dir-5/fifo
        find tree -exec touch -h -d "2001-02-03 04:05:06.789012345" {} +
        """

    /// Everything that `find` can tell of a tree (sizes of directories are the filesystem's own affair), and a sum of its
    /// content.
    static let describe = """
        find tree -type d -printf '%P %y %m %U %G %T@\\n' | sort
        find tree ! -type d -printf '%P %y %m %n %s %U %G %l %T@\\n' | sort
        find tree -type f -print0 | sort -z | xargs -0 sha256sum
        """

    @Test func `untar, compare, search, copy and remove`() throws {
        let place = try MirrorMount(seconds: 540)
        defer { place.end() }
        try succeed(Self.makeTree + "\ntar --format=posix -cf ../tree.tar tree", in: place.native)

        try succeed("tar xf ../tree.tar", in: place.mirror)
        let native = try succeed(Self.describe, in: place.native)
        #expect(native.count > 100_000, "the tree is as large as it should be")
        #expect(try succeed(Self.describe, in: place.mirror) == native)
        #expect(try succeed(Self.describe, in: place.source) == native)
        try succeed("diff -r --no-dereference -x fifo source/tree mirror/tree", in: place.root)
        try succeed("diff -r --no-dereference -x fifo native/tree mirror/tree", in: place.root)

        let search = "grep -r --devices=skip 'line 77 ' tree | sort"
        let found = try succeed(search, in: place.native)
        #expect(!found.isEmpty)
        #expect(try succeed(search, in: place.mirror) == found)

        try succeed("cp -a tree copy && rm -rf tree && mv copy tree", in: place.mirror, seconds: 120)
        #expect(try succeed(Self.describe, in: place.mirror) == native)
        try succeed("rm -rf tree && test -z \"$(ls -A)\"", in: place.mirror, seconds: 120)
        try succeed("test -z \"$(ls -A)\"", in: place.source)
        #expect(place.requests(.read) == 0)
        #expect(place.requests(.write) == 0)
    }

    @Test(arguments: PassthroughOptions.Appends.allCases)
    func `git: init, add, commit, status, clone, gc, fsck`(_ appends: PassthroughOptions.Appends) throws {
        let place = try MirrorMount(appends: appends, seconds: 540)
        defer { place.end() }
        let work = """
            git init -q -b main repository && cd repository
            cp -a ../../tree/tree . && rm tree/0/dir-5/fifo
            git add -A && git commit -q -m all
            git status --porcelain
            git rev-parse 'HEAD^{tree}' HEAD
            cd .. && git clone -q repository clone && cd clone
            git fsck --full 2>&1
            echo more >> "tree/1/dir-30/file 3.txt" && git mv tree/0 moved && git commit -q -a -m more
            git gc -q && git fsck --full 2>&1
            git rev-parse 'HEAD^{tree}' HEAD && git status --porcelain && git log --stat --oneline -1 | tail -n 1
            """
        try succeed("mkdir ../tree && cd ../tree\n" + Self.makeTree, in: place.native)
        let native = try succeed(work, in: place.native, seconds: 120)
        #expect(native.split(separator: "\n").count >= 5)
        #expect(try succeed(work, in: place.mirror, seconds: 180) == native)
        try succeed("git -C source/clone fsck --full && git -C source/clone status --porcelain", in: place.root)
        #expect(place.requests(.read) == 0)
        // Its logs of references are appended to, a line each time.
        #expect(appends == .kernel ? place.requests(.write) == 0 : 1...20 ~= place.requests(.write))
    }

    @Test func `a C program is compiled, linked and run`() throws {
        let place = try MirrorMount(seconds: 540)
        defer { place.end() }
        let work = """
            for i in 1 2 3 4 5 6 7 8; do
                printf '#include <stdio.h>\\nint part%d(void) { return printf("part %d\\\\n"); }\\n' $i $i > part$i.c
            done
            { printf 'int main(void) { int n = 0;\\n'
              for i in 1 2 3 4 5 6 7 8; do printf '{ int part%d(void); n += part%d(); }\\n' $i $i; done
              printf 'return n != 56; }\\n'; } > main.c
            for f in *.c; do gcc -O1 -g -c $f & done; wait
            ar rcs libparts.a part?.o && gcc -o program main.o -L. -lparts && ./program
            gcc -shared -fPIC -o libparts.so part?.c && gcc -o shared main.c -L. -l:libparts.so -Wl,-rpath,'$ORIGIN' && ./shared
            """
        let native = try succeed(work, in: place.native)
        #expect(native.contains("part 8"))
        #expect(try succeed(work, in: place.mirror) == native)
        #expect(place.requests(.read) == 0)
        #expect(place.requests(.write) == 0)
    }
}
