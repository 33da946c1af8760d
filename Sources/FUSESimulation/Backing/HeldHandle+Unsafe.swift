// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// A name for a file that stays the same as long as there is the file. C counterpart: `struct file_handle`.
struct HeldHandle: Sendable {
    private var handle_bytes: UInt32
    private var handle_type: Int32 = 0
    private var f_handle: InlineArray<4, UInt64>

    /// - Throws: `.overflow`: it is longer than 32 bytes; `.notSupported`: the filesystem has none.
    init(of file: FileDescriptor) throws(Errno) {
        f_handle = InlineArray(repeating: 0)
        handle_bytes = 32
        var mount: Int32 = 0
        // Safe: the structure has room for as much as it says.
        let result = unsafe withUnsafeMutablePointer(to: &self) {
            unsafe clinux_name_to_handle_at(file.rawValue, "", $0, &mount, Int32(CLINUX_AT_EMPTY_PATH))
        }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }

    /// Nil where the file is gone, or does not open.
    func open(_ flags: Int32, on mount: FileDescriptor) -> FileDescriptor? {
        var copy = self
        // Safe: as above.
        let opened = unsafe withUnsafeMutablePointer(to: &copy) { unsafe clinux_open_by_handle_at(mount.rawValue, $0, flags) }
        return opened < 0 ? nil : FileDescriptor(rawValue: opened)
    }
}
