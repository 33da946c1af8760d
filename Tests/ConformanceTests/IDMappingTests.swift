// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import PassthroughFS
import Testing

/// Whose things are, through a mount with other ids of a mirror and of a native directory.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(5)))
struct IDMappingTests {
    /// 10000 and 10001 on the mount are 0 and 1 in the source, 15000 is 5000. Root is nobody there.
    private static let map = "0 10000 10,5000 15000 100"

    private static let script = """
        # Each line is what was done, and what came of it.
        try() { echo "$*: $("$@" 2>&1 > /dev/null | sed 's/.*: //') $?"; }
        as() { id=$1; shift; setpriv --reuid $id --regid $id --clear-groups "$@"; }
        cd mapped/top
        for id in 10000 10001 15000; do
            mkdir -m 777 d$id 2> /dev/null || true
            as $id sh -c "umask 022; : > f$id; mkdir m$id; ln -s x l$id; mkfifo p$id; ln f$id h$id; printf text > f$id; chmod 4755 h$id"
            as $id python3 -c 'import os, sys; os.umask(0); os.close(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o6755))' s$id
        done
        try as 15000 sh -c ": >> f10000"
        try as 10000 sh -c ": >> f15000"
        try as 15000 chmod 600 f10000
        try as 15000 chown 15001 f15000
        try setpriv --reuid 15000 --regid 15000 --groups 15002 chgrp 15002 f15000
        try setpriv --reuid 15000 --regid 15000 --groups 15002 chgrp 15003 f15000
        try mknod device c 1 3
        try touch root
        try chown 15004:15005 p15000
        try chown 77:77 p10000
        # Set-group-id directories, and a group that the maker is in besides.
        as 15000 mkdir -m 2777 g; chown 15000:15006 g; chmod 2777 g
        setpriv --reuid 10001 --regid 10001 --groups 15006 sh -c "umask 0; : > g/f; mkdir g/d; : > g/x; chmod 2755 g/x"
        as 15000 sh -c "umask 0; : > g/other; chmod 2755 g/other"
        as 15000 setfacl -m u:15007:rwx,g:15008:r m15000
        try as 15007 touch m15000/a
        try as 15009 touch m15000/b
        as 15000 setfacl -d -m u:15007:rwx m15000
        as 15000 touch m15000/c
        as 15007 getfacl -np m15000 m15000/c
        rm -f h10001
        find . -printf '%p %y %U %G %m %s\n' | sort
        """

    @Test(arguments: PassthroughOptions.Cache.allCases, [true, false])
    func `owners are as natively`(_ cache: PassthroughOptions.Cache, _ passesThrough: Bool) throws {
        let place = try ConformanceTests.Manner(cache: cache, passthrough: passesThrough ? .require : .off, idMapped: true).mount()
        defer { place.end() }
        defer { _ = try? shell("umount mapped", in: place.root) }
        try succeed("chmod 755 .; mkdir mapped; mkdir -m 777 source/top native/top", in: place.root)
        let run = { (directory: String, real: String) throws -> String in
            try place.mapIDs(directory, at: "mapped", Self.map)
            let result = try shell(Self.script, in: place.root)
            #expect(result.status == 0, "\(result.output)")
            // And whose they are without the mapping.
            let owners = try succeed("umount mapped; cd \(real)/top; find . -printf '%p %y %U %G %m %s\n' | sort; getfacl -np m15000", in: place.root)
            return result.output + owners
        }
        let native = try run("native", "native")
        #expect(native.contains("./f10000 f 0 0 4755 4\n"))
        #expect(native.contains("./s10000 f 10000 10000 6755 0\n"))
        let mirrored = try run("mirror", "source")
        #expect(mirrored == native)
    }
}
