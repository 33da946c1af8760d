// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import PassthroughFS
import SystemPackage

@main
struct Main {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { return print("usage: PolicyFS SOURCE MOUNTPOINT") }
        PassthroughFS.prepareProcess()
        do {
            let mirror = try PassthroughFS(source: FilePath(arguments[1]), policy: Policy.decide)
            try Mount.serve(mirror, at: FilePath(arguments[2]))
        } catch {
            print("PolicyFS: \(error)")
            exit(1)
        }
    }
}
