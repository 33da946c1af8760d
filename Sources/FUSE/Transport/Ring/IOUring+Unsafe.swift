// SPDX-License-Identifier: MIT
//
// An io_uring for one thread, with submissions of 128 bytes.
//
// It is made by any thread and belongs to the one that enables it: that one alone submits and waits (SINGLE_ISSUER), and the
// kernel does what is to be done for its commands when it waits, and at no other time (DEFER_TASKRUN). So no system call of a
// handler is interrupted by a request that comes in, and a command that waits costs its thread nothing.
//
// Memory that both sides write: the tails and heads of the two queues. Each has one writer; the other side's is read acquiring,
// the own one is written releasing, after what it announces.

import CLinux
import Glibc
import Synchronization
import SystemPackage

/// An io_uring.
@safe final class IOUring: @unchecked Sendable {
    /// What has become of a submission.
    struct Completion {
        let tag: UInt64
        /// Not negative, or a negated errno.
        let result: Int32
    }

    /// Nil once the thread has it under a number of its own: a ring then takes none of the process's descriptors, and goes with its
    /// thread.
    private var descriptor: FileDescriptor?
    private let queues: UnsafeMutableRawBufferPointer
    private let submissions: UnsafeMutableRawBufferPointer
    private let parameters: clinux_io_uring_params
    /// How many submissions the kernel has not yet seen.
    private var prepared: UInt32 = 0
    private var tail: UInt32 = 0
    /// The ring's number among those that the thread has registered: the kernel then need not look up the descriptor.
    private var registered: UInt32?
    private var isEnabled = false

    /// - Parameters:
    ///   - entries: how many submissions it holds; twice as many completions.
    ///   - file: what its commands are for.
    /// - Throws: ENOSYS or EPERM where there is no io_uring, EINVAL where it is older than Linux 6.6, ENOMEM, EMFILE.
    init(entries: UInt32, for file: FileDescriptor) throws(Errno) {
        var parameters = clinux_io_uring_params()
        parameters.flags = UInt32(
            CLINUX_IORING_SETUP_R_DISABLED | CLINUX_IORING_SETUP_SUBMIT_ALL | CLINUX_IORING_SETUP_SQE128
                | CLINUX_IORING_SETUP_SINGLE_ISSUER | CLINUX_IORING_SETUP_DEFER_TASKRUN | CLINUX_IORING_SETUP_NO_SQARRAY)
        // Safe: the kernel fills in the structure within the call.
        let descriptor = FileDescriptor(rawValue: try unsafe SystemCall.result(clinux_io_uring_setup(entries, &parameters)))
        self.descriptor = descriptor
        self.parameters = parameters
        let size = Int(parameters.cq.cqes) + Int(parameters.cq_entries) * MemoryLayout<clinux_io_uring_cqe>.stride
        do throws(Errno) {
            guard parameters.features & UInt32(CLINUX_IORING_FEAT_SINGLE_MMAP) != 0 else { throw .invalidArgument }
            unsafe queues = try Self.map(descriptor, 0, size)
        } catch {
            try? descriptor.close()
            throw error
        }
        do throws(Errno) {
            unsafe submissions = try Self.map(
                descriptor, CLINUX_IORING_OFF_SQES, Int(parameters.sq_entries) * MemoryLayout<clinux_io_uring_sqe>.stride)
        } catch {
            unsafe munmap(queues.baseAddress, queues.count)
            try? descriptor.close()
            throw error
        }
        var number = file.rawValue
        // Safe: the kernel reads the number within the call. All is there now, and deinit gives it back where this fails.
        _ = try unsafe SystemCall.result(clinux_io_uring_register(descriptor.rawValue, UInt32(CLINUX_IORING_REGISTER_FILES), &number, 1))
    }

    deinit {
        // Safe: both mappings are this object's.
        unsafe munmap(submissions.baseAddress, submissions.count)
        unsafe munmap(queues.baseAddress, queues.count)
        try? descriptor?.close()
    }

    private static func map(_ descriptor: FileDescriptor, _ offset: Int, _ size: Int) throws(Errno) -> UnsafeMutableRawBufferPointer {
        // Safe: a fresh mapping.
        guard
            let memory = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor.rawValue, offset),
            unsafe memory != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        return unsafe UnsafeMutableRawBufferPointer(start: memory, count: size)
    }

    /// The calling thread is the one that it belongs to from now on.
    func enable() throws(Errno) {
        guard let descriptor, !isEnabled else { return }
        _ = try SystemCall.result(clinux_io_uring_register(descriptor.rawValue, UInt32(CLINUX_IORING_REGISTER_ENABLE_RINGS), nil, 0))
        isEnabled = true
        // struct io_uring_rsrc_update: where (any), and what.
        var update: InlineArray<2, UInt64> = [UInt64(UInt32.max), UInt64(UInt32(bitPattern: descriptor.rawValue))]
        // Safe: the kernel reads and writes the 16 bytes within the call. Where it fails the descriptor does as well.
        let count = unsafe withUnsafeMutableBytes(of: &update) {
            unsafe clinux_io_uring_register(descriptor.rawValue, UInt32(CLINUX_IORING_REGISTER_RING_FDS), $0.baseAddress, 1)
        }
        guard count == 1 else { return }
        registered = UInt32(truncatingIfNeeded: update[0])
        self.descriptor = nil
        try? descriptor.close()
    }

    /// What the calls name it by.
    private var number: (value: Int32, flags: UInt32) {
        if let registered { return (Int32(bitPattern: registered), UInt32(CLINUX_IORING_ENTER_REGISTERED_RING)) }
        return (descriptor?.rawValue ?? -1, 0)
    }

    // MARK: Submitting

    /// Puts a submission into the queue; it is sent with the next ``enter(for:)``. The queue has room for as many as were named at
    /// the start, and is empty after each.
    func prepare(_ submission: clinux_io_uring_sqe) {
        let index = tail & (parameters.sq_entries &- 1)
        // Safe: the index is within the queue, which has a power of two of entries.
        unsafe submissions.storeBytes(
            of: submission, toByteOffset: Int(index) &* MemoryLayout<clinux_io_uring_sqe>.stride, as: clinux_io_uring_sqe.self)
        tail &+= 1
        prepared &+= 1
        unsafe word(parameters.sq.tail).pointee.store(tail, ordering: .releasing)
    }

    /// Sends what is prepared, and waits until there are so many completions, or a signal came. Throws what the kernel has against
    /// the call itself; what it has against a submission is in the completion.
    func enter(for completions: UInt32) throws(Errno) {
        let number = number
        let count = clinux_io_uring_enter(
            number.value, prepared, completions, number.flags | UInt32(CLINUX_IORING_ENTER_GETEVENTS), nil, 0)
        if count >= 0 {
            prepared &-= UInt32(count)
            return
        }
        if errno != EINTR { throw Errno(rawValue: errno) }
    }

    /// The same, where a moment's lack of memory is waited for.
    func enterPatiently(for completions: UInt32) throws(Errno) {
        do throws(Errno) { try enter(for: completions) } catch {
            guard [.noMemory, .resourceTemporarilyUnavailable, .resourceBusy].contains(error) else { throw error }
            usleep(10_000)
        }
    }

    /// The same, for so many milliseconds at the most. Returns whether there is a completion.
    func enter(atMost milliseconds: Int) throws(Errno) -> Bool {
        var time: InlineArray<2, Int64> = [Int64(milliseconds / 1000), Int64(milliseconds % 1000 * 1_000_000)]
        let failure: Errno? = unsafe withUnsafeBytes(of: &time) { time in
            // struct io_uring_getevents_arg: no signal mask, no least time, and the time.
            var argument: InlineArray<3, UInt64> = [0, 8, UInt64(UInt(bitPattern: time.baseAddress))]
            return unsafe withUnsafeBytes(of: &argument) { argument in
                let number = number
                let flags = number.flags | UInt32(CLINUX_IORING_ENTER_GETEVENTS | CLINUX_IORING_ENTER_EXT_ARG)
                // Safe: both are lent for the call.
                let count = unsafe clinux_io_uring_enter(number.value, prepared, 1, flags, argument.baseAddress, argument.count)
                if count >= 0 {
                    prepared &-= UInt32(count)
                    return nil
                }
                return [EINTR, ETIME].contains(errno) ? nil : Errno(rawValue: errno)
            }
        }
        if let failure { throw failure }
        return isReady
    }

    // MARK: Completing

    private var isReady: Bool {
        unsafe word(parameters.cq.head).pointee.load(ordering: .relaxed) != word(parameters.cq.tail).pointee.load(ordering: .acquiring)
    }

    /// The next completion, if there is one.
    func next() -> Completion? {
        let head = unsafe word(parameters.cq.head).pointee.load(ordering: .relaxed)
        guard unsafe head != word(parameters.cq.tail).pointee.load(ordering: .acquiring) else { return nil }
        let offset = Int(parameters.cq.cqes) &+ Int(head & (parameters.cq_entries &- 1)) &* MemoryLayout<clinux_io_uring_cqe>.stride
        // Safe: within the mapping, and the kernel writes it no more before the head has passed it.
        let entry = unsafe queues.load(fromByteOffset: offset, as: clinux_io_uring_cqe.self)
        unsafe word(parameters.cq.head).pointee.store(head &+ 1, ordering: .releasing)
        return Completion(tag: entry.user_data, result: entry.result)
    }

    /// Safe: the kernel's offsets are aligned and within the mapping, and both sides use what is there atomically.
    @inline(__always)
    private func word(_ offset: UInt32) -> UnsafeMutablePointer<Atomic<UInt32>> {
        unsafe (queues.baseAddress.unsafelyUnwrapped + Int(offset)).assumingMemoryBound(to: Atomic<UInt32>.self)
    }
}
