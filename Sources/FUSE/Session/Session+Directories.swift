// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

// Directories.

extension Session {
    func opendir(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        if connection.omitted.contains(.opendir) { throw .notImplemented }
        let fields = try message.fields(OpenIn.self)
        let opened = try fileSystem.opendir(message.node, OpenRequest(fields.flags, fields.open_flags), for: message.request())
        try output.put(OpenOut(opened))
    }

    func readdir(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(ReadIn.self)
        let request = try message.request()
        let directory = message.file(fields.fh)
        try output.append(upTo: Int(fields.size)) { (room) throws(Errno) in
            let leftOut = try DirectoryWriter.fill(&room) { (writer) throws(Errno) in
                try fileSystem.readdir(directory, from: DirectoryOffset(rawValue: fields.offset), into: &writer, for: request)
            }
            if leftOut { faults.tell(.entry, .readdir, directory.node) }
        }
    }

    func readdirplus(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(ReadIn.self)
        let request = try message.request()
        let directory = message.file(fields.fh)
        try output.append(upTo: Int(fields.size)) { (room) throws(Errno) in
            let leftOut = try DirectoryPlusWriter.fill(&room) { nodes in
                if !hand.hasDeferred(request.id.rawValue) { takeBack(nodes) }
            } _: { (writer) throws(Errno) in
                try fileSystem.readdirplus(directory, from: DirectoryOffset(rawValue: fields.offset), into: &writer, for: request)
            }
            if leftOut { faults.tell(.entry, .readdirplus, directory.node) }
        }
    }

    func releasedir(_ message: borrowing RequestMessage) throws(Errno) {
        fileSystem.releasedir(message.file(try message.fields(ReleaseIn.self).fh), for: try message.request())
    }

    func fsyncdir(_ message: borrowing RequestMessage) throws(Errno) {
        let fields = try message.fields(FsyncIn.self)
        let dataOnly = FsyncFlags(rawValue: fields.fsync_flags).contains(.fdatasync)
        try fileSystem.fsyncdir(message.file(fields.fh), dataOnly: dataOnly, for: message.request())
    }
}
