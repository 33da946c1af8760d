// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// A pair of connected sockets that programs started later do not inherit.
func makeSocketPair() throws(Errno) -> (FileDescriptor, FileDescriptor) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    // Safe: two numbers are written within the call.
    _ = try unsafe SystemCall.result(socketpair(AF_UNIX, type, 0, &ends))
    return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
}

/// Receives a descriptor that was sent over a socket, one byte with it.
func receiveDescriptor(from socket: FileDescriptor) throws(Errno) -> FileDescriptor {
    // A control message of one descriptor (`cmsg(3)`): length (8 bytes), level (4), type (4), descriptor (4), padding.
    var control: InlineArray<3, UInt64> = [0, 0, 0]
    var byte: UInt8 = 0
    // Safe: the kernel fills buffers of the sizes that it is told, which outlive the call.
    let received = unsafe withUnsafeMutableBytes(of: &control) { control in
        unsafe withUnsafeMutableBytes(of: &byte) { byte in
            var vector = unsafe iovec(iov_base: byte.baseAddress, iov_len: 1)
            return unsafe withUnsafeMutablePointer(to: &vector) { vector in
                var message = unsafe msghdr()
                unsafe message.msg_iov = vector
                unsafe message.msg_iovlen = 1
                unsafe message.msg_control = control.baseAddress
                unsafe message.msg_controllen = control.count
                return unsafe recvmsg(socket.rawValue, &message, Int32(MSG_CMSG_CLOEXEC))
            }
        }
    }
    _ = try SystemCall.result(received)
    let isDescriptor = control[0] >= 20 && control[1] == UInt64(SCM_RIGHTS) << 32 | UInt64(SOL_SOCKET)
    guard received == 1, isDescriptor else { throw .protocolError }
    return FileDescriptor(rawValue: Int32(truncatingIfNeeded: control[2]))
}
