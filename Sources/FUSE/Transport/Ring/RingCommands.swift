// SPDX-License-Identifier: MIT

import CLinux
import FUSEWire
import SystemPackage

// The commands of FUSE over io_uring. Source: `fuse_uring_cmd` in Linux, and `enum fuse_uring_cmd`.

extension IOUring {
    private static let register: UInt64 = 1
    private static let commitAndFetch: UInt64 = 2

    /// A command for the file that the ring was made for.
    private func command(_ number: UInt64, _ request: UringCmdReq, tag: UInt64) -> clinux_io_uring_sqe {
        var submission = clinux_io_uring_sqe()
        submission.opcode = UInt8(CLINUX_IORING_OP_URING_CMD)
        submission.flags = UInt8(CLINUX_IOSQE_FIXED_FILE)
        submission.fd = 0
        submission.offset = number
        submission.user_data = tag
        submission.command.0 = request.flags
        submission.command.1 = request.commit_id
        submission.command.2 = UInt64(request.qid)
        return submission
    }

    /// Puts the entry into its queue; it waits for a request on this ring then.
    func prepareRegister(_ slot: RingSlot) {
        var submission = command(Self.register, UringCmdReq(qid: UInt16(truncatingIfNeeded: slot.processor)), tag: slot.tag)
        submission.address = slot.vectors
        submission.length = 2
        prepare(submission)
    }

    /// Answers the request in the entry; it waits for the next one on this ring then.
    func prepareCommit(_ slot: RingSlot) {
        prepare(
            command(
                Self.commitAndFetch, UringCmdReq(commit_id: slot.commitID, qid: UInt16(truncatingIfNeeded: slot.processor)), tag: slot.tag))
    }

    /// A REGISTER that fails: no iovec is named. Before all queues have their entries it has the kernel give the ring up, and send by
    /// `/dev/fuse` what has waited (`fuse_uring_cmd`).
    func prepareRefusal() { prepare(command(Self.register, UringCmdReq(qid: 0), tag: 0)) }

    /// Waits until the file, which counts, is not 0. `buffer` is 8 bytes, good until the completion.
    func prepareRead(of file: FileDescriptor, _ buffer: UInt64, tag: UInt64) {
        var submission = clinux_io_uring_sqe()
        submission.opcode = UInt8(CLINUX_IORING_OP_READ)
        submission.fd = file.rawValue
        submission.offset = .max
        submission.address = buffer
        submission.length = 8
        submission.user_data = tag
        prepare(submission)
    }
}
