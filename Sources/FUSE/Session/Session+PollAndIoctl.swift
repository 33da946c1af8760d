// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

extension Session {
    func poll(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(PollIn.self)
        let waits = PollFlags(rawValue: fields.flags).contains(.scheduleNotify)
        let waker = waits ? PollWaker(handle: fields.kh, notifier: connection.notifier) : nil
        let events = try fileSystem.poll(
            message.file(fields.fh), PollEvents(rawValue: fields.events), waker: waker, for: message.request())
        try output.put(PollOut(revents: events.rawValue))
    }

    func ioctl(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(IoctlIn.self)
        let flags = IoctlFlags(rawValue: fields.flags)
        // The server would have to ask for the caller's memory piece by piece (`FUSE_IOCTL_RETRY`). Only CUSE sends it.
        if flags.contains(.unrestricted) { throw .inappropriateIOCTLForDevice }
        var payload = message.payloadReader
        let input = try payload.data(fields.in_size)
        let request = try message.request()
        let file = message.file(fields.fh)
        let command = IoctlCommand(
            number: fields.cmd, argument: fields.arg, isCompat: flags.contains(.compat), isOnDirectory: flags.contains(.dir))
        try output.fillIoctl(upTo: Int(fields.out_size)) { (data) throws(Errno) in
            try fileSystem.ioctl(file, command, input, into: &data, for: request)
        }
    }

    /// What the kernel's page cache holds, as a notification asked for it.
    func notifyReply(_ message: borrowing RequestMessage) throws(Errno) {
        let fields = try message.fields(NotifyRetrieveIn.self)
        var payload = message.payloadReader
        connection.notifier.retrieved(message.header.unique, at: fields.offset, try payload.data(fields.size))
    }
}
