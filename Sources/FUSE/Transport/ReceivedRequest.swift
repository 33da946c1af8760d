// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

/// A request as it came: in one piece from `/dev/fuse`, in three from io_uring.
public struct ReceivedRequest: ~Escapable {
    let header: RawSpan
    /// What follows the header: the operation's structure, and its payload. All three are the whole message where that is in one
    /// piece.
    let operation: RawSpan
    let payload: RawSpan
    let isContiguous: Bool

    @_lifetime(copy header, copy operation, copy payload)
    init(header: RawSpan, operation: RawSpan, payload: RawSpan, isContiguous: Bool) {
        self.header = header
        self.operation = operation
        self.payload = payload
        self.isContiguous = isContiguous
    }
}

extension ReceivedRequest {
    /// The header, also of a message that does not decode; nil where even that is cut short.
    var decodedHeader: InHeader? { RequestMessage.header(of: header) }

    @inline(__always)
    @_lifetime(copy self)
    func message(_ features: ProtocolFeatures) throws(Errno) -> RequestMessage {
        do throws(WireError) {
            if isContiguous { return try RequestMessage(header, features: features) }
            return try RequestMessage(header: header.load(), operation: operation, payload: payload, features: features)
        } catch {
            throw .ioError
        }
    }
}

extension Exchange {
    var header: InHeader? { request.decodedHeader }

    /// Something is forgotten.
    var isForget: Bool {
        let opcode = header.map { Opcode(rawValue: $0.opcode) }
        return opcode == .forget || opcode == .batchForget
    }
}

extension RequestMessage {
    func fields<T: WireStruct>(_: T.Type = T.self) throws(Errno) -> T {
        do throws(WireError) { return try structure(T.self) } catch { throw .ioError }
    }

    func lengthenedFields<T: LengthenedWireStruct>(_: T.Type = T.self) throws(Errno) -> T {
        do throws(WireError) { return try structure(T.self) } catch { throw .ioError }
    }

    /// A reader of what follows the operation's structure.
    var payloadReader: WireReader {
        @_lifetime(copy self) get { WireReader(payload) }
    }
}
