// SPDX-License-Identifier: MIT
//
// The way through a path: one component after the other, each looked up in the directory before it, symbolic links
// followed. Source of the rules: path_resolution(7) and `fs/namei.c` of Linux.

import FUSE
import FUSEWire
import Glibc
import SystemPackage

/// The last component of a path, which many calls treat in their own ways.
enum LastComponent {
    /// A name; `isDirectory`: a slash follows.
    case name([UInt8], isDirectory: Bool)
    case dot
    case dotDot
    /// The path is nothing but slashes.
    case root
}

/// How far a walk has come.
struct Walk {
    var intent: SimulatedKernel.LookupIntent
    var links = 0
}

extension SimulatedKernel {
    /// What a path names; it must be there.
    func walk(
        _ path: [UInt8], from start: KernelName? = nil, follows: Bool = true, for process: SimulatedProcess, _ intent: LookupIntent = []
    ) throws(Errno) -> KernelName {
        if follows, let name = try magicLink(path, process) { return name }
        var walk = Walk(intent: intent)
        return try self.walk(path, from: start ?? process.directory, follows: follows, &walk, process)
    }

    private static let openFolder = Array("/proc/self/fd/".utf8)

    /// `/proc/self/fd/N` leads to what the process has open, whatever has become of its name. There is nothing else of `/proc`.
    func magicLink(_ path: [UInt8], _ process: SimulatedProcess) throws(Errno) -> KernelName? {
        guard path.starts(with: Self.openFolder) else { return nil }
        guard let number = Int32(String(decoding: path.dropFirst(Self.openFolder.count), as: UTF8.self)) else { return nil }
        guard let file = process.files[number] else { throw .noSuchFileOrDirectory }
        return file.name
    }

    /// The directory that a path's last component is in, and that component.
    func walkToLast(
        _ path: [UInt8], from start: KernelName? = nil, for process: SimulatedProcess, _ intent: LookupIntent = []
    ) throws(Errno) -> (KernelName, LastComponent) {
        var walk = Walk(intent: intent)
        return try toLast(path, from: start ?? process.directory, &walk, process)
    }

    func walk(
        _ path: [UInt8], from start: KernelName, follows: Bool, _ walk: inout Walk, _ process: SimulatedProcess
    ) throws(Errno) -> KernelName {
        let (parent, last) = try toLast(path, from: start, &walk, process)
        switch last {
        case .root, .dot: return parent
        case .dotDot: return parent.parent ?? parent
        case .name(let bytes, let isDirectory):
            var found = try lookup(bytes, in: parent, walk.intent, for: process)
            if let inode = found.inode, inode.isLink, follows || isDirectory {
                found = try follow(inode, from: parent, &walk, process)
            }
            guard let inode = found.inode else { throw .noSuchFileOrDirectory }
            if isDirectory, !inode.isDirectory { throw .notDirectory }
            return found
        }
    }

    func toLast(
        _ path: [UInt8], from start: KernelName, _ walk: inout Walk, _ process: SimulatedProcess
    ) throws(Errno) -> (KernelName, LastComponent) {
        guard !path.isEmpty else { throw .noSuchFileOrDirectory }
        guard path.count <= Limits.path else { throw .fileNameTooLong }
        let slash = UInt8(ascii: "/")
        guard let root else { throw .socketNotConnected }
        var place = path[0] == slash ? root : start
        var components = path.split(separator: slash).map { Array($0) }
        guard let last = components.popLast() else { return (place, .root) }
        for component in components {
            try search(place, process)
            switch component {
            case [UInt8(ascii: ".")]: break
            case Array("..".utf8): place = place.parent ?? place
            default:
                var found = try lookup(component, in: place, walk.intent, for: process)
                if let inode = found.inode, inode.isLink { found = try follow(inode, from: place, &walk, process) }
                guard let inode = found.inode else { throw .noSuchFileOrDirectory }
                guard inode.isDirectory else { throw .notDirectory }
                place = found
            }
        }
        try search(place, process)
        switch last {
        case [UInt8(ascii: ".")]: return (place, .dot)
        case Array("..".utf8): return (place, .dotDot)
        default: return (place, .name(last, isDirectory: path.last == slash))
        }
    }

    private func search(_ place: KernelName, _ process: SimulatedProcess) throws(Errno) {
        guard let inode = place.inode, inode.isDirectory else { throw .notDirectory }
        try permission(inode, .execute, for: process)
    }

    func follow(_ link: KernelInode, from place: KernelName, _ walk: inout Walk, _ process: SimulatedProcess) throws(Errno) -> KernelName {
        walk.links += 1
        guard walk.links <= Limits.links else { throw .tooManySymbolicLinkLevels }
        return try self.walk(target(of: link, for: process), from: place, follows: true, &walk, process)
    }

    func target(of link: KernelInode, for process: SimulatedProcess) throws(Errno) -> [UInt8] {
        if link.isBad { throw .ioError }
        if has(.cacheSymlinks), let target = link.linkTarget { return target }
        let target = try exchange(.readlink, link.node, [], .upTo(Limits.page - 1), for: process)
        // Reading it has changed its access time.
        link.attributesUntil = 0
        if has(.cacheSymlinks) { link.linkTarget = target }
        return target
    }
}
