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

    @Test func `an answer keeps the size of what is stored: cut, or filled with a head that says there is more`() throws {
        let scratch = RecordScratch()
        var cut = 0, filled = 0
        for row in try BatchVectors.rows("batches.jsonl.gz") {
            let source = row.bytes
            let both = try? source.withUnsafeBytes {
                (
                    try MessageConverter.downConvert($0, to: 1, firstOffset: 0, scratch: scratch),
                    try MessageConverter.downConvertToSize($0, to: 1, firstOffset: 0, scratch: scratch)
                )
            }
            guard let (messages, sized) = both, !messages.isEmpty else { continue }
            #expect(sized.count >= source.count)
            let common = min(messages.count, sized.count)
            #expect(sized[..<common] == messages[..<common])
            guard sized.count > messages.count else {
                cut += sized.count < messages.count ? 1 : 0
                continue
            }
            filled += 1
            let filler = sized[common...]
            #expect(filler.prefix(8).allSatisfy { $0 == 0xff })
            guard filler.count >= 12 else { continue }
            let claimed = filler.dropFirst(8).prefix(4).reduce(0) { $0 << 8 | Int($1) }
            #expect(claimed + 12 > filler.count && claimed >= 61)
            #expect(filler.dropFirst(12).allSatisfy { $0 == 0 })
        }
        #expect(filled > 0)
        // A single batch is never cut: the answer has room for the first one whole.
        #expect(cut == 0)
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
