// SPDX-License-Identifier: MIT

/// Where a bucket's sentinel lies: 512 of them in a segment, and directories above these segments, 512 to one.
///
/// | buckets | from the header |
/// |---|---|
/// | 0 ..< 256 | the table's first 2 KiB |
/// | 256 ..< 512, 512 ..< 1024 | a segment each |
/// | 1024 ..< 2^21 | eight directories, each above 512 segments |
/// | 2^k ..< 2^(k+1), k from 21 to 30 | a directory of directories, or three storeys of them |
///
/// So up to two million buckets there is one directory on the way, whose lines the ids of one group share. Directories never
/// grow upwards and nothing moves: a place is filled once, and a lookup needs no more than the bucket's number to find its
/// way.
@frozen
@usableFromInline
struct SentinelPath {
    /// How many places there are in the header.
    @inlinable static var topCount: UInt32 { 2 + 8 + 10 }

    /// Which of them the way begins at.
    @usableFromInline let top: UInt32
    /// How many directories lie between the header and the segment.
    @usableFromInline let storeys: UInt32
    @usableFromInline let offset: UInt32

    /// - Parameter number: 256 or more; those below are in the table's first segment.
    @inlinable
    init(number: UInt32) {
        let level = 31 &- UInt32(truncatingIfNeeded: number.leadingZeroBitCount)
        if number < SentinelPath.firstBelowDirectory {
            top = level &- 8
            storeys = 0
            offset = number
        } else if number < SentinelPath.firstBelowTwo {
            top = SentinelPath.directory(of: number)
            storeys = 1
            offset = number
        } else {
            top = 10 &+ (level &- 21)
            storeys = SentinelPath.storeys(ofTop: top)
            offset = number &- (1 &<< level)
        }
    }

    /// The first bucket on whose way there is a directory, and the first with more than one.
    @inlinable static var firstBelowDirectory: UInt32 { 1024 }
    @inlinable static var firstBelowTwo: UInt32 { 1 &<< 21 }

    /// For the buckets between these two: the place of their directory.
    @inlinable
    static func directory(of number: UInt32) -> UInt32 { 2 &+ (number &>> 18) }

    /// How many directories there are below a place in the header, above the segment.
    @inlinable
    static func storeys(ofTop top: UInt32) -> UInt32 { top < 2 ? 0 : top < 10 ? 1 : top < 17 ? 2 : 3 }

    /// The way to take in the directory with this many storeys below it, itself included.
    @inlinable
    func turn(at storey: UInt32) -> UInt32 { (offset &>> (9 &* storey)) & 511 }

    /// Which of the segment's words it is.
    @inlinable
    var word: UInt32 { offset & 511 }

    /// Whether a bucket (256 or more) is the first of its segment, so that there may be no memory for it yet.
    @inlinable
    static func beginsSegment(_ number: UInt32) -> Bool { number & 511 == 0 || number == 256 }
}
