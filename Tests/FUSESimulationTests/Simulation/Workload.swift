// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import Foundation
import SystemPackage

/// What a user does, on a few names, so that things meet.
enum Action: CustomStringConvertible {
    case open(slot: Int, String, Int32)
    case close(slot: Int)
    case write(slot: Int, at: Int64, String)
    case read(slot: Int, at: Int64, Int)
    case mkdir(String)
    case rmdir(String)
    case unlink(String)
    case rename(String, String)
    case link(String, String)
    case symlink(String, String)
    case truncate(String, Int64)
    case chmod(String, UInt32)
    case stat(String)
    case list(String)
    case dropCaches

    var description: String {
        switch self {
        case .open(let slot, let path, let flags): "\(slot) = open \(path) \(String(flags, radix: 8))"
        case .close(let slot): "close \(slot)"
        case .write(let slot, let offset, let text): "write \(slot) at \(offset) \(text)"
        case .read(let slot, let offset, let count): "read \(slot) at \(offset) \(count)"
        case .mkdir(let path): "mkdir \(path)"
        case .rmdir(let path): "rmdir \(path)"
        case .unlink(let path): "unlink \(path)"
        case .rename(let path, let other): "rename \(path) \(other)"
        case .link(let path, let other): "link \(path) \(other)"
        case .symlink(let path, let other): "symlink \(path) \(other)"
        case .truncate(let path, let size): "truncate \(path) \(size)"
        case .chmod(let path, let mode): "chmod \(path) \(String(mode, radix: 8))"
        case .stat(let path): "stat \(path)"
        case .list(let path): "list \(path)"
        case .dropCaches: "drop caches"
        }
    }

    static func random(_ count: Int, _ generator: inout some RandomNumberGenerator) -> [Action] {
        let names = ["a", "b", "d", "d/a", "d/b", "e", "e/a", "l"]
        func name() -> String { names[Int.random(in: 0..<names.count, using: &generator)] }
        func number(_ end: Int) -> Int { Int.random(in: 0..<end, using: &generator) }
        return (0..<count).map { _ in
            switch number(22) {
            case 0..<5:
                let flags = [O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_CREAT | O_APPEND]
                return .open(slot: number(4), name(), flags[number(flags.count)])
            case 5..<7: return .close(slot: number(4))
            case 7..<10: return .write(slot: number(4), at: Int64(number(3) * 3000), String(repeating: "xyz"[number(3)], count: 1 + number(3000)))
            case 10..<12: return .read(slot: number(4), at: Int64(number(5000)), 1 + number(9000))
            case 12: return .mkdir(["d", "e"][number(2)])
            case 13: return .rmdir(["d", "e"][number(2)])
            case 14: return .unlink(name())
            case 15: return .rename(name(), name())
            case 16: return .link(name(), name())
            case 17: return number(2) == 0 ? .symlink(["a", "d", "l", "none"][number(4)], name()) : .chmod(name(), [0o644, 0o600, 0o755][number(3)])
            case 18: return .truncate(name(), Int64(number(9000)))
            case 19: return .stat(name())
            case 20: return .list(["", "d", "e"][number(3)])
            default: return .dropCaches
            }
        }
    }
}

extension String {
    fileprivate subscript(index: Int) -> String { String(Array(self)[index]) }
}

/// Somebody who can do what an action says: each says what came of it, in words that can be compared.
protocol Actor: AnyObject {
    func perform(_ action: Action) -> String
}

/// In a simulated kernel.
final class SimulatedActor: Actor {
    let process: SimulatedProcess
    private var slots: [Int: Descriptor] = [:]

    init(_ process: SimulatedProcess) { self.process = process }

    func perform(_ action: Action) -> String {
        do throws(Errno) { return try attempt(action) } catch { return "errno \(error.rawValue)" }
    }

    private func attempt(_ action: Action) throws(Errno) -> String {
        switch action {
        case .open(let slot, let path, let flags):
            guard slots[slot] == nil else { return "taken" }
            slots[slot] = try process.open("/" + path, flags, 0o644)
        case .close(let slot):
            guard let descriptor = slots.removeValue(forKey: slot) else { return "free" }
            try process.close(descriptor)
        case .write(let slot, let offset, let text):
            guard let descriptor = slots[slot] else { return "free" }
            return "\(try process.pwrite(descriptor, Array(text.utf8), at: offset))"
        case .read(let slot, let offset, let count):
            guard let descriptor = slots[slot] else { return "free" }
            return String(decoding: try process.pread(descriptor, count, at: offset), as: UTF8.self)
        case .mkdir(let path): try process.mkdir("/" + path)
        case .rmdir(let path): try process.rmdir("/" + path)
        case .unlink(let path): try process.unlink("/" + path)
        case .rename(let path, let other): try process.rename("/" + path, "/" + other)
        case .link(let path, let other): try process.link("/" + path, "/" + other)
        case .symlink(let target, let path): try process.symlink(target, "/" + path)
        case .truncate(let path, let size): try process.truncate("/" + path, size)
        case .chmod(let path, let mode): try process.chmod("/" + path, mode)
        case .stat(let path):
            let status = try process.stat("/" + path, followsLinks: false)
            let isDirectory = status.mode.type == .directory
            return "\(String(status.mode.rawValue, radix: 8)) \(isDirectory ? 0 : status.size) \(isDirectory ? 0 : status.linkCount)"
        case .list(let path): return try process.list("/" + path).map(\.name).sorted().joined(separator: " ")
        case .dropCaches: process.kernel.dropCaches()
        }
        return "ok"
    }
}

/// In a directory of this machine: the oracle.
final class NativeActor: Actor {
    let directory: TemporaryDirectory
    private var slots: [Int: Int32] = [:]

    init() throws { directory = try TemporaryDirectory() }
    deinit { for descriptor in slots.values { Glibc.close(descriptor) } }

    // Safe, all below: C gets strings and buffers that live for the call.

    func perform(_ action: Action) -> String {
        func path(_ name: String) -> String { directory.path + "/" + name }
        func outcome(_ result: Int32) -> String { result < 0 ? "errno \(errno)" : "ok" }
        switch action {
        case .open(let slot, let name, let flags):
            guard slots[slot] == nil else { return "taken" }
            let descriptor = unsafe Glibc.open(path(name), flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { slots[slot] = descriptor }
            return outcome(descriptor)
        case .close(let slot):
            guard let descriptor = slots.removeValue(forKey: slot) else { return "free" }
            return outcome(Glibc.close(descriptor))
        case .write(let slot, let offset, let text):
            guard let descriptor = slots[slot] else { return "free" }
            let count = unsafe Glibc.pwrite(descriptor, Array(text.utf8), text.utf8.count, off_t(offset))
            return count < 0 ? "errno \(errno)" : "\(count)"
        case .read(let slot, let offset, let count):
            guard let descriptor = slots[slot] else { return "free" }
            var bytes = [UInt8](repeating: 0, count: count)
            let got = unsafe Glibc.pread(descriptor, &bytes, count, off_t(offset))
            return got < 0 ? "errno \(errno)" : String(decoding: bytes.prefix(got), as: UTF8.self)
        case .mkdir(let name): return outcome(unsafe Glibc.mkdir(path(name), 0o755))
        case .rmdir(let name): return outcome(unsafe Glibc.rmdir(path(name)))
        case .unlink(let name): return outcome(unsafe Glibc.unlink(path(name)))
        case .rename(let name, let other): return outcome(unsafe Glibc.rename(path(name), path(other)))
        case .link(let name, let other): return outcome(unsafe Glibc.link(path(name), path(other)))
        case .symlink(let target, let name): return outcome(unsafe Glibc.symlink(target, path(name)))
        case .truncate(let name, let size): return outcome(unsafe Glibc.truncate(path(name), off_t(size)))
        case .chmod(let name, let mode): return outcome(unsafe Glibc.chmod(path(name), mode))
        case .stat(let name):
            var status = stat()
            guard unsafe lstat(path(name), &status) == 0 else { return "errno \(errno)" }
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            return "\(String(status.st_mode, radix: 8)) \(isDirectory ? 0 : status.st_size) \(isDirectory ? 0 : status.st_nlink)"
        case .list(let name):
            var status = stat()
            guard unsafe stat(path(name), &status) == 0 else { return "errno \(errno)" }
            guard status.st_mode & S_IFMT == S_IFDIR else { return "errno \(ENOTDIR)" }
            return ((try? FileManager.default.contentsOfDirectory(atPath: path(name))) ?? []).sorted().joined(separator: " ")
        case .dropCaches: return "ok"
        }
    }
}
