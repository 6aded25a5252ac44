import EventLoop
import Files
import Glibc
import KafkaRecords
import KafkaWire
import TestKit

@testable import PartitionLog

/// One run: a random life of a log, and a model of what it must remember.
final class Simulation: SeededSimulation {
    struct Violation: Error, CustomStringConvertible {
        var description: String
    }

    /// What was appended, by offset; nil where a marker stands.
    struct Written {
        var value: String?
        var timestamp: Int64
        var producerId: Int64
    }

    let disk: SimulatedDisk
    private let isTraced = getenv("JACKDAW_SIMULATION_TRACE") != nil
    private(set) var steps = 0
    private(set) var crashes = 0
    private let clock = ManualClock()
    private var generator: SeededGenerator
    private let queue = Jobs()
    private var configuration = LogConfiguration()
    private var environment: LogEnvironment
    private var manager: LogManager!
    private var log: PartitionLog!

    private var written: [Int64: Written] = [:]
    private var end: Int64 = 0
    /// Everything below was reported as flushed.
    private let acknowledged = Acknowledged()
    private var start: Int64 = 0
    private var sequences: [Int64: Int32] = [:]
    private var open: Set<Int64> = []
    private var leaderEpoch: Int32 = 0

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        disk = SimulatedDisk(seed: seed ^ 0x5eed)
        configuration.segmentBytes = Int.random(in: 900...5000, using: &generator)
        configuration.indexIntervalBytes = Int.random(in: 50...600, using: &generator)
        configuration.segmentMs = generator.chance(0.3) ? 5000 : 1_000_000
        configuration.flushMessages = generator.chance(0.3) ? Int64.random(in: 1...5, using: &generator) : .max
        configuration.flushMs = generator.chance(0.3) ? 2000 : .max
        configuration.retentionMs = -1
        configuration.retentionBytes = generator.chance(0.2) ? 8000 : -1
        configuration.fileDeleteDelayMs = 1000
        configuration.compacts = generator.chance(0.4)
        configuration.minCleanableDirtyRatio = 0
        configuration.deleteRetentionMs = 3000
        let queue = queue
        environment = LogEnvironment(
            fileSystem: disk, clock: clock, openFileLimit: Int.random(in: 1...20, using: &generator),
            unmarkedBytes: Int.random(in: 200...6000, using: &generator), submit: { queue.submit($0) })
    }

    func run() throws {
        try start(after: .nothing)
        let count = Int.random(in: 20...120, using: &generator)
        for _ in 0..<count {
            steps += 1
            do {
                try step()
            } catch let error as LogError {
                // A call that the machine's end cut short; anything else that fails is a finding.
                guard disk.hasStopped else { throw error }
            }
            if disk.hasStopped {
                try restart(losingPower: generator.chance(0.7))
            }
        }
        try restart(losingPower: true)
    }

    private func step() throws {
        let choice = Int.random(in: 0..<100, using: &generator)
        trace("step \(steps): \(choice), end \(end), acknowledged \(acknowledged.offset), flushed \(log.flushedOffset), recovery point \(log.recoveryPoint)")
        switch choice {
        case 0..<55: try append()
        case 55..<62: flush()
        case 62..<70: queue.run()
        case 70..<78:
            clock.advance(ms: Int64.random(in: 1...40_000, using: &generator))
            manager.maintain()
        case 78..<81: try log.checkpointRecoveryPoint()
        case 81..<84: _ = try log.clean(memoryBytes: 1 << 16)
        case 84..<86: try deleteRecords()
        case 86..<88: try truncate()
        case 88..<90: try log.applyRetention(nowMs: clock.wallMs())
        case 90..<92: try cleanRestart()
        case 92..<94: try restart(losingPower: false)
        case 94..<96: try restart(losingPower: true)
        default: disk.faults.crashAfterCalls = Int.random(in: 0...40, using: &generator)
        }
        start = max(start, log.logStartOffset)
    }

    /// `JACKDAW_SIMULATION_TRACE=1` shows a run's steps.
    private func trace(_ text: @autoclosure () -> String) { if isTraced { print(text()) } }

    // MARK: what is done

    private func append() throws {
        var builder = RecordBatchBuilder()
        let id = Int64.random(in: -3...3, using: &generator)
        let isTransactional = id == 3 || (id == 2 && generator.chance(0.5) && !open.contains(2)) || open.contains(id)
        if id > 0 {
            builder.producerId = id
            builder.producerEpoch = 0
            builder.baseSequence = sequences[id] ?? 0
            builder.isTransactional = isTransactional
        }
        if isTransactional, open.contains(id), generator.chance(0.4) { return try end(id) }
        let records = Int.random(in: 1...4, using: &generator)
        let timestamp = clock.wallMs() + Int64.random(in: -5000...5000, using: &generator)
        var values: [String] = []
        for number in 0..<records {
            let value = "\(end + Int64(number)) " + String(repeating: "x", count: Int.random(in: 0...150, using: &generator))
            values.append(value)
            builder.append(
                timestamp: timestamp + Int64(number), key: [UInt8.random(in: 0..<12, using: &generator)], value: Array(value.utf8))
        }
        if generator.chance(0.2) { builder.compression = Compression(.lz4) }
        let result = try log.append(try builder.build(), leaderEpoch: leaderEpoch)
        try require(result.firstOffset == end && !result.isDuplicate, "append got offset \(result.firstOffset), not \(end)")
        for (number, value) in values.enumerated() {
            written[end + Int64(number)] = Written(
                value: value, timestamp: timestamp + Int64(number), producerId: builder.producerId)
        }
        end += Int64(records)
        if id > 0 { sequences[id] = (sequences[id] ?? 0) + Int32(records) }
        if isTransactional { open.insert(id) }
        if result.mustFlush { acknowledge(upTo: end) }
    }

    private func end(_ id: Int64) throws {
        var builder = RecordBatchBuilder()
        builder.producerId = id
        builder.producerEpoch = 0
        builder.isTransactional = true
        builder.isControl = true
        builder.append(timestamp: clock.wallMs(), key: [0, 0, 0, generator.chance(0.5) ? 1 : 0], value: [0, 0, 0, 0, 0, 0])
        _ = try log.append(try builder.build(), origin: .coordinator, leaderEpoch: leaderEpoch)
        written[end] = Written(value: nil, timestamp: clock.wallMs(), producerId: id)
        end += 1
        open.remove(id)
    }

    private func flush() {
        acknowledge(upTo: end)
        if generator.chance(0.8) { queue.run() }
    }

    private func acknowledge(upTo offset: Int64) {
        let acknowledged = acknowledged, life = acknowledged.life
        log.flushed(upTo: offset) { failure in
            if failure == nil, life == acknowledged.life { acknowledged.offset = max(acknowledged.offset, offset) }
        }
    }

    private func deleteRecords() throws {
        guard log.highWatermark > start else { return }
        start = try log.deleteRecords(before: Int64.random(in: start...log.highWatermark, using: &generator))
    }

    private func truncate() throws {
        let offset = Int64.random(in: max(start, end - 10)...max(start, end), using: &generator)
        // What the model knows of the cut-off part is forgotten before: it may be gone or not if the machine stops meanwhile.
        let cut = try batchStart(offset)
        acknowledged.offset = min(acknowledged.offset, cut)
        // Whoever waits for what is cut off is no longer waiting for anything.
        acknowledged.life += 1
        mayEndFrom = cut
        try log.truncate(to: offset)
        mayEndFrom = nil
        forget(from: log.logEndOffset)
    }

    /// The log is cut before the batch that holds the offset.
    private func batchStart(_ offset: Int64) throws -> Int64 {
        var start = offset
        for segment in log.view.segments {
            try segment.walkHeaders(from: 0, to: segment.size) { header, _ in
                if header.baseOffset <= offset, header.lastOffset >= offset { start = header.baseOffset }
                return true
            }
        }
        return start
    }

    /// A truncation was cut short: the log may end anywhere from here on.
    private var mayEndFrom: Int64?

    private func forget(from offset: Int64) {
        for offset in offset..<max(end, offset) { written[offset] = nil }
        end = offset
        readProducers()
    }

    private func cleanRestart() throws {
        queue.run()
        manager.shutdown()
        guard !disk.hasStopped else { return }
        try start(after: .cleanStop)
        try verify(isComplete: true)
    }

    private func restart(losingPower: Bool) throws {
        crashes += 1
        acknowledged.life += 1
        // Jobs of the old process never run.
        queue.drop()
        if losingPower { disk.crash() } else { disk.killProcess() }
        try start(after: losingPower ? .powerLoss : .kill)
        try verify(isComplete: false)
        if generator.chance(0.1) { try restart(losingPower: losingPower) }
    }

    private enum Event { case nothing, cleanStop, kill, powerLoss }

    private func start(after event: Event) throws {
        log = nil
        manager = nil
        manager = try Bench.start("/simulated", environment, configuration)
        log = try manager.create(TopicPartition("t", 0), topicId: Uuid(1, 2), configuration: configuration)
        leaderEpoch += 1
        let found = log.logEndOffset
        trace("started after \(event): \(log.view.segments.map { ($0.baseOffset, $0.size) }), \(log.logStartOffset) to \(found), flushed \(log.flushedOffset), recovery point \(log.recoveryPoint)")
        switch event {
        case .nothing: break
        case .cleanStop: try require(found == end, "ends at \(found) after a clean stop, not at \(end)")
        case .kill, .powerLoss:
            let least = event == .kill && mayEndFrom == nil ? end : min(acknowledged.offset, mayEndFrom ?? .max)
            // A write that the machine's end cut short may be there as a whole.
            try require(found >= min(least, end), "ends at \(found), though \(least) was acknowledged")
            if found > end { try adopt(upTo: found) } else { forget(from: found) }
            mayEndFrom = nil
        }
        acknowledged.offset = min(acknowledged.offset, end)
        start = max(start == 0 ? 0 : min(start, log.logStartOffset), log.logStartOffset)
        try require(start <= end, "begins at \(start) and ends at \(end)")
    }

    /// The batch whose append was not answered before the machine stopped.
    private func adopt(upTo found: Int64) throws {
        for (offset, record) in try contents() where offset >= end { written[offset] = record }
        end = found
        readProducers()
    }

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw Violation(description: message()) }
    }

    // MARK: what is checked

    /// Every record in the log, checksums looked at.
    private func contents() throws -> [(offset: Int64, record: Written)] {
        var found: [(Int64, Written)] = []
        for segment in log.view.segments {
            let stop = try segment.walkBatches(from: 0, to: segment.size) { batch, header, _ throws(LogError) in
                do {
                    try batch.ensureValid()
                    var records = try batch.records(scratch: RecordScratch())
                    while let record = try records.next() {
                        let value = header.isControl ? nil : String(decoding: record.value ?? .init(start: nil, count: 0), as: UTF8.self)
                        found.append((record.offset, Written(value: value, timestamp: record.timestamp, producerId: header.producerId)))
                    }
                } catch {
                    throw LogError(.corruptMessage, "\(error)")
                }
                return true
            }
            try require(stop == segment.size, "garbage in segment \(segment.baseOffset) at byte \(stop)")
        }
        return found
    }

    private func verify(isComplete: Bool) throws {
        let found = try contents()
        var last: Int64 = -1
        for (offset, record) in found {
            try require(offset > last, "offset \(offset) comes after \(last)")
            last = offset
            try require(offset < end, "offset \(offset) in a log that ends at \(end)")
            let expected = written[offset]
            try require(
                expected?.value == record.value && expected?.producerId == record.producerId,
                "offset \(offset) has \(record.value ?? "a marker"), not \(expected?.value ?? "a marker or nothing")")
        }
        if !configuration.compacts {
            let there = Set(found.map(\.offset))
            for offset in log.logStartOffset..<end where !there.contains(offset) {
                throw Violation(description: "offset \(offset) is missing between \(log.logStartOffset) and \(end)")
            }
        }
        try verifyIndexes()
        try verifyLookups(found.map(\.offset))
        try verifyProducers()
    }

    private func verifyIndexes() throws {
        for segment in log.view.segments {
            var indexes = IndexCheck(segment: segment.baseOffset)
            try segment.walkHeaders(from: 0, to: segment.size) { header, position in
                indexes.note(batchAt: position, lastOffset: header.lastOffset, maxTimestamp: header.maxTimestamp)
                return true
            }
            let problem = try indexes.problem(
                entries: segment.offsetIndex.count, segment.offsetIndex.entry, timeEntries: segment.timeIndex.count
            ) { slot in
                let entry = try segment.timeIndex.entry(slot)
                return (entry.timestamp, entry.offset)
            }
            try require(problem == nil, problem ?? "")
            let told = try segment.timeIndex.largest().timestamp
            try require(
                told == indexes.largestTimestamp,
                "the largest timestamp of segment \(segment.baseOffset) is \(indexes.largestTimestamp), not \(told)")
        }
    }

    private func verifyLookups(_ offsets: [Int64]) throws {
        for offset in offsets where offset >= log.logStartOffset {
            let read = try log.read(from: offset, maxBytes: 1, isolation: .logEnd, atLeastOneBatch: true)
            guard let region = read.region else { throw Violation(description: "nothing at offset \(offset)") }
            let bytes = try region.file.bytes(at: region.offset, count: min(region.count, 61))
            let range = bytes.withUnsafeBytes { RecordBatchHeader($0).map { $0.baseOffset...$0.lastOffset } }
            try require(range?.contains(offset) == true, "a read from \(offset) got the batch \(String(describing: range))")
        }
    }

    /// The producers as the records alone tell them.
    private func recount() throws -> [Int64: (lastOffset: Int64, lastSequence: Int32, transaction: Int64)] {
        var table: [Int64: (Int64, Int32, Int64)] = [:]
        for segment in log.view.segments {
            try segment.walkHeaders(from: 0, to: segment.size) { header, _ in
                guard header.hasProducerId else { return true }
                var entry = table[header.producerId] ?? (-1, -1, -1)
                if header.isControl {
                    entry.2 = -1
                } else {
                    entry.0 = header.lastOffset
                    entry.1 = header.lastSequence
                    if header.isTransactional, entry.2 < 0 { entry.2 = header.baseOffset }
                }
                table[header.producerId] = entry
                return true
            }
        }
        return table
    }

    private func verifyProducers() throws {
        let recounted = try recount()
        let known = Dictionary(uniqueKeysWithValues: log.producers.map { ($0.id, $0.entry) })
        for (id, expected) in recounted where expected.lastOffset >= log.logStartOffset {
            guard let entry = known[id] else { throw Violation(description: "producer \(id) is forgotten") }
            // Compaction keeps the last batch that a producer had then. If that is lost later, a snapshot knows of one between.
            let knowsMore = configuration.compacts && entry.lastBatch?.lastOffset ?? -1 > expected.lastOffset
            try require(
                knowsMore || entry.lastSequence == expected.lastSequence && entry.lastBatch?.lastOffset == expected.lastOffset,
                "producer \(id): \(entry.lastSequence) at \(entry.lastBatch?.lastOffset ?? -1), not \(expected)")
            // Compaction may have taken an open transaction's first batch, never moved its start.
            if expected.transaction >= log.logStartOffset, !configuration.compacts {
                // It may have begun with records that are deleted by now.
                try require(
                    entry.transactionFirstOffset == expected.transaction
                        || entry.isInTransaction && entry.transactionFirstOffset < log.logStartOffset,
                    "producer \(id): transaction from \(entry.transactionFirstOffset), not from \(expected.transaction)")
            }
        }
    }

    /// After a cut the model's producers are what the log has.
    private func readProducers() {
        sequences = [:]
        open = []
        for (id, entry) in log.producers {
            sequences[id] = entry.lastSequence + 1
            if entry.isInTransaction { open.insert(id) }
        }
    }
}

/// What the flush callbacks of a life of the broker have reported.
final class Acknowledged: @unchecked Sendable {  // a simulation has one thread
    var offset: Int64 = 0
    var life = 0
}
