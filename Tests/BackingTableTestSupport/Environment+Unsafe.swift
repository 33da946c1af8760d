// SPDX-License-Identifier: MIT

import Glibc

/// A number from the environment.
public func environment(_ name: String, default standard: UInt64) -> UInt64 {
    // Safe: the string is copied at once, and no test changes the environment.
    guard let value = unsafe getenv(name) else { return standard }
    let text = unsafe String(cString: value)
    guard let number = UInt64(text) else { preconditionFailure("\(name)=\(text): not a number") }
    return number
}
