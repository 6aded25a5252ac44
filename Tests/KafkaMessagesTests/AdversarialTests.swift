import Foundation
import Glibc
import KafkaMessages
import KafkaWire
import Testing
import TestKit

// Bytes that are wrong: an error or a message must come of them, never a trap, never a read outside the frame.
// tools/test runs this suite under the address sanitizer.

@Suite(.serialized) struct Adversarial {
    /// All truncations of short vectors; of long ones those at the front and every so many behind.
    private func truncations(of count: Int) -> [Int] {
        count <= 160 ? Array(0..<count) : Array(0..<120) + Array(stride(from: 120, to: count, by: max(1, count / 40)))
    }

    @Test func `a truncated vector is refused`() throws {
        var count = 0
        let arena = Arena()
        for vector in try MessageVector.all() {
            let bytes = vector.bytes
            let type = try messageType(vector.name)
            for length in truncations(of: bytes.count) {
                let isAccepted = withFrame(bytes.prefix(length)) { frame in
                    (try? type.init(wholeOf: frame, version: vector.version, arena: arena)) != nil
                }
                #expect(!isAccepted, "\(vector.label) cut to \(length) of \(bytes.count) bytes")
                arena.reset()
                count += 1
            }
        }
        print("truncated vectors: \(count)")
    }

    @Test func `a doubled vector leaves its second half, and is refused where nothing may be left`() throws {
        let arena = Arena()
        for vector in try MessageVector.all() where vector.hex.utf8.count > 0 {
            let bytes = vector.bytes
            let type = try messageType(vector.name)
            try withFrame(bytes + bytes) { frame in
                var reader = WireReader(frame, arena: arena)
                _ = try type.init(from: &reader, version: vector.version)
                #expect(reader.remaining == bytes.count, "\(vector.label)")
                #expect(throws: DecodeError.self) {
                    try type.init(wholeOf: frame, version: vector.version, arena: arena)
                }
            }
            arena.reset()
        }
    }

    /// What decodes must also encode without a trap, and what was encoded must decode.
    @Test func `a vector with flipped bytes is refused or is a message`() throws {
        var refused = 0
        var accepted = 0
        var generator = SplitMix64(state: 20)
        let arena = Arena()
        for vector in try MessageVector.all() where vector.hex.utf8.count > 0 {
            let type = try messageType(vector.name)
            let bytes = vector.bytes
            for _ in 0..<24 {
                let damaged = generator.damage(bytes)
                withFrame(damaged) { frame in
                    var reader = WireReader(frame, arena: arena)
                    guard let message = try? type.init(from: &reader, version: vector.version) else {
                        refused += 1
                        return
                    }
                    accepted += 1
                    touch(message)
                    guard let encoded = try? message.encoded(version: vector.version) else { return }
                    withFrame(encoded) { again in
                        #expect(throws: Never.self, "\(vector.label): \(GoldenVectors.hex(damaged))") {
                            _ = try type.init(wholeOf: again, version: vector.version, arena: arena)
                        }
                    }
                }
                arena.reset()
            }
        }
        print("vectors with flipped bytes: \(refused) refused, \(accepted) messages")
        // Damage must find both ends: decoders that refuse everything or nothing would pass otherwise.
        #expect(refused > 10_000 && accepted > 10_000)
    }

    @Test func `noise is refused or is a message`() throws {
        var generator = SplitMix64(state: 21)
        let arena = Arena()
        for (_, type) in AllMessages.byName.sorted(by: { $0.key < $1.key }) {
            for version in type.validVersions {
                for length in [1, 3, 9, 40, 200] {
                    let noise = (0..<length).map { _ in generator.byte() }
                    withFrame(noise) { frame in
                        var reader = WireReader(frame, arena: arena)
                        if let message = try? type.init(from: &reader, version: version) { touch(message) }
                    }
                    arena.reset()
                }
            }
        }
    }

    /// The canary: were the sanitizer deaf to a read behind a frame, the tests above would say little. The read happens
    /// in a process of its own, which must not survive it.
    @Test(.enabled(if: isUnderAddressSanitizer, "needs --sanitize=address"))
    func `a read behind the frame is noticed`() async {
        await #expect(processExitsWith: .failure) {
            withFrame([1, 2, 3]) { frame in
                let behind = WireBytes(frame.baseAddress!, count: 4)
                print(behind.array.count)
            }
        }
    }

    @Test func `a count that would take more memory than there is is refused before it is taken`() throws {
        // 268,435,455 topics said to be in a frame of 20 bytes.
        let claim: [UInt8] = [0x00, 0xFF, 0xFF, 0xFF, 0x7F] + [UInt8](repeating: 1, count: 15)
        let error = withFrame(claim) { frame -> DecodeError? in
            do throws(DecodeError) {
                _ = try ProduceRequest(wholeOf: frame, version: 9, arena: Arena(capacity: 64))
                return nil
            } catch {
                return error
            }
        }
        #expect(error != nil)
        // Topics without name or partitions, 6 bytes each on the wire and 64 in memory, against an arena of 16 MB.
        let count = 1 << 20
        var frame: [UInt8] = []
        frame.append(contentsOf: [0, 0, 0, 0, 0, 0])  // acks, timeout
        withUnsafeBytes(of: Int32(count).bigEndian) { frame.append(contentsOf: $0) }
        frame.append(contentsOf: [UInt8](repeating: 0, count: count * 6))
        let arena = Arena(limitBytes: 16 << 20)
        withFrame(frame) { bytes in
            do throws(DecodeError) {
                _ = try ProduceRequest(wholeOf: bytes, version: 0, arena: arena)
                Issue.record("decoded")
            } catch {
                #expect(error.reason == .tooLargeInMemory(count: count))
                #expect(error.field == "topicData")
            }
        }
    }
}

/// Whether the sanitizer's runtime is part of this process.
private let isUnderAddressSanitizer = dlsym(nil, "__asan_init") != nil

/// Reads every byte that a message points to, so that a view which leads out of the frame is met.
private func touch(_ value: Any) {
    if let bytes = value as? WireBytes { return sink(bytes.array) }
    if let records = value as? WireRecords { return sink(records.bytes?.array ?? []) }
    for child in Mirror(reflecting: value).children { touch(child.value) }
    if let elements = value as? any Collection { for element in elements { touch(element) } }
}

@inline(never) private func sink(_ bytes: [UInt8]) {
    withExtendedLifetime(bytes) {}
}

/// A small generator with a fixed start: a failure comes again.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// Lengths and counts break at the ends of their ranges more than in the middle.
    mutating func byte() -> UInt8 {
        switch next() % 8 {
        case 0: 0xFF
        case 1: 0
        case 2: 0x7F
        case 3: 0x80
        default: UInt8(truncatingIfNeeded: next())
        }
    }

    mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        var damaged = bytes
        for _ in 0...(next() % 3) { damaged[Int(next() % UInt64(bytes.count))] = byte() }
        return damaged
    }
}
