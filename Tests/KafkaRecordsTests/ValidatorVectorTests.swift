import Foundation
import Testing

@testable import KafkaRecords

/// RecordValidator beside Kafka's LogValidator, on every good and broken batch, under every kind of rule.
@Suite struct ValidatorVectorTests {
    private static let nowMs: Int64 = 1_700_000_000_500

    /// What `rules` in the vectors stands for.
    private static func rules(_ name: String) -> (AppendRules, AppendOrigin) {
        var rules = AppendRules()
        var origin = AppendOrigin.client
        switch name {
        case "append": rules.timestampType = .logAppendTime
        case "none": rules.compression = Compression.none
        case "gzip": rules.compression = Compression(.gzip)
        case "snappy-append":
            rules.compression = Compression(.snappy)
            rules.timestampType = .logAppendTime
        case "lz4": rules.compression = Compression(.lz4)
        case "zstd": rules.compression = Compression(.zstd)
        case "compacted": rules.isCompacted = true
        case "bounds":
            rules.timestampBeforeMaxMs = 499
            rules.timestampAfterMaxMs = 1
        case "coordinator": origin = .coordinator
        case "coordinator-gzip":
            rules.compression = Compression(.gzip)
            origin = .coordinator
        default: #expect(name == "create")
        }
        return (rules, origin)
    }

    @Test func `validation comes to what Kafka's LogValidator comes to`() throws {
        var sources: [String: [UInt8]] = [:]
        for file in ["batches.jsonl.gz", "malformed.jsonl.gz"] {
            for row in try BatchVectors.rows(file) { sources[try #require(row.text("case"))] = row.bytes }
        }
        var outcomes: [String: Int] = [:]
        for row in try BatchVectors.rows("validated.jsonl.gz") {
            let name = try #require(row.text("case")), rules = try #require(row.text("rules"))
            let outcome = try compare(row, try #require(sources[name]), rules, "\(name), \(rules)")
            outcomes[outcome, default: 0] += 1
        }
        let counts = outcomes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        print("validator vectors: \(counts.joined(separator: ", "))")
        #expect(outcomes["appended", default: 0] > 2000)
    }

    private func compare(_ row: BatchVectors.Row, _ source: [UInt8], _ rulesName: String, _ name: String) throws
        -> String
    {
        var bytes = source
        let (rules, origin) = Self.rules(rulesName)
        if origin == .client, bytes.count > 16, bytes[16] == 2 {
            bytes.replaceSubrange(0..<8, with: repeatElement(0, count: 8))
        }
        let kafka = try #require(row.integer("code"))
        let validator = RecordValidator(rules: rules, origin: origin, nowMs: Self.nowMs)
        return try bytes.withUnsafeMutableBytes { bytes in
            do {
                guard var validated = try validator.validate(bytes) else {
                    // Kafka appends the nothing that it makes of an empty batch.
                    equal(row.text("hex"), "", name)
                    return "left out"
                }
                // Kafka's own builder takes no negative timestamp and no transactional batch without a producer id,
                // and so its broker answers UNKNOWN_SERVER_ERROR where it has to rewrite what it would keep in place.
                if row.text("exception") == "IllegalArgumentException" {
                    return "appended, where Kafka's builder refuses the batch"
                }
                if isControl(bytes) && row["rewritten"] as? Bool == true {
                    return "left in place, where Kafka loses the control flag"
                }
                try #require(kafka == 0, "\(name): appended, Kafka \(kafka)")
                let last = validated.assign(firstOffset: 100, leaderEpoch: 7, in: bytes)
                equal(last + 1, row.integer("nextOffset"), name)
                equal(validated.maxTimestamp, row.integer("maxTimestampMs"), name)
                equal(validated.rewritten != nil, row["rewritten"] as? Bool, name)
                let isRewritten = validated.rewritten != nil
                // Java makes U+FFFD of bytes that are no UTF-8 when it reads a header's key; we leave them as they are.
                if let expected = row.text("hex"),
                    !(isRewritten && row.text("case")?.hasPrefix("header-key-not-utf8") == true)
                {
                    try validated.withBytes(in: bytes) {
                        try same(
                            UnsafeRawBufferPointer($0), BatchVectors.bytes(expected), isRewritten: isRewritten, name)
                    }
                }
                return "appended"
            } catch let error as RecordError {
                equal(Int64(error.errorCode), expectedCode(row, kafka, error), "\(name): \(error), Kafka \(kafka)")
                if let indexes = row["recordErrors"] as? [Int] {
                    #expect(error.rejectedRecords.map { Int($0.batchIndex) } == indexes, "\(name)")
                }
                return "refused"
            }
        }
    }

    private func isControl(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
        RecordBatchHeader(UnsafeRawBufferPointer(bytes))?.isControl == true
    }

    private func expectedCode(_ row: BatchVectors.Row, _ kafka: Int64, _ error: RecordError) -> Int64 {
        guard kafka == -1 else { return kafka }
        switch error.kind {
        case .brokenCompression: return 2
        case .unsupportedCompressionType: return 76
        // A key that does not fit into its message, or a length out of damaged gzip that takes Kafka's memory.
        case .invalidRecord, .corruptMessage:
            return row.text("case")?.hasPrefix("v") == true ? Int64(error.errorCode) : -1
        default: return -1
        }
    }

    private func same(_ ours: UnsafeRawBufferPointer, _ kafkas: [UInt8], isRewritten: Bool, _ name: String) throws {
        try kafkas.withUnsafeBytes { kafkas in
            let header = try #require(RecordBatchHeader(ours), "\(name)")
            if !isRewritten || header.compression == CompressionType.none {
                return equal(hex(ours), hex(kafkas), name)
            }
            try sameContent(
                try #require(try BatchView(firstOf: ours)), try #require(try BatchView(firstOf: kafkas)), name)
        }
    }
}

/// That two batches differ in nothing but how their records are compressed.
func sameContent(_ ours: BatchView, _ kafkas: BatchView, _ name: String) throws {
    let header = try ours.validHeader(), expected = try kafkas.validHeader()
    equal(header.magic, expected.magic, name)
    equal(header.attributes, expected.attributes, name)
    equal([header.baseOffset, header.lastOffset], [expected.baseOffset, expected.lastOffset], name)
    equal([header.baseTimestamp, header.maxTimestamp], [expected.baseTimestamp, expected.maxTimestamp], name)
    equal(header.producerId, expected.producerId, name)
    equal(header.producerEpoch, expected.producerEpoch, name)
    equal([header.baseSequence, header.recordCount], [expected.baseSequence, expected.recordCount], name)
    equal(header.partitionLeaderEpoch, expected.partitionLeaderEpoch, name)
    let mine = RecordScratch(), theirs = RecordScratch()
    var records = try ours.records(scratch: mine), expectedRecords = try kafkas.records(scratch: theirs)
    while let expected = try expectedRecords.next() {
        let record = try #require(try records.next(), "\(name)")
        equal([record.offset, record.timestamp], [expected.offset, expected.timestamp], name)
        equal([hex(record.key), hex(record.value)], [hex(expected.key), hex(expected.value)], name)
        equal(record.attributes, expected.attributes, name)
        equal(record.sizeInBytes, expected.sizeInBytes, name)
        equal(record.hasValidChecksum && expected.hasValidChecksum, true, name)
        let headers = record.headers.map { [hex($0.key), hex($0.value)] }
        equal(headers, expected.headers.map { [hex($0.key), hex($0.value)] }, name)
    }
    let isAtEnd = try records.next() == nil
    equal(isAtEnd, true, name)
}
