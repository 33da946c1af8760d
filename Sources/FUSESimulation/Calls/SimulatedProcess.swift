// SPDX-License-Identifier: MIT

import CLinux
public import FUSE
public import SystemPackage

/// Names an open file of a simulated process.
public struct Descriptor: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
}

/// A process of the simulated kernel: its methods are the system calls, on paths and descriptors, with the errors of
/// Linux. The mounted filesystem's root is `/`, and the working directory at first.
///
/// One thread at a time may be in a call of a process; several processes may call at once where the server has threads.
public final class SimulatedProcess: @unchecked Sendable {
    /// The kernel that it is a process of.
    public let kernel: SimulatedKernel
    public let id: Int32
    var credentials: Credentials
    var mask: UInt32 = 0o022
    var directory: KernelName
    var files: [Int32: KernelFile] = [:]
    var isSignalled = false
    /// Who holds its POSIX locks.
    let owner = LockHolder()
    private(set) var callerID: Int32

    init(_ kernel: SimulatedKernel, _ id: Int32, _ credentials: Credentials, _ root: KernelName) {
        self.kernel = kernel
        self.id = id
        callerID = id
        self.credentials = credentials
        directory = root
    }

    /// Runs a call: what comes before the reply to the user, and then what nobody waits for.
    func call<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        kernel.monitor.enter()
        defer { kernel.monitor.leave() }
        defer { kernel.settle() }
        return try body()
    }

    /// As ``call(_:)``, with a path: one that led through something stale is gone once more, with nothing remembered.
    func call<R>(_ path: String, _ body: ([UInt8], SimulatedKernel.LookupIntent) throws(Errno) -> R) throws(Errno) -> R {
        let bytes = Array(path.utf8)
        return try call { () throws(Errno) in
            do throws(Errno) { return try body(bytes, []) } catch .staleNFSFileHandle { return try body(bytes, .revalidate) }
        }
    }

    func file(_ descriptor: Descriptor) throws(Errno) -> KernelFile {
        guard let file = files[descriptor.rawValue] else { throw .badFileDescriptor }
        return file
    }

    /// As ``file(_:)``, where one that only names its file will not do.
    func openFile(_ descriptor: Descriptor) throws(Errno) -> KernelFile {
        let file = try file(descriptor)
        guard !file.isPath else { throw .badFileDescriptor }
        return file
    }

    func add(_ file: KernelFile) throws(Errno) -> Descriptor {
        guard files.count < Limits.descriptors else { throw .tooManyOpenFiles }
        var number: Int32 = 3
        while files[number] != nil { number += 1 }
        files[number] = file
        file.descriptors += 1
        if file.opener == nil { file.opener = credentials }
        return Descriptor(rawValue: number)
    }

    // MARK: The process itself

    /// Another process, of the same user, in the same directory, with descriptors of the same open files. Locks of the
    /// process are not inherited. C counterpart: `fork(2)`.
    public func fork() throws(Errno) -> SimulatedProcess {
        try call { () throws(Errno) in
            let child = kernel.addProcess(credentials, directory)
            child.mask = mask
            child.callerID = callerID == id ? child.id : callerID
            child.files = files
            for file in files.values { file.descriptors += 1 }
            return child
        }
    }

    /// Whom it acts as from now on.
    ///
    /// `standIn`: a process or thread of the machine's, for filesystems that look for their callers in `/proc`: its number is
    /// what requests come with. Otherwise it is ``id``, which no process of the machine's has.
    public func become(_ credentials: Credentials, standIn: Int32? = nil) {
        kernel.monitor.within {
            self.credentials = credentials
            callerID = standIn ?? id
        }
    }

    /// Which node of the server's a path leads to.
    public func node(_ path: String, followsLinks: Bool = true) throws(Errno) -> NodeID {
        try call(path) { (path, intent) throws(Errno) in
            guard let inode = try kernel.walk(path, follows: followsLinks, for: self, intent).inode else { throw .noSuchFileOrDirectory }
            return NodeID(rawValue: inode.node)
        }
    }

    /// Sets the mode creation mask. Returns the old one.
    @discardableResult public func umask(_ mask: UInt32) -> UInt32 {
        kernel.monitor.within {
            defer { self.mask = mask & 0o777 }
            return self.mask
        }
    }

    /// It gets a signal: the call that it waits in is interrupted, or the next one that waits for the server; unless the server
    /// has answered an INTERRUPT with ENOSYS, which is remembered.
    public func interrupt() { kernel.monitor.within { kernel.signal(self) } }

    /// Changes the working directory.
    public func chdir(_ path: String) throws(Errno) {
        try call(path) { (path, intent) throws(Errno) in try enter(kernel.walk(path, for: self, intent)) }
    }

    public func fchdir(_ descriptor: Descriptor) throws(Errno) {
        try call { () throws(Errno) in try enter(file(descriptor).name) }
    }

    private func enter(_ name: KernelName) throws(Errno) {
        guard let inode = name.inode, inode.isDirectory else { throw .notDirectory }
        try kernel.permission(inode, .execute, for: self, isAccess: true)
        directory = name
    }

    /// Another descriptor of the same open file.
    public func dup(_ descriptor: Descriptor) throws(Errno) -> Descriptor {
        try call { () throws(Errno) in try add(file(descriptor)) }
    }

    /// Ends the process: everything that it has open is closed.
    public func exit() {
        try? call { () throws(Errno) in
            for descriptor in files.keys.sorted() { try? close(one: Descriptor(rawValue: descriptor)) }
            if let root = kernel.root { directory = root }
            kernel.processes[id] = nil
        }
    }

    // MARK: Names for paths

    /// The directory that relative paths start from.
    func start(_ at: Descriptor?) throws(Errno) -> KernelName {
        guard let at else { return directory }
        return try file(at).name
    }
}
