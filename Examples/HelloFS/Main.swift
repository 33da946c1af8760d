// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

@main
struct Main {
    static func main() {
        guard CommandLine.arguments.count == 2 else { return print("usage: HelloFS MOUNTPOINT") }
        do {
            try Mount.serve(HelloFS(), at: FilePath(CommandLine.arguments[1]))
        } catch {
            print("HelloFS: \(error)")
            exit(1)
        }
    }
}
