// SPDX-License-Identifier: MIT

import ConformanceCalls
import FUSE
import FUSESimulation
import SystemPackage

// Open files, extended attributes, and what the simulated kernel does not have.

extension Sys {
    private static var process: SimulatedProcess { SimulatedTask.current.process }
    private static func descriptor(_ file: Int) -> Descriptor { Descriptor(rawValue: Int32(truncatingIfNeeded: file)) }
    private static func bytes(_ body: () throws(Errno) -> [UInt8]) -> (outcome: Int, bytes: [UInt8]) {
        do throws(Errno) {
            let bytes = try body()
            return (bytes.count, bytes)
        } catch { return (-Int(error.rawValue), []) }
    }

    static func read(_ file: Int, _ count: Int) -> (outcome: Int, bytes: [UInt8]) {
        if let end = SimulatedTask.current.pipe(file) {
            return bytes { () throws(Errno) in
                guard let bytes = end.pipe.read(count, by: .current) else { throw .interrupted }
                return bytes
            }
        }
        return bytes { () throws(Errno) in try process.read(descriptor(file), count) }
    }
    static func pread(_ file: Int, _ count: Int, at offset: Int) -> (outcome: Int, bytes: [UInt8]) {
        bytes { () throws(Errno) in try process.pread(descriptor(file), count, at: Int64(offset)) }
    }
    @discardableResult static func write(_ file: Int, _ bytes: [UInt8]) -> Int {
        if let end = SimulatedTask.current.pipe(file) { return end.pipe.write(bytes) }
        return outcome { () throws(Errno) in try process.write(descriptor(file), bytes) }
    }
    @discardableResult static func write(_ file: Int, _ text: String) -> Int { write(file, Array(text.utf8)) }
    @discardableResult static func pwrite(_ file: Int, _ text: String, at offset: Int) -> Int {
        outcome { () throws(Errno) in try process.pwrite(descriptor(file), Array(text.utf8), at: Int64(offset)) }
    }
    @discardableResult static func pwrite(_ file: Int, _ text: String, at offset: Int, _ flags: Int) -> Int {
        Lacks.all.note(.writeFlags)
    }
    static func aligned(_ file: Int, _ count: Int, at offset: Int, writing: Bool) -> Int {
        outcome { () throws(Errno) in
            writing
                ? try process.pwrite(descriptor(file), [UInt8](repeating: 0x61, count: count), at: Int64(offset))
                : try process.pread(descriptor(file), count, at: Int64(offset)).count
        }
    }
    static func lseek(_ file: Int, _ offset: Int, _ whence: Int32) -> Int {
        outcome { () throws(Errno) in Int(try process.lseek(descriptor(file), Int64(offset), whence)) }
    }
    @discardableResult static func fcntl(_ file: Int, _ command: Int32, _ argument: Int = 0) -> Int {
        outcome { () throws(Errno) in
            switch command {
            case F_GETFL: return Int(try process.flags(descriptor(file)))
            case F_SETFL:
                try process.setFlags(descriptor(file), Int32(truncatingIfNeeded: argument))
                return 0
            default: throw .invalidArgument
            }
        }
    }
    static func lock(_ file: Int, _ command: Int32, _ type: Int32, from start: Int = 0, count: Int = 0) -> (outcome: Int, lock: flock) {
        var lock = ConformanceCalls.flock(type, from: start, count: count)
        let result = outcome { () throws(Errno) in
            let kinds: [Int32: FileLock.Kind] = [F_RDLCK: .read, F_WRLCK: .write, F_UNLCK: .unlock]
            guard let kind = kinds[type] else { throw .invalidArgument }
            let wanted = FileLock(kind: kind, start: UInt64(start), end: count == 0 ? UInt64(Int64.max) : UInt64(start + count - 1))
            let ofOpenFile = [Int32(K_OFD_GETLK), Int32(K_OFD_SETLK), Int32(K_OFD_SETLKW)].contains(command)
            if command == F_GETLK || command == Int32(K_OFD_GETLK) {
                let found = try process.findLock(descriptor(file), wanted, ofOpenFile: ofOpenFile)
                lock.l_type = Int16(found.map { $0.kind == .write ? F_WRLCK : F_RDLCK } ?? F_UNLCK)
                guard let found else { return 0 }
                lock.l_start = Int(found.start)
                lock.l_len = found.end == UInt64(Int64.max) ? 0 : Int(found.end - found.start + 1)
                lock.l_pid = found.process
            } else {
                try process.setLock(
                    descriptor(file), wanted, ofOpenFile: ofOpenFile, waits: command == F_SETLKW || command == Int32(K_OFD_SETLKW))
            }
            return 0
        }
        return (result, lock)
    }
    static func flock(_ file: Int, _ operation: Int32) -> Int {
        outcome { () throws(Errno) in
            let kinds: [Int32: FileLock.Kind] = [LOCK_SH: .read, LOCK_EX: .write, LOCK_UN: .unlock]
            guard let kind = kinds[operation & ~LOCK_NB] else { throw .invalidArgument }
            try process.flock(descriptor(file), kind, waits: operation & LOCK_NB == 0)
            return 0
        }
    }
    static func fallocate(_ file: Int, _ mode: Int, _ offset: Int, _ length: Int) -> Int {
        outcome { () throws(Errno) in
            try process.fallocate(descriptor(file), mode: Int32(mode), offset: Int64(offset), length: Int64(length))
            return 0
        }
    }
    static func copy(_ from: Int, at fromOffset: Int, _ to: Int, at toOffset: Int, _ count: Int) -> Int {
        outcome { () throws(Errno) in
            try process.copyFileRange(
                descriptor(from), at: Int64(fromOffset), descriptor(to), at: Int64(toOffset), count: count)
        }
    }
    /// As the kernel does it: read, and written.
    static func sendfile(_ to: Int, _ from: Int, _ count: Int) -> Int {
        outcome { () throws(Errno) in try process.write(descriptor(to), process.pread(descriptor(from), count, at: 0)) }
    }
    static func fsync(_ file: Int) -> Int { sync(file, dataOnly: false) }
    static func fdatasync(_ file: Int) -> Int { sync(file, dataOnly: true) }
    private static func sync(_ file: Int, dataOnly: Bool) -> Int {
        outcome { () throws(Errno) in
            try process.fsync(descriptor(file), dataOnly: dataOnly)
            return 0
        }
    }
    /// The kernel sends nothing for it.
    static func syncfs(_ file: Int) -> Int {
        outcome { () throws(Errno) in
            _ = try process.flags(descriptor(file))
            return 0
        }
    }

    // MARK: Extended attributes

    static func getxattr(_ path: String, _ name: String, room: Int = 4096) -> (outcome: Int, value: [UInt8]) {
        let (outcome, value) = bytes { () throws(Errno) in try process.getxattr(path, name) }
        guard outcome > room else { return (outcome, value) }
        return room == 0 ? (outcome, []) : (-Int(ERANGE), [])
    }
    @discardableResult static func setxattr(_ path: String, _ name: String, _ value: [UInt8], _ flags: Int32 = 0) -> Int {
        outcome { () throws(Errno) in
            try process.setxattr(path, name, value, XattrOptions(rawValue: UInt32(bitPattern: flags)))
            return 0
        }
    }
    @discardableResult static func setxattr(_ path: String, _ name: String, _ value: String, _ flags: Int32 = 0) -> Int {
        setxattr(path, name, Array(value.utf8), flags)
    }
    static func fsetxattr(_ file: Int, _ name: String, _ value: String) -> Int {
        outcome { () throws(Errno) in
            try process.setxattr(descriptor(file), name, Array(value.utf8))
            return 0
        }
    }
    static func listxattr(_ path: String, room: Int = 65536) -> (outcome: Int, names: [String]) {
        do throws(Errno) {
            let names = try process.listxattr(path)
            let size = names.reduce(0) { $0 + $1.utf8.count + 1 }
            if room == 0 { return (size, []) }
            return size > room ? (-Int(ERANGE), []) : (size, names.sorted())
        } catch { return (-Int(error.rawValue), []) }
    }
    @discardableResult static func removexattr(_ path: String, _ name: String) -> Int {
        outcome { () throws(Errno) in
            try process.removexattr(path, name)
            return 0
        }
    }

    // MARK: What it does not have

    static func ioctl(_ file: Int, _ request: UInt, _ value: inout Int) -> Int { Lacks.all.note(.ioctls) }
    static func ioctl(_ file: Int, _ request: UInt, number: Int) -> Int { Lacks.all.note(.ioctls) }
    static func ioctl(_ file: Int, _ request: UInt, bytes count: Int) -> (outcome: Int, bytes: [UInt8]) { (Lacks.all.note(.ioctls), []) }
    static func handle(_ path: String) -> (outcome: Int, handle: [UInt8]) { (Lacks.all.note(.handles), []) }
    static func open(_ handle: [UInt8], on mount: Int, _ flags: Int32) -> Int { Lacks.all.note(.handles) }
    static func socket(_ path: String, isServer: Bool) -> Int { Lacks.all.note(.sockets) }
}

/// As a file in memory, of which there are none.
final class Mapping {
    let outcome = Lacks.all.note(.maps)
    init(_ file: Int, _ count: Int, _ protection: Int32 = PROT_READ | PROT_WRITE, _ flags: Int32 = MAP_SHARED, offset: Int = 0) {}
    subscript(index: Int) -> UInt8 {
        get { 0 }
        set {}
    }
    func text(_ range: Range<Int>) -> String { "" }
    func put(_ text: String, at index: Int) {}
    func sync() -> Int { outcome }
}

extension DirectoryReader {
    func some(_ room: Int = 4096) -> [Entry]? {
        do throws(Errno) {
            let entries = try SimulatedTask.current.process.readdir(
                Descriptor(rawValue: Int32(truncatingIfNeeded: directory)), room: room)
            return entries.map { Entry(name: $0.name, type: $0.type, next: Int($0.next), inode: $0.inode) }
        } catch { return nil }
    }
}
