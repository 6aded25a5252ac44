import Foundation
import KafkaRecords
import Testing

@Suite struct BatchVectorTests {
    @Test func `every batch of Kafka's reads as Kafka reads it`() throws {
        let scratch = RecordScratch()
        var batchCount = 0
        var recordCount = 0
        for row in try BatchVectors.rows("batches.jsonl.gz") {
            let name = try #require(row.text("case"))
            let expected = try #require(row["batches"] as? [BatchVectors.Row])
            try row.bytes.withUnsafeBytes { bytes in
                var batches = RecordBatches(bytes)
                for expectation in expected {
                    let batch = try #require(try batches.next(), "\(name)")
                    try batch.ensureValid()
                    compare(try #require(batch.header), with: expectation, name)
                    recordCount += try compareRecords(of: batch, with: expectation, name, scratch)
                    batchCount += 1
                }
                #expect(try batches.next() == nil, "\(name)")
                equal(batches.position, bytes.count, name)
            }
        }
        print("batch vectors: \(batchCount) batches, \(recordCount) records equal to Kafka's reading")
        #expect(batchCount == 643)
    }

    private func compare(_ header: RecordBatchHeader, with expected: BatchVectors.Row, _ name: String) {
        equal(header.baseOffset, expected.integer("offsetField"), name)
        equal(Int64(header.batchLength), expected.integer("length"), name)
        equal(Int64(header.magic), expected.integer("magic"), name)
        equal(Int64(header.crc), expected.integer("crc"), name)
        equal(Int64(header.attributes), expected.integer("attributes"), name)
        equal(header.maxTimestamp, expected.integer("maxTimestamp"), name)
        equal(header.compression?.name, expected.text("compression"), name)
        equal(header.lastOffset, expected.integer("lastOffset"), name)
        equal(Int64(header.sizeInBytes), expected.integer("sizeInBytes"), name)
        let type = ["LogAppendTime": TimestampType.logAppendTime][expected.text("timestampType") ?? ""] ?? .createTime
        equal(header.timestampType, type, name)
        guard header.magic == 2 else {
            if let timestamp = expected.integer("timestampField") { equal(header.baseTimestamp, timestamp, name) }
            return
        }
        equal(header.baseOffset, expected.integer("baseOffset"), name)
        equal(Int64(header.partitionLeaderEpoch), expected.integer("partitionLeaderEpoch"), name)
        equal(Int64(header.lastOffsetDelta), expected.integer("lastOffsetDelta"), name)
        equal(header.baseTimestamp, expected.integer("baseTimestamp"), name)
        equal(header.producerId, expected.integer("producerId"), name)
        equal(Int64(header.producerEpoch), expected.integer("producerEpoch"), name)
        equal(Int64(header.baseSequence), expected.integer("baseSequence"), name)
        equal(Int64(header.lastSequence), expected.integer("lastSequence"), name)
        equal(Int64(header.recordCount), expected.integer("recordCount"), name)
        equal(header.isTransactional, expected["isTransactional"] as? Bool, name)
        equal(header.isControl, expected["isControlBatch"] as? Bool, name)
        equal(header.deleteHorizonMs, expected.integer("deleteHorizonMs"), name)
    }

    private func compareRecords(
        of batch: BatchView, with expected: BatchVectors.Row, _ name: String, _ scratch: RecordScratch
    ) throws -> Int {
        let expectedRecords = try #require(expected["records"] as? [BatchVectors.Row])
        var records = try batch.records(scratch: scratch)
        for expectation in expectedRecords {
            let record = try #require(try records.next(), "\(name)")
            equal(record.offset, expectation.integer("offset"), name)
            equal(record.timestamp, expectation.integer("timestamp"), name)
            equal(hex(record.key), expectation.text("key"), name)
            equal(hex(record.value), expectation.text("value"), name)
            #expect(record.hasValidChecksum, "\(name)")
            guard record.magic == 2 else { continue }
            equal(Int64(record.sequence), expectation.integer("sequence"), name)
            let headers = try #require(expectation["headers"] as? [[Any]])
            equal(record.headers.count, headers.count, name)
            for (header, pair) in zip(record.headers, headers) {
                let key = String(decoding: header.key, as: UTF8.self)
                equal(key, pair[0] as? String, name)
                equal(hex(header.value), pair[1] as? String, name)
            }
        }
        #expect(try records.next() == nil, "\(name)")
        return expectedRecords.count
    }
}
