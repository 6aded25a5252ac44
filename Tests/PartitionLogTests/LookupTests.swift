import KafkaRecords
import Testing

@testable import PartitionLog

@Suite struct LookupTests {
    @Test func `the first record at or after a time, also inside a batch and across segments`() throws {
        let bench = try Bench { configuration in
            configuration.segmentBytes = 1000
            configuration.indexIntervalBytes = 100
        }
        let log = try bench.log()
        for number in Int64(0)..<100 {
            var builder = RecordBatchBuilder()
            for inner in Int64(0)..<3 { builder.append(timestamp: 1000 + number * 30 + inner * 10, key: nil, value: [1]) }
            try log.append(try builder.build(), leaderEpoch: 4)
        }
        func offset(_ timestamp: Int64) throws -> Int64? { try log.firstOffset(atOrAfter: timestamp, isolation: .highWatermark)?.offset }
        #expect(try offset(0) == 0)
        #expect(try offset(1000) == 0)
        #expect(try offset(1001) == 1)
        for number in stride(from: Int64(0), to: 300, by: 7) { #expect(try offset(1000 + number * 10) == number) }
        #expect(try offset(3990) == 299)
        #expect(try offset(3991) == nil)
        #expect(try log.offsetOfLargestTimestamp() == FoundOffset(offset: 299, timestamp: 3990, leaderEpoch: 4))
        _ = try log.deleteRecords(before: 50)
        #expect(try offset(0) == 50)
        try bench.restart()
        #expect(try bench.log().firstOffset(atOrAfter: 2345, isolation: .highWatermark)?.offset == 135)
    }

    @Test func `times that do not rise are found as well`() throws {
        let bench = try Bench { $0.indexIntervalBytes = 50 }
        let log = try bench.log()
        for timestamp in [Int64(500), 100, 900, 200, 900, 300] { try log.append(try batch(["x"], timestamp: timestamp)) }
        #expect(try log.firstOffset(atOrAfter: 150, isolation: .logEnd)?.offset == 0)
        #expect(try log.firstOffset(atOrAfter: 501, isolation: .logEnd)?.offset == 2)
        #expect(try log.offsetOfLargestTimestamp()?.offset == 2)
    }
}
