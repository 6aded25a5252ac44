import EventLoop
import Files
import KafkaRecords
import KafkaWire
import Synchronization
import TestKit
import Testing

@testable import PartitionLog

@Suite struct CompactionTests {
    private func compacted(_ change: (inout LogConfiguration) -> Void = { _ in }) throws -> Bench {
        try Bench { configuration in
            configuration.segmentBytes = 2000
            configuration.indexIntervalBytes = 200
            configuration.compacts = true
            configuration.deletes = false
            configuration.minCleanableDirtyRatio = 0.1
            change(&configuration)
        }
    }

    /// Every record that has a key, as `key=value` (`-` for a tombstone), with its offset.
    private func records(_ log: PartitionLog) throws -> [(offset: Int64, text: String)] {
        var found: [(Int64, String)] = []
        for segment in log.view.segments {
            let end = try segment.walkBatches(from: 0, to: segment.size) { batch, _, _ throws(LogError) in
                do {
                    try batch.ensureValid()
                    var records = try batch.records(scratch: RecordScratch())
                    while let record = try records.next() {
                        guard let key = record.key else { continue }
                        let value = record.value.map { String(decoding: $0, as: UTF8.self) } ?? "-"
                        found.append((record.offset, String(decoding: key, as: UTF8.self) + "=" + value))
                    }
                } catch {
                    throw LogError(.corruptMessage, "\(error)")
                }
                return true
            }
            #expect(end == segment.size)
        }
        return found
    }

    private func keyed(_ pairs: [(String, String?)], _ change: (inout RecordBatchBuilder) -> Void = { _ in }) throws -> [UInt8] {
        var builder = RecordBatchBuilder()
        change(&builder)
        for (key, value) in pairs {
            builder.append(timestamp: 1_700_000_000_000, key: Array(key.utf8), value: value.map { Array($0.utf8) })
        }
        return try builder.build()
    }

    @Test func `a reader that waits for the last append finds it after it was rolled away and compacted`() throws {
        let bench = try compacted { $0.maxCompactionLagMs = 1000 }
        let log = try bench.log()
        // Half of what lies before the last batch goes, so that the batch moves within its segment.
        for number in 0..<6 { _ = try log.append(try keyed([("k\(number % 2)", "v\(number)")])) }
        let last = log.logEndOffset - 1
        let before = try #require(
            try log.read(from: last, maxBytes: 1 << 20, isolation: .logEnd, atLeastOneBatch: true).region)
        bench.clock.advance(ms: 60_000)
        try log.rollForCompaction(nowMs: bench.clock.wallMs())
        #expect(log.view.segments.count > 1)
        _ = try log.clean(memoryBytes: 1 << 20)
        let after = try #require(
            try log.read(from: last, maxBytes: 1 << 20, isolation: .logEnd, atLeastOneBatch: true).region)
        #expect(after.offset < before.offset)
        #expect(try log.values(from: last, maxBytes: 100).map(\.offset) == [last])
    }

    @Test func `of each key the latest value stays, with its offset, and what a client read before it reads again`() throws {
        let bench = try compacted()
        let log = try bench.log()
        var expected: [String: (Int64, String)] = [:]
        for number in 0..<400 {
            let key = "k\(number % 7)", other = "only\(number / 40)"
            let result = try log.append(try keyed([(key, "v\(number)"), (other, "w\(number)")]))
            expected[key] = (result.firstOffset, "v\(number)")
            expected[other] = (result.lastOffset, "w\(number)")
        }
        let before = log.sizeInBytes, activeBase = log.view.segments.last!.baseOffset
        let result = try #require(try log.clean(memoryBytes: 1 << 20))
        #expect(result.cleanedUpTo == activeBase)
        #expect(log.sizeInBytes < before / 4)
        let after = try records(log)
        for (key, (offset, value)) in expected { #expect(after.contains { $0 == (offset, key + "=" + value) }) }
        // Below the active segment no key stands twice.
        let clean = after.filter { $0.offset < activeBase }.map { $0.text.prefix { $0 != "=" } }
        #expect(Set(clean).count == clean.count)
        // Reads from every offset, those in the gaps too, go on to the end.
        for offset in stride(from: Int64(0), to: log.logEndOffset, by: 13) {
            #expect(try log.values(from: offset, maxBytes: 100).last?.offset == log.logEndOffset - 1)
        }
        #expect(try log.clean(memoryBytes: 1 << 20) == nil)
        try bench.kill()
        #expect(try records(try bench.log()).map(\.text) == after.map(\.text))
        try bench.restart()
        #expect(try records(try bench.log()).map(\.offset) == after.map(\.offset))
    }

    @Test func `cleaning goes on where it ended, with what fits into memory`() throws {
        let bench = try compacted()
        let log = try bench.log()
        for number in 0..<300 { try log.append(try keyed([("k\(number % 50)", "v\(number)")])) }
        // Room for nine keys.
        var rounds = 0
        while try log.clean(memoryBytes: 16 * OffsetMap.entryBytes) != nil { rounds += 1 }
        #expect(rounds > 10)
        let activeBase = log.view.segments.last!.baseOffset
        #expect(log.cleanedOffset == activeBase)
        let texts = try records(log)
        for number in 250..<300 { #expect(texts.contains { $0.text == "k\(number % 50)=v\(number)" }) }
    }

    @Test func `tombstones stay for delete_retention_ms after the first cleaning`() throws {
        let bench = try compacted { $0.deleteRetentionMs = 1000 }
        let log = try bench.log()
        try log.append(try keyed([("a", "1"), ("b", "1")]))
        try log.append(try keyed([("a", nil)]))
        func fill() throws { for number in 0..<40 { try log.append(try keyed([("fill", "\(number)")])) } }
        try fill()
        _ = try log.clean(memoryBytes: 1 << 20)
        #expect(try records(log).map(\.text).prefix(2) == ["b=1", "a=-"])
        try fill()
        bench.clock.advance(ms: 999)
        _ = try log.clean(memoryBytes: 1 << 20)
        #expect(try records(log).map(\.text).prefix(2) == ["b=1", "a=-"])
        try fill()
        bench.clock.advance(ms: 1)
        _ = try log.clean(memoryBytes: 1 << 20)
        #expect(try records(log).map(\.text).prefix(1) == ["b=1"])
        #expect(try !records(log).contains { $0.text == "a=-" })
    }

    @Test func `the last batch of a producer stays, if only as an empty one`() throws {
        let bench = try compacted()
        let log = try bench.log()
        for number in Int32(0)..<3 {
            try log.append(try keyed([("k", "v\(number)")]) { builder in
                builder.producerId = 5
                builder.producerEpoch = 2
                builder.baseSequence = number
            })
        }
        for number in 0..<60 { try log.append(try keyed([("k", "w\(number)")])) }
        _ = try log.clean(memoryBytes: 1 << 20)
        var heads: [Int64] = []
        try log.view.segments[0].walkHeaders(from: 0, to: log.view.segments[0].size) { header, _ in
            if header.producerId == 5 { heads.append(header.lastOffset) }
            return true
        }
        #expect(heads == [2])
        // From the records alone.
        for name in try bench.files() where name.hasSuffix(".snapshot") {
            try bench.environment.fileSystem.remove(bench.data + "/t-0/" + name)
        }
        try bench.kill()
        let again = try keyed([("k", "v2")]) { builder in
            builder.producerId = 5
            builder.producerEpoch = 2
            builder.baseSequence = 2
        }
        #expect(try bench.log().append(again).isDuplicate)
    }

    @Test func `aborted batches go at once, their marker when nothing of them is left`() throws {
        let bench = try compacted { $0.deleteRetentionMs = 100 }
        let log = try bench.log()
        func transactional(_ pairs: [(String, String?)], sequence: Int32) throws -> [UInt8] {
            try keyed(pairs) { builder in
                builder.producerId = 3
                builder.producerEpoch = 0
                builder.baseSequence = sequence
                builder.isTransactional = true
            }
        }
        func end(commit: Bool) throws {
            var builder = RecordBatchBuilder()
            builder.producerId = 3
            builder.producerEpoch = 0
            builder.isTransactional = true
            builder.isControl = true
            builder.append(timestamp: 1_700_000_000_000, key: [0, 0, 0, commit ? 1 : 0], value: [0, 0, 0, 0, 0, 0])
            try log.append(try builder.build(), origin: .coordinator)
        }
        func fill() throws { for number in 0..<60 { try log.append(try keyed([("fill", "\(number)")])) } }
        func markers() throws -> Int {
            var count = 0
            for segment in log.view.segments {
                try segment.walkHeaders(from: 0, to: segment.size) { header, _ in
                    if header.isControl, header.recordCount > 0 { count += 1 }
                    return true
                }
            }
            return count
        }
        try log.append(try keyed([("a", "old")]))
        try log.append(try transactional([("a", "aborted")], sequence: 0))
        // The marker stands in another segment than the batch.
        try fill()
        try end(commit: false)
        try fill()
        try log.append(try transactional([("c", "committed")], sequence: 1))
        try end(commit: true)
        try fill()
        _ = try log.clean(memoryBytes: 1 << 20)
        #expect(try records(log).map(\.text).prefix(1) == ["a=old"])
        #expect(try !records(log).contains { $0.text == "a=aborted" })
        #expect(try records(log).contains { $0.text == "c=committed" })
        #expect(try markers() == 2)
        for _ in 0..<3 {
            try fill()
            bench.clock.advance(ms: 200)
            _ = try log.clean(memoryBytes: 1 << 20)
        }
        // The committed one's batch is still there, so its marker is too.
        #expect(try markers() == 1)
        #expect(try log.values(isolation: .lastStable).contains { $0.value == "committed" })
    }

    @Test func `what min_compaction_lag_ms protects and an open transaction are not touched`() throws {
        let bench = try compacted { $0.minCompactionLagMs = 10_000 }
        let log = try bench.log()
        for number in 0..<60 { try log.append(try keyed([("k", "\(number)")])) }
        #expect(try log.clean(memoryBytes: 1 << 20) == nil)
        bench.clock.advance(ms: 20_000)
        try log.append(try keyed([("t", "1")]) { builder in
            builder.producerId = 3
            builder.producerEpoch = 0
            builder.baseSequence = 0
            builder.isTransactional = true
        })
        let open = log.logEndOffset - 1
        for number in 0..<60 { try log.append(try keyed([("k", "again \(number)")])) }
        let result = try #require(try log.clean(memoryBytes: 1 << 20))
        #expect(result.cleanedUpTo <= open)
    }

    @Test func `readers, appends and retention go on while a log is cleaned`() throws {
        let bench = try compacted { $0.fileDeleteDelayMs = 0 }
        let log = try bench.log()
        for number in 0..<300 { try log.append(try keyed([("k\(number % 5)", "v\(number)")])) }
        let region = try #require(try log.read(from: 0, maxBytes: 1000, isolation: .logEnd, atLeastOneBatch: true).region)
        let appended = Mutex(0)
        _ = try log.clean(memoryBytes: 1 << 20) { _ in
            // Between two steps of the cleaning.
            _ = try? log.append(try! keyed([("new", "x")]))
            appended.withLock { $0 += 1 }
        }
        #expect(appended.withLock { $0 } > 1)
        #expect(log.logEndOffset == 300 + Int64(appended.withLock { $0 }))
        #expect(try region.file.bytes(at: region.offset, count: region.count).count == region.count)
        // A segment that retention took while it was cleaned does not come back.
        for number in 0..<300 { try log.append(try keyed([("k\(number % 5)", "z\(number)")])) }
        let first = log.view.segments[0].baseOffset
        _ = try log.clean(memoryBytes: 1 << 20) { _ in
            _ = try? log.deleteRecords(before: log.highWatermark)
            try? log.applyRetention(nowMs: bench.clock.wallMs())
        }
        #expect(log.view.segments[0].baseOffset > first)
        try log.maintain(nowMs: bench.clock.wallMs())
        try bench.restart()
        #expect(try bench.files().filter { $0.contains("cleaned") || $0.contains("swap") } == [])
    }

    @Test func `cleaning threads together move no more bytes a second than they may, and leave off when the broker stops`() throws {
        let clock = ManualClock(), naps = Mutex(0)
        let pace = CleaningPace(bytesPerSecond: 1_000_000, clock: clock) { nanoseconds in
            naps.withLock { $0 += 1 }
            clock.advance(ms: Int64(nanoseconds / 1_000_000) + 1)
        }
        let begun = clock.wallMs()
        for _ in 0..<100 { try pace.moved(50_000) }
        #expect(clock.wallMs() - begun >= 4950)
        #expect(naps.withLock { $0 } > 90)
        pace.stop()
        #expect(throws: LogError.self) { try pace.moved(1) }
        let free = CleaningPace(bytesPerSecond: .greatestFiniteMagnitude, clock: clock) { _ in Issue.record("no reason to sleep") }
        for _ in 0..<100 { try free.moved(1 << 30) }
    }

    @Test func `a rate that is changed holds for who sleeps already; one of nothing holds all up until then`() throws {
        let clock = ManualClock(), naps = Mutex(0)
        let box = Mutex<CleaningPace?>(nil)
        let pace = CleaningPace(bytesPerSecond: 0, clock: clock) { nanoseconds in
            clock.advance(ms: Int64(nanoseconds / 1_000_000) + 1)
            let count = naps.withLock { naps in
                naps += 1
                return naps
            }
            if count == 100 { box.withLock { $0 }?.change(bytesPerSecond: 1_000_000) }
        }
        box.withLock { $0 = pace }
        try pace.moved(1)
        #expect(naps.withLock { $0 } == 100)
        let begun = clock.wallMs()
        for _ in 0..<20 { try pace.moved(50_000) }
        #expect((950...1100).contains(clock.wallMs() - begun))
        for rate in [-1, 1e-300, Double.nan] {
            pace.change(bytesPerSecond: rate)
            naps.withLock { $0 = 99 }
            try pace.moved(1 << 30)
        }
        box.withLock { $0 = nil }
    }

    @Test func `threads that are too many now leave off with the log that they have`() throws {
        let bench = try compacted()
        for topic in ["a", "b"] {
            for number in 0..<200 { try bench.log(topic).append(try keyed([("k\(number % 3)", "\(number)")])) }
        }
        let sizes = Mutex<[Int]>([])
        var cleaner = CleanerConfiguration()
        cleaner.threads = 2
        let environment = LogEnvironment(
            fileSystem: bench.environment.fileSystem, clock: bench.clock, submit: { _ in },
            resizeCleaning: { count in sizes.withLock { $0.append(count) } })
        let manager = LogManager(directories: bench.manager.directories, environment: environment, cleaner: cleaner)
        for topic in ["a", "b"] { try manager.add(try bench.log(topic)) }
        // One is taken by another thread; this one would be the second.
        manager.cleaning.withLock { $0.threads = 1 }
        cleaner.threads = 1
        manager.configureCleaner(cleaner)
        manager.cleanLogs()
        #expect(try bench.log("a").cleanedOffset == 0)
        #expect(sizes.withLock { $0 } == [1])
        manager.cleaning.withLock { $0.threads = 0 }
        manager.cleanLogs()
        #expect(try bench.log("a").cleanedOffset > 0)
        #expect(try bench.log("b").cleanedOffset > 0)
    }

    @Test func `little room for keys and small buffers clean as well, in more rounds`() throws {
        let bench = try compacted(), log = try bench.log()
        for number in 0..<300 { try log.append(try keyed([("k\(number % 100)", "\(number)")])) }
        var rounds = 0
        while try log.clean(memoryBytes: 200 * OffsetMap.entryBytes, loadFactor: 0.1, bufferBytes: 100) != nil { rounds += 1 }
        #expect(rounds > 3)
        let end = log.view.segments.last!.baseOffset
        let values = try log.values().filter { $0.offset < end }
        #expect(values.allSatisfy { $0.offset >= end - 100 })
        #expect(!values.isEmpty)
    }

    @Test func `several threads clean different logs, and a stop ends them without harm`() throws {
        let bench = try compacted()
        for topic in ["a", "b", "c"] {
            for number in 0..<200 { try bench.log(topic).append(try keyed([("k\(number % 3)", "\(number)")])) }
        }
        var cleaner = CleanerConfiguration()
        cleaner.threads = 3
        let manager = LogManager(directories: bench.manager.directories, environment: bench.environment, cleaner: cleaner)
        for topic in ["a", "b", "c"] { try manager.add(try bench.log(topic)) }
        let threads = (0..<3).compactMap { WorkerThread("cleaner-\($0)") { manager.cleanLogs() } }
        for thread in threads { thread.join() }
        for topic in ["a", "b", "c"] {
            let log = try bench.log(topic)
            #expect(log.cleanedOffset == log.view.segments.last!.baseOffset)
        }
        for number in 0..<200 { try bench.log("a").append(try keyed([("k\(number % 3)", "\(number)")])) }
        let before = try bench.log("a").cleanedOffset
        manager.stopCleaning()
        manager.cleanLogs()
        #expect(try bench.log("a").cleanedOffset == before)
        #expect(try bench.files("a-0").filter { $0.contains("cleaned") || $0.contains("swap") } == [])
        try bench.restart()
        #expect(try bench.log("a").logEndOffset == 400)
    }

    @Test func `the manager cleans the dirtiest first and remembers how far it came`() throws {
        let bench = try compacted()
        for number in 0..<100 { try bench.log("a").append(try keyed([("k", "\(number)")])) }
        for number in 0..<200 { try bench.log("b").append(try keyed([("k", "\(number)")])) }
        bench.clock.advance(ms: 15_000)
        bench.manager.maintain()
        bench.jobs.run()
        for topic in ["a", "b"] {
            let log = try bench.log(topic)
            #expect(log.cleanedOffset == log.view.segments.last!.baseOffset)
        }
        let cleaned = try bench.log("a").cleanedOffset
        try bench.kill()
        #expect(try bench.log("a").cleanedOffset == cleaned)
    }

    @Test func `the map knows every key that was put and no other`() {
        var map = OffsetMap(memoryBytes: 64 << 20)
        for number in Int64(0)..<200_000 { withUnsafeBytes(of: number) { map.put($0, offset: number * 3) } }
        #expect(map.count == 200_000)
        let wrong = (Int64(0)..<200_000).count { number in withUnsafeBytes(of: number) { map.offset(of: $0) != number * 3 } }
        #expect(wrong == 0)
        withUnsafeBytes(of: Int64(-5)) { #expect(map.offset(of: $0) == -1) }
    }
}
