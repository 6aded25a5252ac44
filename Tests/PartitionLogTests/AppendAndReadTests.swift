import Files
import KafkaRecords
import KafkaWire
import Testing

@testable import PartitionLog

@Suite struct AppendAndReadTests {
    @Test func `what was appended is read back with its offsets`() throws {
        let bench = try Bench()
        let log = try bench.log()
        let first = try log.append(try batch(["a", "b"]), leaderEpoch: 3)
        let second = try log.append(try batch(["c"]), leaderEpoch: 3)
        #expect((first.firstOffset, first.lastOffset) == (0, 1))
        #expect((second.firstOffset, second.lastOffset) == (2, 2))
        #expect(log.logEndOffset == 3)
        #expect(log.highWatermark == 3)
        #expect(try log.values().map(\.value) == ["a", "b", "c"])
        #expect(try log.values().map(\.offset) == [0, 1, 2])
    }

    @Test func `a read inside a batch begins with the whole batch`() throws {
        let bench = try Bench()
        let log = try bench.log()
        try log.append(try batch(["a", "b", "c"]))
        let read = try log.read(from: 2, maxBytes: 1, isolation: .highWatermark, atLeastOneBatch: true)
        let region = try #require(read.region)
        #expect(region.offset == 0)
        #expect(region.count == Int(log.sizeInBytes))
        #expect(try log.read(from: 2, maxBytes: 1, isolation: .highWatermark, atLeastOneBatch: false).region == nil)
        #expect(try log.values(from: 2).map(\.value) == ["c"])
    }

    @Test func `reads end at the bound of their isolation and refuse what is outside of the log`() throws {
        let bench = try Bench()
        let log = try bench.log()
        log.highWatermarkFollowsLogEnd(false)
        try log.append(try batch(["a"]))
        try log.append(try batch(["b"]))
        #expect(log.setHighWatermark(1) == 1)
        #expect(try log.values(isolation: .highWatermark).map(\.value) == ["a"])
        #expect(try log.values(isolation: .logEnd).map(\.value) == ["a", "b"])
        #expect(try log.read(from: 2, maxBytes: 100, isolation: .logEnd, atLeastOneBatch: true).region == nil)
        for offset in [Int64(-1), 3] {
            #expect(throws: LogError.self) {
                try log.read(from: offset, maxBytes: 100, isolation: .logEnd, atLeastOneBatch: true)
            }
        }
    }

    @Test func `segments roll by size and every offset is found through the indexes`() throws {
        let bench = try Bench { configuration in
            configuration.segmentBytes = 16_000
            configuration.indexIntervalBytes = 200
        }
        let log = try bench.log()
        for number in 0..<1000 { try log.append(try batch(["value \(number)", "and \(number)"])) }
        bench.jobs.run()
        #expect(log.view.segments.count > 5)
        let values = try log.values(maxBytes: 500)
        #expect(values.map(\.offset) == Array(0..<2000))
        for offset in stride(from: Int64(0), to: 2000, by: 37) {
            #expect(try log.values(from: offset, maxBytes: 100).first?.offset == offset)
        }
        // What is finished is on the disk.
        #expect(log.recoveryPoint == log.view.segments.last!.baseOffset)
    }

    @Test func `segments roll by the time in the records`() throws {
        let bench = try Bench { $0.segmentMs = 1000 }
        let log = try bench.log()
        try log.append(try batch(["a"], timestamp: 5000))
        try log.append(try batch(["b"], timestamp: 6000))
        #expect(log.view.segments.count == 1)
        try log.append(try batch(["c"], timestamp: 6001))
        #expect(log.view.segments.map(\.baseOffset) == [0, 2])
    }

    @Test func `a clean stop leaves nothing to do`() throws {
        let bench = try Bench { $0.segmentBytes = 4_000 }
        for number in 0..<200 { try bench.log().append(try batch(["value \(number)"])) }
        try bench.restart()
        #expect(!bench.manager.startedUnclean)
        #expect(try bench.log().logEndOffset == 200)
        #expect(try bench.log().recoveryPoint == 200)
        try bench.log().append(try batch(["more"]))
        #expect(try bench.log().values().map(\.offset) == Array(0...200))
        #expect(try bench.log().topicId.description == "AAAAAAAAAAEAAAAAAAAAAg")
    }

    @Test func `what cannot be a batch is refused and changes nothing`() throws {
        let bench = try Bench { $0.maxMessageBytes = 200 }
        let log = try bench.log()
        var bytes = try batch(["a"])
        bytes[11] = 255
        #expect(throws: LogError.self) { try log.append(bytes) }
        #expect(throws: LogError.self) { try log.append([]) }
        #expect(throws: LogError.self) { try log.append(try batch([String(repeating: "x", count: 300)])) }
        #expect(log.logEndOffset == 0)
        #expect(log.sizeInBytes == 0)
    }
}
