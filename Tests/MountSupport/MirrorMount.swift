// SPDX-License-Identifier: MIT

public import FUSE
public import FUSEWire
import Foundation
import Logging
public import PassthroughFS
import SystemPackage
public import Testing

/// Whether this machine can mount. Where it could and does not, the tests fail instead of being skipped.
public enum Machine {
    public static var canMount: Bool { getuid() == 0 && FileManager.default.fileExists(atPath: "/dev/fuse") }

    /// Skips are for machines without the feature: a continuous integration that cannot mount has lost its purpose.
    public static var mountsAreDue: Bool { canMount || isContinuousIntegration }

    public static var isContinuousIntegration: Bool { ProcessInfo.processInfo.environment["CI"] != nil }

    public static func has(_ command: String) -> Bool {
        ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"].contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(command)")
        }
    }
}

/// A temporary directory with a source, the mirror of it, and a native directory to compare with.
///
/// The mirror is served by this process and used by others: a thread of this process that waits for its own mount could
/// wait for itself.
public final class MirrorMount {
    public let root: String
    public let mount: Mount<PassthroughFS>
    private let watchdog: Watchdog

    public var source: String { root + "/source" }
    public var mirror: String { root + "/mirror" }
    public var native: String { root + "/native" }

    /// - Parameters:
    ///   - seconds: after so many the connection is aborted, so that nothing can hang for ever.
    ///   - prepare: a script that makes the source what it is to be, in ``root``, before it is mirrored. What it mounts there is unmounted in the end.
    public init(
        cache: PassthroughOptions.Cache = .auto, passthrough: SessionOptions.Passthrough = .require,
        locks: PassthroughOptions.Locks = .kernel, appends: PassthroughOptions.Appends = .kernel, idMapped: Bool = false,
        seconds: Int = 300, prepare: String = "",
        options change: (inout MountOptions) -> Void = { _ in }
    ) throws {
        root = FileManager.default.temporaryDirectory.path + "/mirror-\(UUID().uuidString)"
        for name in ["source", "mirror", "native"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        }
        if !prepare.isEmpty { try succeed(prepare, in: root) }
        var options = MountOptions(logger: Logger(label: "test"))
        options.session.passthrough = passthrough
        options.allowOther = true
        change(&options)
        PassthroughFS.prepareProcess()
        let fileSystem = try PassthroughFS(
            source: FilePath("\(root)/source"), 
            options: .init(cache: cache, passthrough: passthrough != .off, locks: locks, appends: appends, idMapped: idMapped))
        let mount = try Mount(fileSystem, at: FilePath("\(root)/mirror"), options: options)
        self.mount = mount
        watchdog = Watchdog(seconds: seconds) { try? mount.abort() }
    }

    /// Unmounts, and removes everything.
    public func end(sourceLocation: SourceLocation = #_sourceLocation) {
        do { try unmount() } catch {
            Issue.record("\(error)\n\(users)", sourceLocation: sourceLocation)
            try? mount.detach()
        }
        mount.wait()
        #expect(!watchdog.stop(), "the watchdog had to end it", sourceLocation: sourceLocation)
        // Whatever is mounted there still, the innermost first: so it also ends where a test broke off.
        _ = try? shell("for place in $(cut -d ' ' -f 2 /proc/mounts | grep \"^$PWD/\" | sort -r); do umount -l $place; done", in: root)
        try? FileManager.default.removeItem(atPath: root)
    }

    /// Processes that were killed, but not waited for, may be some moments in ending; and who goes through all mounts of the
    /// machine comes by here too.
    private func unmount() throws(MountError) {
        for _ in 0..<300 {
            do throws(MountError) { return try mount.unmount() } catch where error.errno == .resourceBusy { usleep(100_000) }
        }
        try mount.unmount()
    }

    /// Who uses the mount: processes, by what of theirs is in it.
    private var users: String {
        let script = """
            for process in /proc/[0-9]*; do
                ls -l $process/cwd $process/root $process/exe $process/fd $process/map_files 2>/dev/null | grep -F "$PWD/mirror" |
                    sed "s,^,$process $(cat $process/comm 2>/dev/null): ,"
            done || true
            """
        return (try? shell(script, in: root).output) ?? ""
    }

    public func requests(_ opcode: Opcode) -> UInt64 { mount.session.counters[opcode] }
}

/// Does something after a time, unless it is stopped.
public final class Watchdog: @unchecked Sendable {
    private let timer: DispatchSourceTimer
    private let lock = NSLock()
    private var hasFired = false

    public init(seconds: Int, _ action: @escaping @Sendable () -> Void) {
        timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "watchdog"))
        timer.schedule(deadline: .now() + .seconds(seconds))
        timer.setEventHandler { [weak self] in
            self?.lock.withLock { self?.hasFired = true }
            action()
        }
        timer.resume()
    }

    /// Whether it has fired.
    public func stop() -> Bool {
        timer.cancel()
        return lock.withLock { hasFired }
    }
}
