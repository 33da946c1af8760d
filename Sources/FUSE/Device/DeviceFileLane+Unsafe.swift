// SPDX-License-Identifier: MIT
//
// One descriptor of `/dev/fuse` and the memory for one exchange.
//
// The memory is one private mapping, touched only as far as messages reach:
//
//     request buffer (bufferSize) | one page, the reply's header at its very end | reply body (bufferSize)
//
// so that a reply leaves in one piece by one write(2), and its body starts on a page boundary, as a READ with O_DIRECT
// from the source wants it. One thread at a time uses a lane (see `Lane`), hence no lock; the pointers never leave this
// file but as spans that cannot outlive the closure they are lent to.

import CLinux
import FUSEWire
import Glibc
public import SystemPackage

/// A worker's descriptor of `/dev/fuse`.
@safe public final class DeviceFileLane: Lane, @unchecked Sendable {
    private let device: DeviceFile
    private let descriptor: FileDescriptor
    private let ownsDescriptor: Bool
    private let bufferSize: Int

    private let memory: UnsafeMutableRawPointer
    private var requestCount = 0
    private var bodyCount = 0
    private var unique: UInt64 = 0

    private static let page = 4096

    init(_ device: DeviceFile, _ descriptor: FileDescriptor, ownsDescriptor: Bool) throws(Errno) {
        bufferSize = device.bufferSize
        // Safe: a fresh mapping that this object alone owns, until deinit.
        guard
            let memory = unsafe mmap(
                nil, 2 * bufferSize + Self.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            unsafe memory != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        unsafe self.memory = memory
        self.device = device
        self.descriptor = descriptor
        self.ownsDescriptor = ownsDescriptor
    }

    deinit {
        unsafe munmap(memory, 2 * bufferSize + Self.page)
        if ownsDescriptor { try? descriptor.close() }
    }

    private var body: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: memory + bufferSize + Self.page, count: bufferSize)
    }

    public func giveBackMemory() {
        // Safe: the mapping is this object's alone, and nothing of the last exchange is wanted any more.
        _ = unsafe madvise(memory, 2 * bufferSize + Self.page, MADV_DONTNEED)
        (requestCount, bodyCount) = (0, 0)
    }

    public func receive() throws(Errno) -> Bool {
        while true {
            // Safe: the mapping has bufferSize bytes there.
            let count = unsafe read(descriptor.rawValue, memory, bufferSize)
            if count >= 0 {
                requestCount = count
                bodyCount = 0
                let request = unsafe RawSpan(_unsafeStart: memory, byteCount: count)
                unique = RequestMessage.header(of: request)?.unique ?? 0
                return true
            }
            switch errno {
            case EINTR, EAGAIN, ENOENT: continue  // ENOENT: the request was withdrawn while it was being read
            case ENODEV, ECONNABORTED: return false
            default: throw Errno(rawValue: errno)
            }
        }
    }

    public func withRequest(_ handle: (borrowing ReceivedRequest, inout OutputRawSpan) -> Disposition) -> Disposition {
        // Safe: both views are of this lane's mapping, which outlives the call, and do not overlap.
        let request = unsafe RawSpan(_unsafeStart: memory, byteCount: requestCount)
        let room = unsafe body
        var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
        let disposition = handle(ReceivedRequest(contiguous: request), &output)
        bodyCount = unsafe output.finalize(for: room)
        return disposition
    }

    public func reply(error: Errno?) throws(Errno) {
        let count = error == nil ? bodyCount : 0
        let header = OutHeader(
            len: UInt32(truncatingIfNeeded: OutHeader.wireSize &+ count), error: error.map { -$0.rawValue } ?? 0, unique: unique)
        // Safe: the header lies in the page before the body, 16 bytes before its end.
        let start = unsafe memory + bufferSize + Self.page - OutHeader.wireSize
        unsafe start.storeBytes(of: header, as: OutHeader.self)
        while unsafe write(descriptor.rawValue, start, OutHeader.wireSize &+ count) < 0 {
            guard errno == EINTR else { throw Errno(rawValue: errno) }
        }
    }

    public func withReplyBody(_ handle: (RawSpan) -> Void) {
        // Safe: the first bodyCount bytes were written by the last withRequest.
        handle(unsafe RawSpan(_unsafeStart: body.baseAddress.unsafelyUnwrapped, byteCount: bodyCount))
    }

    public func withReceived(_ handle: (borrowing ReceivedRequest) -> Void) {
        // Safe: the request lies there until the next one is received, which this thread alone does.
        handle(ReceivedRequest(contiguous: unsafe RawSpan(_unsafeStart: memory, byteCount: requestCount)))
    }

    /// Touches the descriptor alone, so that any thread may call it.
    public func reply(to request: RequestID, error: Errno?, body: RawSpan) throws(Errno) {
        try descriptor.sendMessage(
            OutHeader(len: 0, error: error.map { -$0.rawValue } ?? 0, unique: request.rawValue), body)
    }
}
