// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Foundation
import MountSupport
import PassthroughFS
import Testing

/// Listings that the kernel keeps are those of the source, whatever others do there: also where they set a directory's modification
/// time back, and where the source's clock is too coarse to tell two changes apart.
@Suite(
    .serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"),
    .enabled(if: Machine.has("mkfs.xfs") && Machine.has("mkfs.btrfs") || Machine.isContinuousIntegration, "xfsprogs or btrfs-progs is not installed"),
    .timeLimit(.minutes(10)))
struct ListingTests {
    /// What the source is on, and how it is made there.
    enum Source: String, CaseIterable, Sendable {
        case ext4, xfs, btrfs, tmpfs
        /// Times in whole seconds.
        case ext4WithSmallInodes
        /// Of whose times nothing is known.
        case overlay

        var prepare: String {
            func image(_ make: String) -> String { "truncate -s 400M image; device=$(losetup --find --show image); \(make) $device; mount $device source; losetup -d $device" }
            return switch self {
            case .ext4: image("mkfs.ext4 -q -F")
            case .ext4WithSmallInodes: image("mkfs.ext4 -q -F -I 128")
            case .xfs: image("mkfs.xfs -q -f")
            case .btrfs: image("mkfs.btrfs -q -f")
            case .tmpfs: "mount -t tmpfs none source"
            case .overlay:
                """
                mkdir layers; mount -t tmpfs none layers; mkdir layers/lower layers/upper layers/work
                mount -t overlay -o lowerdir=layers/lower,upperdir=layers/upper,workdir=layers/work none source
                """
            }
        }

        /// Directories are read without being opened.
        var isStateless: Bool { self != .overlay }
    }

    private func mount(_ source: Source, _ cache: PassthroughOptions.Cache = .auto) throws -> MirrorMount {
        try MirrorMount(cache: cache, passthrough: source == .overlay ? .auto : .require, prepare: source.prepare)
    }

    /// Others create, remove and rename in some directories, mostly with the modification time set back, while two list
    /// them: names, attributes, the beginning alone. Whenever they rest, each listing comes to be that of the source.
    @Test(arguments: Source.allCases) func `a storm of changes by others`(_ source: Source) throws {
        let place = try mount(source)
        defer { place.end() }
        let script = """
            mkdir source/1 source/2 source/3 source/4; touch source/1/a source/2/b
            list() {
                while test -e listing; do
                    for d in 1 2 3 4; do ls -U mirror/$d; ls -l mirror/$d | head -n 2; ls -lU mirror/$d; done > $1 2>&1 || true
                done
            }
            touch listing; list one & list two &
            trap 'rm -f listing; wait' EXIT
            seed=17; step=0
            random() { seed=$(((seed * 1103515245 + 12345) % 2147483648)); value=$((seed / 65536 % $1)); }
            change() {
                step=$((step + 1)); random 4; d=source/$((value + 1)); touch -r $d reference; random 8
                case $value in
                0 | 1 | 2) : > $d/n$step ;;
                3) mkdir $d/d$step ;;
                4 | 5) for f in $d/n*; do if test -e "$f"; then rm "$f"; fi; break; done ;;
                6) for f in $d/n*; do if test -e "$f"; then mv "$f" $d/m$step; fi; break; done ;;
                7) for f in $d/d*; do if test -e "$f"; then rmdir "$f"; fi; break; done ;;
                esac
                random 4; test $value = 0 || touch -r reference $d
            }
            for burst in 1 2 3; do
                for i in $(seq 60); do change; done
                for d in 1 2 3 4; do
                    ls source/$d > wanted; tries=0
                    until ls mirror/$d | cmp -s - wanted; do
                        tries=$((tries + 1)); test $tries -lt 1500 || { echo "never right: $d"; ls mirror/$d | diff - wanted; exit 8; }
                        sleep 0.02
                    done
                done
            done
            test $step = 180
            """
        try succeed(script, in: place.root)
        #expect((place.requests(.releasedir) == 0) == source.isStateless)
    }

    /// One change each, to a listing that was kept for longer than the clock's coarseness: nobody lists meanwhile, so it shows with
    /// the first listing that is asked for more than a second after the last one.
    @Test(arguments: Source.allCases) func `a change that hides itself`(_ source: Source) throws {
        let place = try mount(source)
        defer { place.end() }
        let script = """
            mkdir source/d; touch source/d/old; sleep 3
            for i in 1 2; do ls mirror/d; sleep 1.2; done > before; ls mirror/d > before
            touch -r source/d reference; mv source/d/old source/d/new; touch -r reference source/d
            sleep 1.2; ls mirror/d
            """
        #expect(try succeed(script, in: place.root) == "new\n")
    }

    /// What is not changed is not asked for.
    @Test(arguments: [Source.ext4, .xfs, .btrfs, .tmpfs, .ext4WithSmallInodes], [PassthroughOptions.Cache.auto, .always])
    func `a directory that did not change`(_ source: Source, _ cache: PassthroughOptions.Cache) throws {
        let place = try mount(source, cache)
        defer { place.end() }
        try succeed("mkdir source/d; (cd source/d; seq 512 | xargs touch); sleep 3", in: place.root)
        // Once more, as what is read when a mark is unsure is read again.
        for _ in 0..<3 { try succeed("ls -U mirror/d > listed; sleep 1.2", in: place.root) }
        let before = [Opcode.opendir, .readdir, .readdirplus, .releasedir].map { place.requests($0) }
        try succeed("for i in $(seq 20); do ls -U mirror/d | cmp - listed; done; sleep 1.2; ls -U mirror/d | cmp - listed", in: place.root)
        // Unless the machine needs the memory just then.
        let after = [Opcode.opendir, .readdir, .readdirplus, .releasedir].map { place.requests($0) }
        #expect(after == before)
    }

    /// A listing of names does not look them all up; one of attributes does not look them up one by one.
    @Test func `names alone, and attributes`() throws {
        let place = try mount(.tmpfs)
        defer { place.end() }
        try succeed("mkdir source/d source/e; cd source/d; seq 512 | xargs touch; cd ../e; seq 512 | xargs touch", in: place.root)
        #expect(try succeed("ls -U mirror/d | wc -l", in: place.root) == "512\n")
        #expect(place.mount.session.fileSystem.inodeCount < 128)
        let before = place.requests(.lookup)
        #expect(try succeed("ls -lU mirror/e | wc -l", in: place.root) == "513\n")
        #expect(place.requests(.lookup) - before < 128)
        #expect(place.mount.session.fileSystem.inodeCount > 512)
    }

    /// Each request goes on where another stopped, however many read at a time; and nobody who stops half way holds anything for
    /// good.
    @Test(arguments: [Source.ext4, .btrfs, .tmpfs]) func `many readers of large directories`(_ source: Source) throws {
        let place = try mount(source)
        defer { place.end() }
        let script = """
            mkdir source/d; cd source/d; seq 3000 | xargs touch; cd ../..; ls source/d > wanted
            for i in $(seq 40); do ls mirror/d | cmp - wanted & ls -U mirror/d | head -n 1 > /dev/null & done; wait
            ls -l mirror/d | tail -n +2 | wc -l
            """
        #expect(try succeed(script, in: place.root) == "3000\n")
    }
}
