// SPDX-License-Identifier: MIT

import CLinux
@testable import FUSE
import Foundation
import Glibc
@testable import PassthroughFS
import SystemPackage
import Testing

/// A mirror of a directory of its own, driven without a mount.
final class Mirror {
    let source: String
    let fs: PassthroughFS
    static let root = Request(id: RequestID(rawValue: 2), caller: Caller(user: UserID(rawValue: 0), group: GroupID(rawValue: 0)))

    init(_ options: PassthroughOptions = PassthroughOptions()) throws {
        PassthroughFS.prepareProcess()
        source = FileManager.default.temporaryDirectory.path + "/passthroughfs-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
        _ = unsafe Glibc.chmod(source, 0o777)
        fs = try PassthroughFS(source: FilePath(source), options: options)
    }

    deinit {
        fs.stop()
        try? FileManager.default.removeItem(atPath: source)
    }

    func path(_ name: String) -> String { source + "/" + name }

    func write(_ name: String, _ text: String = "") throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path(name))) }

    func text(_ name: String) throws -> String { try String(decoding: Data(contentsOf: URL(fileURLWithPath: path(name))), as: UTF8.self) }

    func status(_ name: String) -> stat {
        var status = stat()
        _ = unsafe lstat(path(name), &status)
        return status
    }

    // What others do in the source; "" is the source itself.
    func chmod(_ name: String, _ mode: UInt32) { #expect(unsafe Glibc.chmod(path(name), mode) == 0) }
    func chown(_ name: String, _ user: UInt32, _ group: UInt32) { #expect(unsafe Glibc.chown(path(name), user, group) == 0) }
    func mkdir(_ name: String) { #expect(unsafe Glibc.mkdir(path(name), 0o755) == 0) }
    func mkfifo(_ name: String) { #expect(unsafe Glibc.mkfifo(path(name), 0o600) == 0) }
    func symlink(_ name: String, to target: String) { #expect(unsafe Glibc.symlink(target, path(name)) == 0) }
    func xattrSize(_ attribute: String, of name: String) -> Int { unsafe clinux_getxattr(path(name), attribute, nil, 0) }

    func lookup(_ name: String, in parent: NodeID = .root) throws -> Entry {
        try withName(name) { name throws(Errno) in try fs.lookup(name, in: parent, for: Mirror.root) }
    }

    func create(_ name: String, flags: Int32 = O_RDWR, as request: Request = Mirror.root) throws -> Created {
        try withName(name) { name throws(Errno) in
            try fs.create(
                name, in: .root, NewFile(mode: FileMode(rawValue: S_IFREG | 0o644)), OpenRequest(flags: flags), for: request)
        }
    }

    func open(_ name: String, flags: Int32 = O_RDWR) throws -> OpenFile {
        let node = try lookup(name).node
        return OpenFile(node: node, handle: try fs.open(node, OpenRequest(flags: flags), for: Mirror.root).handle)
    }

    func read(_ file: OpenFile, at offset: UInt64 = 0, count: Int = 4096) throws -> String {
        try filled(count) { output throws(Errno) in try fs.read(file, at: offset, into: &output, for: Mirror.root) }
    }

    func write(_ file: OpenFile, at offset: UInt64 = 0, _ text: String, _ options: WriteOptions = []) throws -> Int {
        let bytes = Array(text.utf8)
        return try unsafe fs.write(file, at: offset, bytes.span.bytes, options, for: Mirror.root)
    }
}

func withName<R: ~Copyable>(_ text: String, _ body: (borrowing Name) throws(Errno) -> R) throws(Errno) -> R {
    let bytes = Array(text.utf8) + [0]
    // Safe: bytes have no padding.
    return try unsafe body(Name(terminated: bytes.span.bytes))
}

/// What `body` writes into a view of so many bytes.
func filled(_ count: Int, _ body: (inout DataWriter) throws(Errno) -> Void) throws(Errno) -> String {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
    defer { unsafe buffer.deallocate() }
    var output = unsafe OutputRawSpan(buffer: buffer, initializedCount: 0)
    _ = try output.lend(upTo: count, body)
    let written = unsafe output.finalize(for: buffer)
    return unsafe String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<written]), as: UTF8.self)
}

struct Listed: Equatable {
    var name: String
    var inode: UInt64
    var next: UInt64
    var node: UInt64 = 0
}

/// The entries of a reply, as the kernel decodes it.
func listing(_ count: Int, plus: Bool, _ body: (inout OutputRawSpan) throws(Errno) -> Void) throws(Errno) -> [Listed] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
    defer { unsafe buffer.deallocate() }
    var output = unsafe OutputRawSpan(buffer: buffer, initializedCount: 0)
    try body(&output)
    let end = unsafe output.finalize(for: buffer)
    var listed: [Listed] = []
    var offset = 0
    while offset < end {
        let node = plus ? unsafe buffer.load(fromByteOffset: offset, as: UInt64.self) : 0
        let entry = offset + (plus ? 128 : 0)
        let length = Int(unsafe buffer.load(fromByteOffset: entry + 16, as: UInt32.self))
        listed.append(unsafe Listed(
            name: String(decoding: UnsafeRawBufferPointer(rebasing: buffer[entry + 24..<entry + 24 + length]), as: UTF8.self),
            inode: buffer.load(fromByteOffset: entry, as: UInt64.self),
            next: buffer.load(fromByteOffset: entry + 8, as: UInt64.self), node: node))
        offset = (entry + 24 + length + 7) & ~7
    }
    return listed
}

extension Mirror {
    func readdir(_ directory: OpenFile, from offset: UInt64, count: Int) throws(Errno) -> [Listed] {
        try listing(count, plus: false) { output throws(Errno) in
            try DirectoryWriter.fill(&output) { (writer: inout DirectoryWriter) throws(Errno) in
                try self.fs.readdir(directory, from: DirectoryOffset(rawValue: offset), into: &writer, for: Mirror.root)
            }
        }
    }

    func readdirplus(_ directory: OpenFile, from offset: UInt64, count: Int) throws(Errno) -> [Listed] {
        try listing(count, plus: true) { output throws(Errno) in
            try DirectoryPlusWriter.fill(&output) { (writer: inout DirectoryPlusWriter) throws(Errno) in
                try self.fs.readdirplus(directory, from: DirectoryOffset(rawValue: offset), into: &writer, for: Mirror.root)
            }
        }
    }
}
