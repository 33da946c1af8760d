// SPDX-License-Identifier: MIT
//
// A file that takes its time: each read of `slow` waits, as for something far away. Its replies are deferred, so that
// hundreds of reads wait at the same time while two threads serve and one answers. Whoever interrupts a read (Control-C)
// has it back at once.
//
// Run it as root: SlowFS MOUNTPOINT [MILLISECONDS]

import Dispatch
import FUSE
import Glibc
import Synchronization
import SystemPackage

final class SlowFS: FileSystem {
    private let slow: NodeID = 2
    private let text = "worth waiting for\n"
    private let delay: Int
    private let queue = DispatchQueue(label: "SlowFS")
    private let state = Mutex<(connection: Connection?, waiting: [RequestID: DeferredReply.Box])>((nil, [:]))

    init(milliseconds: Int) { delay = milliseconds }

    func start(_ connection: Connection) { state.withLock { $0.connection = connection } }

    /// Nobody waits any more.
    func stop() { state.withLock { $0.waiting = [:] } }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        guard let connection = state.withLock({ $0.connection }) else { throw .ioError }
        throw connection.deferReply(to: request) { reply in
            let box = DeferredReply.Box(reply)
            state.withLock { $0.waiting[request.id] = box }
            queue.asyncAfter(deadline: .now() + .milliseconds(delay)) { [self] in answer(request.id, from: offset) }
        }
    }

    private func answer(_ request: RequestID, from offset: UInt64) {
        // It is gone where it was interrupted.
        guard let reply = take(request) else { return }
        reply.reply(data: { (output) throws(Errno) in
            output.append(contentsOf: text.utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity))
        })
    }

    func interrupted(_ request: RequestID) { take(request)?.fail(.interrupted) }

    /// Whoever takes it answers it.
    private func take(_ request: RequestID) -> DeferredReply? { state.withLock { $0.waiting.removeValue(forKey: request) }?.take() }

    private func attributes(of node: NodeID) throws(Errno) -> Attributes {
        switch node {
        case .root: .directory(inode: 1)
        case slow: .file(inode: 2, size: UInt64(text.utf8.count))
        default: throw .noSuchFileOrDirectory
        }
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        guard parent == .root, name == "slow" else { throw .noSuchFileOrDirectory }
        return Entry(node: slow, attributes: try attributes(of: slow))
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(try attributes(of: node))
    }

    func readdir(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request
    ) throws(Errno) {
        if offset == 0 { _ = entries.add("slow", inode: 2, type: .regular, next: 1) }
    }

    /// Past the page cache, so that each reader waits for itself.
    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .direct) }
}

@main
struct Main {
    static func main() {
        let arguments = CommandLine.arguments
        guard (2...3).contains(arguments.count), let delay = arguments.count == 3 ? Int(arguments[2]) : 1000, delay >= 0 else {
            return print("usage: SlowFS MOUNTPOINT [MILLISECONDS]")
        }
        var options = MountOptions()
        options.threads = ThreadLimits(initial: 1, maximum: 2)
        do {
            try Mount.serve(SlowFS(milliseconds: delay), at: FilePath(arguments[1]), options: options)
        } catch {
            print("SlowFS: \(error)")
            exit(1)
        }
    }
}
