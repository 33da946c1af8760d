// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import PassthroughFS
import SystemPackage

/// One finding.
struct CheckLine {
    let subject: String
    let isFine: Bool
    /// Whether full speed depends on it.
    let isNeeded: Bool
    /// What there is, or what is missing and what would help.
    let text: String

    var word: String { isFine ? "ok" : "no" }

    private init(_ subject: String, needed: Bool = true, ok text: String) {
        self.subject = subject
        self.text = text
        isFine = true
        isNeeded = needed
    }

    private init(_ subject: String, needed: Bool = true, no text: String) {
        self.subject = subject
        self.text = text
        isFine = false
        isNeeded = needed
    }

    /// - Throws: where the source cannot be mirrored at all.
    static func all(source: String?) throws -> [CheckLine] {
        try [device, privileges] + connection + [descriptorLimit, helper] + (source.map { try Self.source($0) } ?? [])
    }

    private static var device: CheckLine {
        do throws(MountError) {
            try DeviceFile.check()
            return CheckLine("/dev/fuse", ok: "can be opened" + (isOpenToAll ? "" : ", by root alone (chmod 0666 lets others mount, by fusermount3)"))
        } catch {
            return CheckLine("/dev/fuse", no: "\(error.cause)" + (error.remedy.map { " (\($0))" } ?? ""))
        }
    }

    /// Whether other users than root could open the device: distributions open it up, bare systems do not.
    private static var isOpenToAll: Bool {
        var status = stat()
        // Safe: a literal, and a structure that is filled within the call.
        return unsafe stat("/dev/fuse", &status) == 0 && status.st_mode & 0o006 == 0o006
    }

    private static var privileges: CheckLine {
        geteuid() == 0
            ? CheckLine("privileges", ok: "root")
            : CheckLine("privileges", no: "user \(geteuid()): files can be mirrored, but not passed through (run as root)")
    }

    /// What a mount that is made for the purpose agrees on with the kernel.
    private static var connection: [CheckLine] {
        do {
            let place = try TemporaryPlace(in: TemporaryPlace.usualDirectory, ["mountpoint"])
            defer { place.remove() }
            var logger = MessageLog(nil).logger(verbose: false)
            logger.logLevel = .critical
            let mount = try Mount(NothingFS(), at: FilePath(place.path("mountpoint")), options: MountOptions(logger: logger))
            defer { mount.endTrial() }
            let connection = mount.session.connection
            return [
                CheckLine("mount", ok: "works, on Linux \(kernelVersion) with FUSE protocol 7.\(connection.protocolMinor)"),
                passthrough(connection), ring(mount),
            ]
        } catch {
            return [CheckLine("mount", no: "\(error)")]
        }
    }

    /// As `6.18`: what follows is the distribution's.
    private static var kernelVersion: String {
        var name = utsname()
        // Safe: the structure is filled within the call, and its texts are NUL-terminated.
        guard unsafe uname(&name) == 0 else { return "" }
        let release = unsafe withUnsafeBytes(of: &name.release) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return release.split(separator: ".").prefix(2).joined(separator: ".")
    }

    private static func passthrough(_ connection: Connection) -> CheckLine {
        switch connection.passthrough {
        case .available: CheckLine("passthrough", ok: "the kernel took a file; ids are chosen by the \(connection.backingDialect ?? .kernel)")
        case .unavailable(let reason, let remedy): CheckLine("passthrough", no: "\(reason) (\(remedy))")
        case .off: CheckLine("passthrough", no: "not asked for")
        }
    }

    private static func ring(_ mount: Mount<NothingFS>) -> CheckLine {
        if mount.statistics.transport == "io_uring" { return CheckLine("io_uring", needed: false, ok: "requests come by it") }
        if mount.session.connection.offered.contains(.overIOUring) {
            return CheckLine("io_uring", needed: false, no: "the kernel offers it, and it cannot be set up here (mount with --transport ring to see why)")
        }
        return CheckLine("io_uring", needed: false, no: "requests come by /dev/fuse: \(ringObstacle)")
    }

    /// What the module's parameter says. Source: `enable_uring` in `fs/fuse/dev_uring.c` of Linux.
    private static var ringObstacle: String {
        let parameter = "/sys/module/fuse/parameters/enable_uring"
        guard let file = try? FileDescriptor.open(FilePath(parameter), .readOnly) else { return "it takes Linux 6.14 or newer" }
        defer { try? file.close() }
        var byte: [UInt8] = [0]
        // Safe: the array is lent for the call.
        _ = try? unsafe byte.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
        return byte[0] == UInt8(ascii: "N") ? "switched off (echo Y > \(parameter))" : "\(parameter) is on, and this mount got none"
    }

    // MARK: A source

    /// What a source's filesystem can do, by a mirror of it on a temporary mount.
    static func source(_ path: String) throws -> [CheckLine] {
        try checkAccess(path)
        var logger = MessageLog(nil).logger(verbose: false)
        logger.logLevel = .critical
        let mirror = try PassthroughFS(source: FilePath(path), logger: logger)
        let handles: CheckLine =
            switch mirror.handleSupport {
            case .available: CheckLine("file handles", needed: false, ok: "\(path): inodes take no descriptors")
            case .unavailable(let reason, let remedy):
                CheckLine("file handles", needed: false, no: "\(path): each inode in use takes a descriptor: \(reason) (\(remedy))")
            }
        let words = mirror.mountRestrictions.words.joined(separator: ",")
        let restrictions = CheckLine(
            "restrictions", needed: false, ok: words.isEmpty ? "\(path): none" : "\(path): mounted \(words), and so is a mirror of it")
        do {
            let place = try TemporaryPlace(in: TemporaryPlace.usualDirectory, ["mountpoint"])
            defer { place.remove() }
            let target = place.path("mountpoint")
            let mount = try Mount(mirror, at: FilePath(target), options: MountOptions(logger: logger))
            defer { mount.endTrial() }
            return [handles, restrictions, passthrough(of: path, mount, target)]
        } catch {
            return [handles, restrictions, CheckLine("source", no: "\(error)")]
        }
    }

    /// A directory that this user may not search can be opened, and nothing in it. What else stands against it is told by
    /// those who open it.
    static func checkAccess(_ path: String) throws(SourceError) {
        // Safe: a string lent for the call.
        if unsafe access(path + "/.", X_OK) < 0, errno == EACCES { throw SourceError(source: path, cause: .permissionDenied) }
    }

    /// Opens a file without a name through a mirror of the source: whether the kernel takes it shows in the numbers.
    private static func passthrough(of path: String, _ mount: Mount<PassthroughFS>, _ target: String) -> CheckLine {
        do {
            let file = try FileDescriptor.open(
                FilePath(target), .readWrite, options: FileDescriptor.OpenOptions(rawValue: CInt(CLINUX_O_TMPFILE)),
                permissions: .ownerReadWrite)
            try file.close()
        } catch {
            return CheckLine("source", needed: false, no: "\(path): not tried, as no file can be made there: \(error)")
        }
        let statistics = mount.statistics
        if statistics.passthroughOpens > 0 {
            let stacked = mount.session.connection.stackDepth == 2
                ? "; its filesystem is stacked on another, so nothing can be stacked on the mount" : ""
            return CheckLine("source", ok: "\(path): the kernel reads and writes its files itself\(stacked)")
        }
        guard case .available = statistics.passthrough else {
            return CheckLine("source", no: "\(path): its files go through the daemon (see passthrough)")
        }
        let reason =
            statistics.refusals.keys.contains(.tooManySymbolicLinkLevels)
            ? "its filesystem is stacked too deeply on others (mirror what lies below it)"
            : statistics.refusals.keys.map { "\($0)" }.joined(separator: ", ")
        return CheckLine("source", no: "\(path): its files go through the daemon: \(reason)")
    }

    private static var descriptorLimit: CheckLine {
        var limit = rlimit()
        // Safe: filled within the call.
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return CheckLine("descriptors", needed: false, ok: "up to \(limit.rlim_max)")
    }

    private static var helper: CheckLine {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        let candidates = path.split(separator: ":").map { String($0) + "/fusermount3" }
        let found = candidates.first { candidate in unsafe access(candidate, X_OK) == 0 }
        return found.map { CheckLine("fusermount3", needed: false, ok: $0) }
            ?? CheckLine("fusermount3", needed: false, no: "not found: only root can mount (install the package fuse3)")
    }
}

extension Mount {
    /// Ends a mount that was made to try something.
    func endTrial() {
        do throws(MountError) {
            do throws(MountError) { try detach() } catch { try abort() }
        } catch {
            // It ends with the process: to wait for it would be to wait for ever.
            return
        }
        wait()
    }
}

/// A filesystem with an empty root, to see what the kernel says to it.
private struct NothingFS: FileSystem {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        throw .noSuchFileOrDirectory
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(.directory(inode: 1))
    }
}
