// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import Logging
import MountSupport
import Testing

@testable import PassthroughCommand

/// Mount options as other FUSE filesystems, `mount(8)` and `/etc/fstab` have them.
@Suite struct MountOptionTests {
    private static func request(_ list: String) throws -> MountRequest {
        var request = MountRequest(MountOptions(logger: Logger(label: "test")))
        try MountOptionList(argument: list).apply(to: &request)
        return request
    }

    /// What changes nothing is taken, and kept to be told; all else stays as it was.
    @Test(arguments: [
        "nonempty", "big_writes", "use_ino", "readdir_ino", "hard_remove", "splice_read", "splice_write", "splice_move", "no_splice_read",
        "no_splice_write", "no_splice_move", "kernel_cache", "auto_cache", "max_read=131072", "max_write=65536", "async_read", "sync_read",
        "atomic_o_trunc", "intr", "intr_signal=10", "congestion_threshold=9", "negative_timeout=1", "attr_timeout=1.0", "entry_timeout=1",
        "writeback_cache", "clone_fd", "no_remote_lock", "mand", "auto_unmount",
    ]) func `words that change nothing`(_ word: String) throws {
        let request = try Self.request("ro,\(word)")
        #expect(Array(request.idleWords.keys) == [word])
        #expect(request.options.readOnly && request.options.session.maxBackground == MountOptions().session.maxBackground)
        var told: [String] = []
        request.tellOfIdleWords { told.append($0) }
        #expect(told.count == 1 && told[0].hasPrefix("mount option \(word) changes nothing: "), "\(told)")
    }

    /// Those that speak to others are nothing to tell of.
    @Test(arguments: [
        "defaults", "noauto", "nofail", "_netdev", "user", "users", "owner", "group", "user=somebody", "comment=hello", "x-systemd.automount",
        "x-systemd.requires=/srv", "X-other", "uhelper=one",
    ]) func `words that speak to others`(_ word: String) throws {
        #expect(try Self.request(word).idleWords.isEmpty)
    }

    @Test func `a word that is followed`() throws {
        #expect(try Self.request("max_background=7").options.session.maxBackground == 7)
    }

    @Test(arguments: [
        ("attr_timeout=0", "--cache"), ("entry_timeout=60", "--cache"), ("negative_timeout=0", "--cache"), ("ac_attr_timeout=3", "--cache"),
        ("noauto_cache", "cache=none"), ("direct_io", "cache=none"), ("noforget", "--remember"), ("remember=60", "--remember"),
        ("allow_root", "allow_other"), ("uid=1000", "in the source"), ("umask=022", "in the source"),
        ("X-mount.mkdir", "mount -t fuse.passthroughfs"), ("X-mount.mkdir=700", "mount -t fuse.passthroughfs"),
        ("X-mount.owner=me", "mount -t fuse.passthroughfs"), ("X-mount.mode=700", "mount -t fuse.passthroughfs"),
        ("X-mount.subdir=a", "mount -t fuse.passthroughfs"), ("X-mount.idmap=b:0:1:1", "in the source"), ("max_background=0", "from 1 to 65535"),
    ]) func `words that would not hold are refused, with what to say instead`(_ word: String, _ remedy: String) {
        do {
            _ = try Self.request("ro,\(word)")
            Issue.record("taken: \(word)")
        } catch {
            #expect("\(error)".hasPrefix("mount option '\(word.hasPrefix("max") ? "max_background" : word)'") && "\(error)".contains(remedy), "\(error)")
        }
    }

    /// Commas within quotes are a label's. Without SELinux there is nothing to label for, as `mount(8)` has it.
    @Test(arguments: ["context", "fscontext", "defcontext", "rootcontext"]) func `labels of SELinux`(_ name: String) throws {
        let words = OptionWords.split("ro,\(name)=\"system_u:object_r:tmp_t:s0:c1,c2\",noexec")
        #expect(words == ["ro", "\(name)=\"system_u:object_r:tmp_t:s0:c1,c2\"", "noexec"])
        var request = MountRequest(MountOptions(logger: Logger(label: "test")))
        try ForeignOption.change(for: words[1], hasSELinux: true)?(&request)
        #expect(request.options.securityLabels == [name: "system_u:object_r:tmp_t:s0:c1,c2"])
        #expect(request.idleWords.isEmpty)
        var other = MountRequest(MountOptions(logger: Logger(label: "test")))
        try ForeignOption.change(for: words[1], hasSELinux: false)?(&other)
        #expect(other.options.securityLabels.isEmpty)
        #expect(other.idleWords.values.first == "this machine runs no SELinux")
    }

    @Test(arguments: [
        (["a", "b", "-o", "ro,cache=none,nofail"], ["a", "b", "-o", "ro,nofail", "--cache=none"]),
        (["mount", "-o", "cache=none,max_threads=7,log=/var/log/a"], ["mount", "--cache=none", "--max-threads=7", "--log=/var/log/a"]),
        (["-oro,security-contexts", "a", "b"], ["-o", "ro", "--security-contexts", "a", "b"]),
        (["-o", "remember=5,remount"], ["-o", "remember=5,remount"]),
        (["--cache", "auto", "--", "-o", "cache=none"], ["--cache", "auto", "--", "-o", "cache=none"]),
        (["stats", "-o"], ["stats", "-o"]), (["-o", ""], ["-o", ""]), (["-o", "-o", "a"], ["-o", "-o", "a"]),
    ]) func `the command's own options as mount options`(_ arguments: [String], _ expanded: [String]) {
        #expect(OptionWords.expanded(arguments) == expanded)
    }
}

extension CommandTests {
    /// A line of `/etc/fstab` as it may be there for another mirror.
    struct Fstab {
        @Test func `a line of another mirror's works, and -v tells what of it changes nothing`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    unshare -m sh -ec '
                        mount -t tmpfs bin /usr/local/bin; cp "$COMMAND" /usr/local/bin/passthroughfs; mount -t tmpfs log /var/log
                        echo "$PWD/source $PWD/mount fuse.passthroughfs cache=none,transport=dev,threads=3,nonempty,max_read=4096,context=a_t,comment=x,X-mount.mkdir,x-systemd.automount,nofail,_netdev,user,noauto,verbose 0 0" > fstab
                        mount -T fstab $PWD/mount 2>&1 | grep "changes nothing"
                        grep -o "$PWD/mount fuse.passthroughfs [^ ]*" /proc/mounts | cut -d " " -f 3
                        "$COMMAND" stats mount | grep -o "3 threads"; umount mount'
                    """, in: place)
                #expect(
                    result.output == """
                        passthroughfs: mount option max_read=4096 changes nothing: requests are as large as the kernel makes them
                        passthroughfs: mount option nonempty changes nothing: a directory that is mounted on may hold what it likes
                        rw,nosuid,nodev,noexec,relatime,user_id=0,group_id=0,default_permissions
                        3 threads

                        """)
                #expect(result.status == 0)
            }
        }
    }
}
