// SPDX-License-Identifier: MIT

import Glibc
import Logging
public import SystemPackage

extension Mount {
    /// Mounts, and serves until it is unmounted or the process gets SIGINT, SIGTERM or SIGHUP: then it unmounts.
    ///
    /// Where the mount is in use at that moment, it is taken out of the tree and served on until its last user is gone;
    /// a second signal ends it at once.
    ///
    /// To be called before the process has started threads that would take these signals.
    ///
    /// `whenMounted` is called once the mount is live; `whenEnding` when a signal has come, before it is unmounted.
    /// - Throws: ``MountError`` where it cannot be mounted, or serving it failed.
    public static func serve(
        _ fileSystem: FS, at path: FilePath, options: MountOptions = MountOptions(),
        whenMounted: (Mount<FS>) -> Void = { _ in }, whenEnding: () -> Void = {}
    ) throws(MountError) {
        // Before there are threads, so that no signal finds one that does not block it.
        let signals: SignalSource
        do throws(Errno) { signals = try SignalSource([SIGINT, SIGTERM, SIGHUP]) } catch {
            throw MountError("signals", "\(error)", errno: error)
        }
        let mount = try Mount(fileSystem, at: path, options: options)
        whenMounted(mount)
        do throws(Errno) { try mount.serveUntilEnded(signals, options.session.logger, whenEnding) } catch {
            try? mount.detach()
            throw MountError(mount.mountpoint, "\(error)", errno: error)
        }
        if let failure = mount.pool.failure { throw MountError(mount.mountpoint, "serving failed: \(failure)", errno: failure) }
    }

    private func serveUntilEnded(
        _ signals: borrowing SignalSource, _ logger: Logger, _ whenEnding: () -> Void
    ) throws(Errno) {
        var isEnding = false
        while try waitForAny([pool.ended, signals.descriptor]) != 0 {
            let signal = try signals.next()
            if isEnding {
                logger.warning("signal \(signal) again: the connection is aborted")
                do throws(MountError) { try abort() } catch {
                    logger.error("\(error)")
                    return
                }
                continue
            }
            isEnding = true
            whenEnding()
            logger.debug("signal \(signal): unmounting \(mountpoint)")
            // On a thread of its own: unmounting waits for dirty data, and the next signal must be heard meanwhile.
            try startThread { [self] in
                do throws(MountError) {
                    do throws(MountError) { try unmount() } catch {
                        guard error.errno == .resourceBusy else { throw error }
                        logger.notice("\(mountpoint) is in use: detached, and served until its last user is gone; a second signal ends it at once")
                        try detach()
                    }
                } catch {
                    logger.error("\(error)")
                }
            }
        }
    }
}
