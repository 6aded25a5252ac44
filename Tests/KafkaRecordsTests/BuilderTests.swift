import Foundation
import KafkaRecords
import Testing

@Suite struct BuilderTests {
    /// A builder that is told what Kafka's was told, as far as the batch shows it.
    private func builder(like header: RecordBatchHeader) -> RecordBatchBuilder {
        var builder = RecordBatchBuilder(
            compression: Compression(header.compression ?? .none), baseOffset: header.baseOffset)
        builder.partitionLeaderEpoch = header.partitionLeaderEpoch
        builder.producerId = header.producerId
        builder.producerEpoch = header.producerEpoch
        builder.baseSequence = header.baseSequence
        builder.isTransactional = header.isTransactional
        builder.isControl = header.isControl
        builder.deleteHorizonMs = header.deleteHorizonMs
        builder.lastOffset = header.lastOffset
        builder.maxTimestampIfEmpty = header.maxTimestamp
        if header.timestampType == .logAppendTime { builder.logAppendTimeMs = header.maxTimestamp }
        return builder
    }

    @Test func `what is built is what Kafka builds`() throws {
        let scratch = RecordScratch()
        var identical = 0, sameInside = 0
        for row in try BatchVectors.rows("batches.jsonl.gz") where row.integer("magic") == 2 {
            let name = try #require(row.text("case"))
            try row.bytes.withUnsafeBytes { bytes in
                var batches = RecordBatches(bytes)
                while let batch = try batches.next() {
                    let header = try batch.validHeader()
                    var builder = builder(like: header)
                    var records = try batch.records(scratch: scratch)
                    while var record = try records.next() {
                        // Log append time covers what the producer set: only its difference to the base is in the
                        // record.
                        if header.timestampType == .logAppendTime { record.timestamp = createTime(record, header) }
                        builder.append(record, offset: record.offset)
                    }
                    let built = try builder.build()
                    if header.compression == CompressionType.none {
                        equal(hex(built), hex(batch.bytes), name)
                        identical += 1
                    } else {
                        try built.withUnsafeBytes {
                            try sameContent(try #require(try BatchView(firstOf: $0)), batch, name)
                        }
                        sameInside += 1
                    }
                }
            }
        }
        print("batches built as Kafka's: \(identical) byte for byte, \(sameInside) by what is inside")
        #expect(identical > 40 && sameInside > 60)
    }

    /// The vectors' records of one batch are a millisecond apart.
    private func createTime(_ record: RecordView, _ header: RecordBatchHeader) -> Int64 {
        header.baseTimestamp + (record.offset - header.baseOffset)
    }

    @Test func `offsets count on where none are given`() throws {
        var builder = RecordBatchBuilder(baseOffset: 40)
        builder.append(timestamp: 5, key: [1], value: nil)
        builder.append(timestamp: 3, key: nil, value: [2])
        builder.append(offset: 50, timestamp: 4, key: nil, value: [])
        let built = try builder.build()
        try built.withUnsafeBytes { bytes in
            let batch = try #require(try BatchView(firstOf: bytes))
            let header = try batch.validHeader()
            #expect(header.baseOffset == 40 && header.lastOffset == 50 && header.maxTimestamp == 5)
            var records = try batch.records(scratch: RecordScratch())
            var offsets: [Int64] = [], times: [Int64] = []
            while let record = try records.next() {
                offsets.append(record.offset)
                times.append(record.timestamp)
            }
            #expect(offsets == [40, 41, 50] && times == [5, 3, 4])
        }
    }

    @Test(arguments: CompressionType.allCases)
    func `every codec unpacks what it packed, at every level`(type: CompressionType) throws {
        let levels: [Int32?] =
            switch type {
            case .none, .snappy: [nil]
            case .gzip: [nil, 1, 9]
            case .lz4: [nil, 1, 9, 17]
            case .zstd: [nil, -5, 1, 22]
            }
        // Around the sizes of snappy's and lz4's blocks and of the window.
        let sizes = [0, 1, 100, 32 << 10, (32 << 10) + 1, 65_536, 65_537, 300_000]
        let scratch = RecordScratch()
        for level in levels {
            for size in sizes {
                let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 5) }
                var builder = RecordBatchBuilder(compression: Compression(type, level: level))
                builder.append(timestamp: 1, key: nil, value: value)
                builder.append(timestamp: 2, key: value, value: nil)
                let built = try builder.build()
                try built.withUnsafeBytes { bytes in
                    let batch = try #require(try BatchView(firstOf: bytes))
                    try batch.ensureValid()
                    var records = try batch.records(scratch: scratch)
                    let first = try #require(try records.next()), second = try #require(try records.next())
                    #expect(first.value?.elementsEqual(value) == true && second.key?.elementsEqual(value) == true)
                    #expect(try records.next() == nil)
                }
            }
        }
    }
}

func hex(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { hex($0) ?? "" } }
