import Foundation
import Testing

@testable import KafkaRecords

/// What old consumers are given, beside what Kafka 3.9.1 gives them.
@Suite struct DownConversionTests {
    @Test func `down-conversion gives what Kafka's gives`() throws {
        var sources: [String: [UInt8]] = [:]
        for row in try BatchVectors.rows("batches.jsonl.gz") { sources[try #require(row.text("case"))] = row.bytes }
        let scratch = RecordScratch()
        var converted = 0, refused = 0
        for row in try BatchVectors.rows("downconverted.jsonl.gz") {
            let source = try #require(sources[row.text("case") ?? ""])
            let magic = try #require(row.integer("magic")), firstOffset = try #require(row.integer("firstOffset"))
            let name = "\(row.text("case") ?? "") to magic \(magic) from \(firstOffset)"
            do {
                let messages = try source.withUnsafeBytes {
                    try MessageConverter.downConvert($0, to: Int8(magic), firstOffset: firstOffset, scratch: scratch)
                }
                try #require(row.integer("code") == 0, "\(name): converted, Kafka \(row.text("exception") ?? "")")
                try same(messages, row.bytes, name)
                converted += 1
            } catch let error as RecordError {
                #expect(Int64(error.errorCode) == row.integer("code"), "\(name): \(error)")
                refused += 1
            }
        }
        print("down-conversions: \(converted) as Kafka's, \(refused) refused as Kafka does")
        #expect(converted == 732 && refused == 120)
    }

    /// Message by message: the same bytes, or where the codec had a hand in it the same content.
    private func same(_ ours: [UInt8], _ kafkas: [UInt8], _ name: String) throws {
        if ours == kafkas { return }
        try ours.withUnsafeBytes { ours in
            try kafkas.withUnsafeBytes { kafkas in
                var batches = RecordBatches(ours), expected = RecordBatches(kafkas)
                while let kafkas = try expected.next() {
                    let batch = try #require(try batches.next(), "\(name)")
                    #expect(batch.header?.compression != CompressionType.none, "\(name): plain messages differ")
                    try sameContent(batch, kafkas, name)
                }
                #expect(try batches.next() == nil, "\(name)")
                #expect(batches.position == ours.count, "\(name)")
            }
        }
    }
}
