import Foundation
import KafkaMessages
import KafkaWire
import Testing
import TestKit

@Suite struct GoldenVectorTests {
    @Test func `every golden vector decodes and encodes to the same bytes`() throws {
        var count = 0
        let arena = Arena()
        for vector in try MessageVector.all() {
            let bytes = vector.bytes
            let encoded = try withFrame(bytes) { frame in
                try messageType(vector.name).init(wholeOf: frame, version: vector.version, arena: arena)
                    .encoded(version: vector.version)
            }
            #expect(encoded == bytes, "\(vector.label)")
            arena.reset()
            count += 1
        }
        print("golden vectors: \(count)")
        #expect(count == 3_021 + 494 + 125)
    }

    @Test func `a message that nothing was set in encodes as Kafka's default`() throws {
        var count = 0
        for vector in try MessageVector.all() where vector.variant == "default" {
            #expect(
                try messageType(vector.name).init().encoded(version: vector.version) == vector.bytes, "\(vector.label)")
            count += 1
        }
        #expect(count > 800)
    }

    @Test func `every version of every message has a vector`() throws {
        var missing: [String: Set<Int16>] = AllMessages.byName.mapValues { Set($0.validVersions) }
        for vector in try MessageVector.all() { missing[vector.name]?.remove(vector.version) }
        #expect(missing.filter { !$0.value.isEmpty }.isEmpty)
    }

    /// Bytes that come out as they went in could still have stood in the wrong fields meanwhile.
    @Test func `every field holds what Kafka's JSON says`() throws {
        var compared = 0
        let arena = Arena()
        for file in try MessageVector.files() {
            for line in try GoldenVectors.lines(file) {
                let vector = try JSONDecoder().decode(MessageVector.self, from: line)
                let row = try JSONSerialization.jsonObject(with: line) as? [String: Any]
                let json = try #require(row?["json"] as? [String: Any])
                try withFrame(vector.bytes) { frame in
                    let message = try messageType(vector.name).init(
                        wholeOf: frame, version: vector.version, arena: arena)
                    var comparison = JSONComparison()
                    comparison.compare(message, json, at: vector.label)
                    #expect(comparison.differences.isEmpty, "\(comparison.differences)")
                    compared += comparison.values
                }
                arena.reset()
            }
        }
        print("values compared with Kafka's JSON: \(compared)")
        #expect(compared > 50_000)
    }

    @Test func `a version that a message does not have is refused in both directions`() throws {
        for (name, type) in AllMessages.byName {
            for version in [type.validVersions.lowerBound - 1, type.validVersions.upperBound + 1] {
                #expect(throws: DecodeError.self, "\(name)") {
                    try withFrame([0, 0, 0, 0]) { try type.init(wholeOf: $0, version: version, arena: Arena()) }
                }
                #expect(throws: EncodeError.self, "\(name)") { try type.init().encoded(version: version) }
            }
        }
    }
}
