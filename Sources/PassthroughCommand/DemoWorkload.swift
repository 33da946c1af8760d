// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// What the demo does in each place: writes files, reads them back, compares.
struct DemoWorkload {
    struct Speed {
        /// MiB a second.
        var write: Double
        var read: Double
    }

    let megabytes: Int

    private static let fileCount = 8
    private static let blockSize = 128 << 10
    /// The best of so many rounds: other work on the machine only ever slows a round down.
    static let rounds = 3

    /// Runs it in a directory, and leaves that empty.
    func run(in directory: String) throws -> Speed {
        var best = Speed(write: 0, read: 0)
        for _ in 0..<Self.rounds {
            let names = (0..<Self.fileCount).map { "\(directory)/file-\($0)" }
            // Safe: strings lent for the call.
            defer { for name in names { unsafe unlink(name) } }
            best.write = max(best.write, try rate { try names.forEach(write) })
            best.read = max(best.read, try rate { try names.forEach(read) })
        }
        return best
    }

    private var blocksPerFile: Int { max(1, (megabytes << 20) / Self.fileCount / Self.blockSize) }

    private func rate(_ body: () throws -> Void) throws -> Double {
        let time = try ContinuousClock().measure(body)
        let bytes = Self.fileCount * blocksPerFile * Self.blockSize
        return Double(bytes) / Double(1 << 20) / max(1e-9, time / .seconds(1))
    }

    /// What a block holds: its number, over and over, so that a lost or misplaced one shows.
    private func fill(_ block: inout [UInt64], _ number: Int) {
        for index in block.indices { block[index] = UInt64(number) }
    }

    private func write(_ name: String) throws {
        let file = try FileDescriptor.open(FilePath(name), .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        try file.closeAfter {
            var block = [UInt64](repeating: 0, count: Self.blockSize / 8)
            for number in 0..<blocksPerFile {
                try Interrupt.check()
                fill(&block, number)
                let count = try unsafe block.withUnsafeBytes { unsafe try file.writeAll($0) }
                guard count == Self.blockSize else { throw Errno.ioError }
            }
        }
    }

    private func read(_ name: String) throws {
        let file = try FileDescriptor.open(FilePath(name), .readOnly)
        try file.closeAfter {
            var block = [UInt64](repeating: 0, count: Self.blockSize / 8)
            for number in 0..<blocksPerFile {
                try Interrupt.check()
                let count = try unsafe block.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
                guard count == Self.blockSize, block.first == UInt64(number), block.last == UInt64(number) else {
                    throw DemoError.wrongContent(name)
                }
            }
        }
    }
}

enum DemoError: Error, CustomStringConvertible {
    case wrongContent(String)

    var description: String {
        switch self {
        case .wrongContent(let name): "\(name): what was read is not what was written (please report this)"
        }
    }
}
