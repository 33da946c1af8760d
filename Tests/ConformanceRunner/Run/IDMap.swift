// SPDX-License-Identifier: MIT

import ConformanceCalls

/// `conformance --id-map FROM TO MAP`: mounts the directory FROM at TO once more, with other ids. MAP is as in `user_namespaces(7)`: the
/// first id there, the first one on the mount, how many; with commas between ranges.
enum IDMap {
    static func mount(_ from: String, at to: String, _ map: String) -> Bool {
        let pipe = Sys.pipe()
        // A process in a user namespace that has the map, until the mount has it as well.
        let process = Sys.start {
            Sys.close(pipe.writing)
            Sys.leaveUserNamespace()
            return Sys.read(pipe.reading, 1).outcome
        }
        Sys.close(pipe.reading)
        defer {
            Sys.close(pipe.writing)
            _ = Sys.wait(for: process)
        }
        let lines = String(map.map { $0 == "," ? "\n" : $0 })
        let own = (Sys.readlink("/proc/self/ns/user").target, "/proc/\(process)/ns/user")
        while Sys.readlink(own.1).target == own.0 { _ = usleep(1000) }
        for kind in ["uid_map", "gid_map"] {
            let file = Sys.open("/proc/\(process)/\(kind)", O_WRONLY)
            guard Sys.write(file, lines) == lines.utf8.count else { return false }
            Sys.close(file)
        }
        let outcome = Sys.mount(from, at: to, mappedAs: Sys.open(own.1, O_RDONLY))
        if outcome < 0 { Sys.print(Sys.name(ofError: -outcome)) }
        return outcome == 0
    }
}
