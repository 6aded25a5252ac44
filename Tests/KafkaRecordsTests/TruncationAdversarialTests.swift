import Foundation
import Testing

@testable import KafkaRecords

/// Bytes that were cut, flipped, doubled: nothing may trap or read beyond the end. Run under the address sanitizer,
/// the buffers being exactly as long as what they hold.
@Suite struct TruncationAdversarialTests {
    /// Everything that reads record bytes, on a copy of them.
    private func readEverything(_ bytes: some Collection<UInt8>, _ scratch: RecordScratch) -> Int {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        var records = 0
        var batches = RecordBatches(UnsafeRawBufferPointer(copy))
        while let batch = try? batches.next() {
            _ = try? batch.ensureValid()
            guard var iterator = try? batch.records(scratch: scratch) else { continue }
            while let record = try? iterator.next() {
                records += 1
                for header in record.headers { records += header.key.count & 1 }
                records += Int(record.key?.last ?? 0) + Int(record.value?.last ?? 0)
            }
        }
        _ = try? MessageConverter.downConvert(UnsafeRawBufferPointer(copy), to: 0, firstOffset: 0, scratch: scratch)
        _ = try? MessageConverter.downConvert(UnsafeRawBufferPointer(copy), to: 1, firstOffset: 0, scratch: scratch)
        for compression in [nil, Compression.none, Compression(.lz4)] {
            var rules = AppendRules()
            rules.compression = compression
            rules.timestampType = compression == nil ? .createTime : .logAppendTime
            let validator = RecordValidator(rules: rules, origin: .coordinator, nowMs: 1_700_000_000_500)
            if var validated = try? validator.validate(copy) {
                _ = validated.assign(firstOffset: 5, leaderEpoch: 1, in: copy)
            }
        }
        return records
    }

    private func smallCases() throws -> [(name: String, bytes: [UInt8])] {
        try BatchVectors.rows("batches.jsonl.gz").compactMap { row in
            let bytes = row.bytes
            return bytes.count <= 400 ? (row.text("case") ?? "", bytes) : nil
        }
    }

    @Test func `batches that are cut anywhere or doubled do no harm`() throws {
        let scratch = RecordScratch()
        var reads = 0
        for (_, bytes) in try smallCases() {
            for length in stride(from: 0, to: bytes.count, by: bytes.count > 150 ? 7 : 1) {
                _ = readEverything(bytes.prefix(length), scratch)
                reads += 1
            }
            _ = readEverything(bytes + bytes, scratch)
        }
        print("cut batches read: \(reads)")
        #expect(reads > 5000)
    }

    /// Bit flips get past the checksum here: it is set right again after each, so that what lies behind it is tried.
    @Test func `batches with flipped bytes do no harm`() throws {
        let scratch = RecordScratch()
        var generator = SplitMix(state: 20)
        var reads = 0
        for (_, bytes) in try smallCases() {
            for _ in 0..<40 {
                var broken = bytes
                for _ in 0...Int(generator.next() % 3) {
                    let place = Int(generator.next() % UInt64(broken.count))
                    broken[place] ^= UInt8(truncatingIfNeeded: generator.next() | 1)
                }
                _ = readEverything(TestChecksum.repaired(broken), scratch)
                reads += 1
            }
        }
        print("flipped batches read: \(reads)")
        #expect(reads > 5000)
    }

    private func packedZeros(_ type: CompressionType) throws -> [UInt8] {
        var builder = RecordBatchBuilder(compression: Compression(type))
        builder.append(timestamp: 0, key: nil, value: [UInt8](repeating: 0, count: 4 << 20))
        return try builder.build()
    }

    @Test func `a record that unpacks to more than the topic allows is refused`() throws {
        for type in [CompressionType.gzip, .lz4, .zstd, .snappy] {
            var batch = try packedZeros(type)
            for (limit, expected) in [(1 << 20, RecordError.Kind.invalidRecord), (5 << 20, nil)] {
                var rules = AppendRules()
                rules.maxDecompressedMessageBytes = limit
                let validator = RecordValidator(rules: rules, origin: .client, nowMs: 0)
                let outcome = batch.withUnsafeMutableBytes { bytes in Result { try validator.validate(bytes) } }
                #expect((outcome.error as? RecordError)?.kind == expected, "\(type.name)")
            }
        }
    }

    @Test func `what one batch may unpack to has an end`() throws {
        for type in [CompressionType.gzip, .lz4, .zstd, .snappy] {
            let scratch = RecordScratch()
            scratch.unpacker.limit = 1 << 20
            let outcome = try packedZeros(type).withUnsafeBytes { bytes in
                let batch = try #require(try BatchView(firstOf: bytes))
                return Result { try batch.records(scratch: scratch) }
            }
            #expect((outcome.error as? RecordError)?.kind == .messageTooLarge, "\(type.name)")
        }
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}

/// A generator that gives the same numbers in each run (SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
