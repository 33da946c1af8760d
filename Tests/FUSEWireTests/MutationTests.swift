// SPDX-License-Identifier: MIT

import FUSEWire
import Foundation
import Testing

/// Whatever arrives decodes to a value or to a `WireError`: a trap would end the test process.
@Suite struct MutationTests {
    enum Outcome: Equatable {
        case value
        case error(WireError)
    }

    /// Takes a message apart both ways and reads all that is in it. The pieces are always the whole.
    func decode(_ message: [UInt8], _ features: ProtocolFeatures) -> Outcome {
        do throws(WireError) {
            let request = try RequestMessage(message.raw, features: features)
            let count =
                InHeader.wireSize + request.operation.byteCount + request.payload.byteCount
                + request.extensions.byteCount
            #expect(count == message.count)
            let body = message.raw.extracting(droppingFirst: InHeader.wireSize)
            let split = request.operation.byteCount
            let pieces = try RequestMessage(
                header: request.header, operation: body.extracting(first: split),
                payload: body.extracting(droppingFirst: split), features: features)
            let areSame =
                pieces.operation.isIdentical(to: request.operation) && pieces.payload.isIdentical(to: request.payload)
                && pieces.extensions.isIdentical(to: request.extensions)
            #expect(areSame)
            try consume(request)
            return .value
        } catch {
            return .error(error)
        }
    }

    @Test func samplesDecode() throws {
        let samples = try makeSamples()
        #expect(Set(samples.map(\.opcode)) == Set(operations.map(\.opcode)))
        for sample in samples {
            #expect(decode(sample.message, sample.features) == .value, "\(sample.opcode)")
            let message = sample.message
            let request = try RequestMessage(message.raw, features: sample.features)
            let (header, opcode) = (request.header, request.opcode)
            #expect(opcode == sample.opcode)
            #expect(header.unique == 0x1122_3344_5566_7788)
            let pieces = [request.operation.array, request.payload.array, request.extensions.array]
            #expect(pieces == [sample.structure, sample.payload, sample.extensions], "\(sample.opcode)")
        }
    }

    /// A message that ends early is truncated at every length; so it is when its header owns up to the length, except
    /// where what is left happens to be a message. Its header can be had from byte 40 on.
    @Test func everyTruncation() throws {
        for sample in try makeSamples() {
            let whole = sample.message
            for count in 0..<whole.count {
                var message = Array(whole[..<count])
                #expect(decode(message, sample.features) == .error(.truncated), "\(sample.opcode), \(count) bytes")
                let header = RequestMessage.header(of: message.raw)
                #expect((header != nil) == (count >= InHeader.wireSize))
                guard count >= InHeader.wireSize else { continue }
                message.replaceSubrange(0..<4, with: littleEndian(UInt32(count)))
                if count < InHeader.wireSize + sample.structure.count, sample.opcode != .initialize {
                    #expect(decode(message, sample.features) == .error(.truncated), "\(sample.opcode), \(count) bytes")
                } else {
                    _ = decode(message, sample.features)
                }
            }
            #expect(decode(whole + [0], sample.features) == .error(.malformed), "\(sample.opcode), a byte too many")
        }
    }

    @Test func randomMutations() throws {
        let given = ProcessInfo.processInfo.environment["SWIFT_FUSE_SEED"].flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 0...UInt64.max)
        print("random mutations: SWIFT_FUSE_SEED=\(seed)")
        var generator = SplitMix64(state: seed)
        let samples = try makeSamples()
        var outcomes: [String: Int] = [:]
        for round in 0..<120_000 {
            let sample = samples[round % samples.count]
            var message = sample.message
            for _ in 0..<Int.random(in: 1...4, using: &generator) { mutate(&message, &generator) }
            // Left as it is, the length gives most mutations away at once.
            if message.count >= 4, Int.random(in: 0..<4, using: &generator) > 0 {
                message.replaceSubrange(0..<4, with: littleEndian(UInt32(message.count)))
            }
            let features = ProtocolFeatures(minor: 45, flags: InitFlags(rawValue: generator.next()))
            outcomes["\(decode(message, features))", default: 0] += 1
            // The readers of what a server sends stand the same bytes.
            readReply(message)
        }
        // The mutations reach all ways out, and not one of them alone.
        for outcome in [Outcome.value, .error(.truncated), .error(.malformed)] {
            #expect(outcomes["\(outcome)", default: 0] > 5000, "SWIFT_FUSE_SEED=\(seed): \(outcomes)")
        }
    }

    private func readReply(_ message: [UInt8]) {
        _ = try? ReplyMessage(message.raw).body.byteCount
        let body = message.raw.extracting(droppingFirst: InHeader.wireSize)
        for isPlus in [false, true] {
            var reader = DirectoryReader(body, isPlus: isPlus)
            do throws(WireError) {
                while let entry = try reader.next() {
                    let count = entry.name.byteCount
                    #expect(count > 0)
                }
            } catch {
                #expect(error != .noRoom)
            }
        }
    }

    private func mutate(_ message: inout [UInt8], _ generator: inout SplitMix64) {
        guard !message.isEmpty else { return message.append(UInt8.random(in: 0...255, using: &generator)) }
        let index = Int.random(in: 0..<message.count, using: &generator)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: message[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: message[index] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &generator) ?? 0
        case 2: message[index] = UInt8.random(in: 0...255, using: &generator)
        case 3: message.removeLast(Int.random(in: 0...Swift.min(16, message.count), using: &generator))
        case 4: message += (0..<Int.random(in: 1...16, using: &generator)).map { UInt8($0 * 17) }
        case 5 where message.count >= InHeader.wireSize:
            let opcode = operations.randomElement(using: &generator)?.opcode.rawValue ?? 0
            message.replaceSubrange(4..<8, with: littleEndian(opcode))
        case 6 where message.count >= InHeader.wireSize:
            message[36] = UInt8.random(in: 0...12, using: &generator)
        default:
            let word: [UInt8] = [[0, 0, 0, 0], [255, 255, 255, 255], [255, 255, 255, 127], [0, 0, 0, 128]]
                .randomElement(using: &generator) ?? []
            for (offset, byte) in word.enumerated() where index + offset < message.count {
                message[index + offset] = byte
            }
        }
    }

    private func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
