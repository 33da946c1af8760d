// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

/// A line of a trace: words, and fields as `name=value` with the kernel's names.
struct TraceLine {
    private(set) var text: String

    init(mark: String) { text = mark }

    /// The start of a request's or a reply's line. Bit 63 of a request's name is no part of it, see
    /// `FUSEProtocol.uniqueResend`.
    init(_ mark: String, _ opcode: Opcode, unique: UInt64) {
        text = "\(mark) \(unique & ~FUSEProtocol.uniqueResend) \(opcode)"
        if unique & FUSEProtocol.uniqueResend != 0 { put(word: "RESENT") }
    }

    init(_ mark: String, _ header: InHeader) {
        self.init(mark, Opcode(rawValue: header.opcode), unique: header.unique)
        if header.nodeid != 0 { put("nodeid", header.nodeid) }
    }

    mutating func put(word: String) { text += " " + word }

    mutating func put(_ name: String, _ value: some CustomStringConvertible) { text += " \(name)=\(value)" }

    /// Left out where no bit is set.
    mutating func put(_ name: String, flags: some WireFlags) {
        if !flags.isEmpty { put(name, flags.description) }
    }

    /// Left out where no bit is set, and nothing says so.
    mutating func put(_ name: String, bits: UInt32, _ names: BitNames) {
        let value = names.describe(bits)
        if !value.isEmpty { put(name, value) }
    }

    mutating func put(_ name: String, octal value: UInt32) { put(name, (value == 0 ? "" : "0") + String(value, radix: 8)) }

    mutating func put(_ name: String, seconds: Int64, _ nanoseconds: UInt32) {
        let fraction = String(nanoseconds)
        put(name, "\(seconds)." + String(repeating: "0", count: max(0, 9 - fraction.count)) + fraction)
    }

    /// A name with its NUL, a target or the like, between quotes.
    mutating func put(_ name: String, quoted bytes: RawSpan) { put(name, Self.quoted(Array(copying: bytes))) }

    mutating func put(since start: ContinuousClock.Instant) {
        put("us", Int(start.duration(to: .now) / .microseconds(1)))
    }

    mutating func put(caller header: InHeader) {
        put("uid", header.uid)
        put("gid", header.gid)
        put("pid", header.pid)
    }

    /// Text that stays on its line, and stays readable: what is no UTF-8, or would move the cursor, as `\xNN`.
    static func quoted(_ bytes: [UInt8]) -> String {
        var bytes = bytes
        if bytes.last == 0 { bytes.removeLast() }
        var text = "\""
        if let valid = String(validating: bytes, as: UTF8.self) {
            for character in valid.unicodeScalars {
                switch character {
                case "\"", "\\": text += "\\\(character)"
                case _ where character.properties.generalCategory == .control: text += character.utf8.map(escaped).joined()
                default: text.unicodeScalars.append(character)
                }
            }
        } else {
            for byte in bytes {
                let isPlain = (0x20..<0x7f).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                text += isPlain ? String(Unicode.Scalar(byte)) : escaped(byte)
            }
        }
        return text + "\""
    }

    private static func escaped(_ byte: UInt8) -> String { "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}
