// SPDX-License-Identifier: MIT
//
// A file that changes by itself: `clock` says how often it has ticked, once a second. The kernel may remember its content
// and size for ever, and does: a reader costs nothing until the next tick, which has the kernel drop what it remembers.
//
// Run it as root: TickFS MOUNTPOINT

import Dispatch
import FUSE
import Glibc
import Synchronization
import SystemPackage

final class TickFS: FileSystem {
    private let clock: NodeID = 2
    private let state = Mutex<(ticks: Int, notifier: Notifier?)>((0, nil))

    private var text: String { state.withLock { "tick \($0.ticks)\n" } }

    func start(_ connection: Connection) { state.withLock { $0.notifier = connection.notifier } }

    /// First the content changes, then the kernel is told: whoever reads in between has the old content dropped again.
    func tick() {
        let notifier = state.withLock { state in
            state.ticks += 1
            return state.notifier
        }
        // Nothing waits for it: a queue that is full now is not full at the next tick.
        try? notifier?.send(.content(clock))
    }

    private func attributes(of node: NodeID) throws(Errno) -> Attributes {
        switch node {
        case .root: .directory(inode: 1)
        case clock: .file(inode: 2, size: UInt64(text.utf8.count))
        default: throw .noSuchFileOrDirectory
        }
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        guard parent == .root, name == "clock" else { throw .noSuchFileOrDirectory }
        return Entry(node: clock, attributes: try attributes(of: clock), entryTimeout: .forever, attributesTimeout: .forever)
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(try attributes(of: node), timeout: .forever)
    }

    func readdir(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request
    ) throws(Errno) {
        if offset == 0 { _ = entries.add("clock", inode: 2, type: .regular, next: 1) }
    }

    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .keepingCache) }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        output.append(contentsOf: text.utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity))
    }
}

@main
struct Main {
    static func main() {
        guard CommandLine.arguments.count == 2 else { return print("usage: TickFS MOUNTPOINT") }
        let fileSystem = TickFS()
        do {
            try Mount.serve(fileSystem, at: FilePath(CommandLine.arguments[1])) { _ in
                DispatchQueue.global().async {
                    while true {
                        sleep(1)
                        fileSystem.tick()
                    }
                }
            }
        } catch {
            print("TickFS: \(error)")
            exit(1)
        }
    }
}
