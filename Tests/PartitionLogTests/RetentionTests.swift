import EventLoop
import Files
import KafkaRecords
import TestKit
import Testing

@testable import PartitionLog

@Suite struct RetentionTests {
    @Test func `segments whose records are older than retention_ms go, the active one too`() throws {
        let bench = try Bench { configuration in
            configuration.segmentBytes = 300
            configuration.retentionMs = 10_000
            configuration.fileDeleteDelayMs = 5000
        }
        let log = try bench.log()
        let now = bench.clock.wallMs()
        for number in 0..<20 { try log.append(try batch(["value \(number)"], timestamp: now + Int64(number) * 1000)) }
        let segments = log.view.segments.count
        try log.applyRetention(nowMs: now + 15_000)
        #expect(log.view.segments.count < segments)
        #expect(log.logStartOffset > 0)
        #expect(log.logStartOffset == log.view.segments[0].baseOffset)
        #expect(throws: LogError.self) {
            try log.read(from: 0, maxBytes: 1, isolation: .logEnd, atLeastOneBatch: true)
        }
        #expect(try bench.files().contains { $0.hasSuffix(".log.deleted") })
        try log.maintain(nowMs: now + 30_000)
        #expect(try !bench.files().contains { $0.hasSuffix(".deleted") })
        try log.applyRetention(nowMs: now + 60_000)
        #expect(log.logStartOffset == 20)
        #expect(log.view.segments.map(\.size) == [0])
        try bench.restart()
        #expect(try bench.log().logStartOffset == 20)
        #expect(try bench.log().logEndOffset == 20)
        #expect(try bench.log().append(try batch(["more"])).firstOffset == 20)
    }

    @Test func `retention_bytes keeps at least that much`() throws {
        let bench = try Bench { configuration in
            configuration.segmentBytes = 300
            configuration.retentionMs = -1
            configuration.retentionBytes = 1000
        }
        let log = try bench.log()
        for number in 0..<50 { try log.append(try batch(["value \(number)"])) }
        try log.applyRetention(nowMs: bench.clock.wallMs())
        #expect(log.sizeInBytes >= 1000)
        #expect(log.sizeInBytes < 1300)
    }

    @Test func `deleted records are gone at once, and stay gone after a kill`() throws {
        let bench = try Bench { $0.segmentBytes = 300 }
        let log = try bench.log()
        for number in 0..<20 { try log.append(try batch(["value \(number)"])) }
        #expect(try log.deleteRecords(before: 7) == 7)
        #expect(throws: LogError.self) { try log.deleteRecords(before: 21) }
        #expect(try log.values(from: 7).first?.offset == 7)
        #expect(throws: LogError.self) { try log.values(from: 6) }
        bench.clock.advance(ms: 120_000)
        bench.manager.maintain()
        try bench.kill()
        #expect(try bench.log().logStartOffset == 7)
        #expect(try bench.log().deleteRecords(before: -1) == 20)
    }

    @Test func `a deleted partition's directory goes after the delay, also when the broker stopped before`() throws {
        let bench = try Bench { $0.fileDeleteDelayMs = 1000 }
        let log = try bench.log()
        try log.append(try batch(["a"]))
        let region = try #require(try log.read(from: 0, maxBytes: 100, isolation: .logEnd, atLeastOneBatch: true).region)
        try bench.manager.delete(log.partition)
        #expect(throws: LogError.self) { try log.append(try batch(["b"])) }
        #expect(try bench.environment.fileSystem.list(bench.data).contains { $0.hasPrefix("t-0.") && $0.hasSuffix("-delete") })
        // Who had begun to read may go on.
        #expect(try region.file.bytes(at: 0, count: 8).count == 8)
        #expect(try log.values().map(\.value) == ["a"])
        // The name is free for another topic.
        try bench.log().append(try batch(["new"]))
        try bench.restart()
        bench.clock.advance(ms: 1000)
        bench.manager.maintain()
        #expect(try !bench.environment.fileSystem.list(bench.data).contains { $0.hasSuffix("-delete") })
        #expect(try bench.log().values().map(\.value) == ["new"])
    }

    @Test func `flush_messages holds the acknowledgement until the disk has it`() throws {
        let bench = try Bench { $0.flushMessages = 2 }
        let log = try bench.log()
        #expect(try !log.append(try batch(["a"])).mustFlush)
        let result = try log.append(try batch(["b"]))
        #expect(result.mustFlush)
        // Nobody sees it before.
        #expect(log.highWatermark == 1)
        let answers = Answers()
        log.flushed(upTo: result.lastOffset + 1) { answers.add($0) }
        log.flushed(upTo: 1) { answers.add($0) }
        #expect(answers.count == 0)
        bench.jobs.run()
        #expect(answers.count == 2)
        #expect(log.flushedOffset == 2)
        #expect(log.highWatermark == 2)
        log.flushed(upTo: 2) { answers.add($0) }
        #expect(answers.count == 3)
    }

    @Test func `flush_ms flushes what waits that long`() throws {
        let bench = try Bench { $0.flushMs = 500 }
        let log = try bench.log()
        try log.append(try batch(["a"]))
        bench.manager.maintain()
        #expect(log.flushedOffset == 0)
        bench.clock.advance(ms: 500)
        bench.manager.maintain()
        #expect(log.flushedOffset == 1)
    }
}

private final class Answers: @unchecked Sendable {  // one thread
    private(set) var count = 0
    func add(_ error: LogError?) { if error == nil { count += 1 } }
}
