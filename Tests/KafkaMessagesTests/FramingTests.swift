import KafkaMessages
import KafkaWire
import Testing
import TestKit

private struct FramedVector: Decodable {
    let framing: String
    let record: String
    let version: Int16
    let framed: String
    let prefix: String
    let body: String
}

@Suite struct FramingTests {
    @Test func `records are framed as Kafka frames them`() throws {
        var counts: [String: Int] = [:]
        let arena = Arena()
        for vector in try GoldenVectors.rows("framing.jsonl.gz", as: FramedVector.self) {
            let framed = GoldenVectors.bytes(hex: vector.framed)
            try withFrame(framed) { frame in
                let written = try reframe(vector, frame, arena)
                if let written {
                    #expect(written == framed, "\(vector.framing) \(vector.record) v\(vector.version)")
                    counts[vector.framing, default: 0] += 1
                }
            }
            arena.reset()
        }
        print("framed records: \(counts)")
        for framing in [
            "metadata-record", "remote-log-metadata-record", "coordinator-key", "coordinator-value",
            "consumer-protocol",
            "principal", "control-value",
        ] {
            #expect(counts[framing, default: 0] > 0, "\(framing)")
        }
    }

    /// Reads a framed record by its kind and writes it again; nil for the kinds whose prefix is part of a file.
    private func reframe(_ vector: FramedVector, _ frame: UnsafeRawBufferPointer, _ arena: Arena) throws -> [UInt8]? {
        let type = try messageType(vector.record)
        var writer = WireWriter()
        switch vector.framing {
        case "metadata-record", "remote-log-metadata-record":
            var reader = WireReader(frame, arena: arena)
            let head = try RecordFrame(from: &reader)
            #expect(head.version == vector.version)
            let record = try type.init(from: &reader, version: head.version)
            try reader.expectEnd()
            if let record = record as? any MetadataRecord {
                #expect(Swift.type(of: record).recordType.rawValue == head.recordType)
                try writer.write(framed: record, version: head.version)
            } else {
                let record = try #require(record as? any RemoteLogMetadataRecord)
                #expect(Swift.type(of: record).recordType == head.recordType)
                try writer.write(framed: record, version: head.version)
            }
        case "coordinator-key":
            var reader = WireReader(frame, arena: arena)
            let recordType = try reader.int16("recordType")
            let key = try #require(try type.init(from: &reader, version: 0) as? any CoordinatorKey)
            try reader.expectEnd()
            #expect(Swift.type(of: key).recordType == recordType)
            try writer.write(framed: key)
        case "coordinator-value", "consumer-protocol", "principal":
            try writer.writeVersioned(try type.init(versioned: frame, arena: arena), version: vector.version)
        case "control-value" where vector.record == "EndTxnMarker":
            try writer.writeVersioned(try type.init(versioned: frame, arena: arena), version: vector.version)
        default:
            return nil
        }
        return Array(writer.bytes)
    }

    @Test func `a frame version that nobody knows is refused`() {
        withFrame([2, 2, 0]) { frame in
            do throws(DecodeError) {
                var reader = WireReader(frame, arena: Arena())
                _ = try RecordFrame(from: &reader)
                Issue.record("accepted")
            } catch {
                #expect(error.reason == .unknownFrameVersion(2))
            }
        }
    }

    @Test func `every version of every API has the header versions that Kafka uses`() throws {
        var count = 0
        for row in try GoldenVectors.table("headers.tsv") {
            let key = try #require(Int16(row[0]).flatMap { ApiKey(rawValue: $0) })
            let version = try #require(Int16(row[2]))
            #expect(key.name == row[1])
            #expect(key.validVersions.contains(version))
            #expect(key.requestHeaderVersion(for: version) == Int16(row[3]), "\(key) v\(version)")
            #expect(key.responseHeaderVersion(for: version) == Int16(row[4]), "\(key) v\(version)")
            count += 1
        }
        #expect(count == 368)
        #expect(ApiKey.allCases.map { $0.validVersions.count }.reduce(0, +) == 368)
    }
}
