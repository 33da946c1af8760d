// SPDX-License-Identifier: MIT

import ArgumentParser
import SystemPackage

/// What the command says to its user.
enum Console {
    static func say(_ text: String) { print(text, to: .standardOutput) }

    static func complain(_ text: String, prefixed: Bool = true) {
        print(prefixed ? "passthroughfs: \(text)" : text, to: .standardError)
    }

    /// Does the command's work. What it throws is told in one line, and becomes the exit status 1.
    static func run(_ body: () throws -> Void) throws {
        do { try body() } catch let exit as ExitCode { throw exit } catch Interrupt.raised(let signal) {
            // As a shell reports a command that a signal ended.
            throw ExitCode(128 + signal)
        } catch {
            complain("\(error)")
            throw ExitCode.failure
        }
    }

    private static func print(_ text: String, to descriptor: FileDescriptor) {
        // Nobody may be listening any more: then there is nobody to tell.
        _ = try? descriptor.writeAll((text + "\n").utf8)
    }
}
