import KafkaRecords
import Testing

@testable import PartitionLog

@Suite struct ProducerStateTests {
    private func idempotent(_ values: [String], sequence: Int32, id: Int64 = 7, epoch: Int16 = 0, transactional: Bool = false) throws -> [UInt8] {
        try batch(values) { builder in
            builder.producerId = id
            builder.producerEpoch = epoch
            builder.baseSequence = sequence
            builder.isTransactional = transactional
        }
    }

    /// The control batch that a transaction coordinator writes.
    private func marker(commit: Bool, id: Int64 = 7, epoch: Int16 = 0, coordinatorEpoch: UInt8 = 0) throws -> [UInt8] {
        var builder = RecordBatchBuilder()
        builder.producerId = id
        builder.producerEpoch = epoch
        builder.isTransactional = true
        builder.isControl = true
        builder.append(timestamp: 1_700_000_000_000, key: [0, 0, 0, commit ? 1 : 0], value: [0, 0, 0, 0, 0, coordinatorEpoch])
        return try builder.build()
    }

    private func kind(_ body: () throws -> Void) -> LogError.Kind? {
        do {
            try body()
            return nil
        } catch {
            return (error as? LogError)?.kind
        }
    }

    @Test func `a batch that comes again is answered with its old offsets, up to five batches back`() throws {
        let bench = try Bench()
        let log = try bench.log()
        for number in 0..<6 { try log.append(try idempotent(["a", "b"], sequence: Int32(number * 2))) }
        let again = try log.append(try idempotent(["a", "b"], sequence: 2))
        #expect(again.isDuplicate)
        #expect((again.firstOffset, again.lastOffset) == (2, 3))
        #expect(log.logEndOffset == 12)
        // The sixth from the end is forgotten, so it looks like a gap.
        #expect(kind { try log.append(try idempotent(["a", "b"], sequence: 0)) } == .outOfOrderSequenceNumber)
    }

    @Test func `sequences have no gaps, epochs do not fall, and a new epoch begins with 0`() throws {
        let bench = try Bench()
        let log = try bench.log()
        // An unknown producer may begin anywhere: its records may have been deleted.
        try log.append(try idempotent(["a"], sequence: 5))
        #expect(kind { try log.append(try idempotent(["b"], sequence: 7)) } == .outOfOrderSequenceNumber)
        try log.append(try idempotent(["b"], sequence: 6))
        #expect(kind { try log.append(try idempotent(["c"], sequence: 7, epoch: 1)) } == .outOfOrderSequenceNumber)
        try log.append(try idempotent(["c"], sequence: 0, epoch: 1))
        #expect(kind { try log.append(try idempotent(["d"], sequence: 7)) } == .invalidProducerEpoch)
        #expect(log.logEndOffset == 3)
    }

    @Test func `after sequence 2147483647 comes 0`() throws {
        let bench = try Bench()
        let log = try bench.log()
        try log.append(try idempotent(["a", "b"], sequence: .max - 1))
        try log.append(try idempotent(["c"], sequence: 0))
        let again = try log.append(try idempotent(["a", "b"], sequence: .max - 1))
        #expect(again.isDuplicate)
    }

    @Test func `producers are known after a clean stop and after a kill`() throws {
        let bench = try Bench { $0.segmentBytes = 1000 }
        for number in 0..<50 { try bench.log().append(try idempotent(["value"], sequence: Int32(number))) }
        try bench.restart()
        #expect(try bench.log().append(try idempotent(["value"], sequence: 49)).isDuplicate)
        for number in 50..<70 { try bench.log().append(try idempotent(["value"], sequence: Int32(number))) }
        try bench.kill()
        #expect(bench.manager.startedUnclean)
        #expect(try bench.log().append(try idempotent(["value"], sequence: 69)).isDuplicate)
        #expect(try bench.log().append(try idempotent(["value"], sequence: 67)).lastOffset == 67)
        let log = try bench.log()
        #expect(kind { try log.append(try idempotent(["value"], sequence: 71)) } == .outOfOrderSequenceNumber)
        #expect(try bench.log().append(try idempotent(["value"], sequence: 70)).firstOffset == 70)
    }

    @Test func `silent producers are forgotten`() throws {
        let bench = try Bench()
        let log = try bench.log()
        try log.append(try idempotent(["a"], sequence: 0))
        log.expireProducers(nowMs: 1_700_000_000_000 + 24 * 3_600_000)
        #expect(log.producers.count == 1)
        log.expireProducers(nowMs: 1_700_000_000_001 + 24 * 3_600_000)
        #expect(log.producers.isEmpty)
    }

    @Test func `readers of committed records wait for the marker and learn what was aborted`() throws {
        let bench = try Bench()
        let log = try bench.log()
        try log.append(try batch(["plain"]))
        try log.append(try idempotent(["x", "y"], sequence: 0, transactional: true))
        try log.append(try batch(["after"]))
        #expect(log.highWatermark == 4)
        #expect(log.lastStableOffset == 1)
        #expect(try log.values(isolation: .lastStable).map(\.value) == ["plain"])
        #expect(try log.values(isolation: .highWatermark).map(\.value) == ["plain", "x", "y", "after"])
        #expect(kind { try log.append(try idempotent(["z"], sequence: 2)) } == .invalidTransactionState)
        try log.append(try marker(commit: false), origin: .coordinator)
        #expect(log.lastStableOffset == 5)
        let read = try log.read(from: 0, maxBytes: 10_000, isolation: .lastStable, atLeastOneBatch: true)
        #expect(read.abortedTransactions == [
            AbortedTransaction(producerId: 7, firstOffset: 1, lastOffset: 4, lastStableOffset: 5)
        ])
        // After the marker nothing of it is left to leave out.
        try log.append(try batch(["end"]))
        #expect(try log.read(from: 5, maxBytes: 10_000, isolation: .lastStable, atLeastOneBatch: true).abortedTransactions == [])
        try bench.kill()
        #expect(try bench.log().read(from: 0, maxBytes: 10_000, isolation: .lastStable, atLeastOneBatch: true).abortedTransactions
            == read.abortedTransactions)
        try bench.restart()
        #expect(try bench.log().read(from: 2, maxBytes: 10_000, isolation: .lastStable, atLeastOneBatch: true).abortedTransactions
            == read.abortedTransactions)
        #expect(try bench.log().append(try idempotent(["more"], sequence: 2, transactional: true)).firstOffset == 6)
        #expect(try bench.log().lastStableOffset == 6)
        try bench.restart()
        #expect(try bench.log().lastStableOffset == 6)
        try bench.log().append(try marker(commit: true), origin: .coordinator)
        #expect(try bench.log().lastStableOffset == 8)
    }

    @Test func `a marker of a coordinator that was replaced is refused`() throws {
        let bench = try Bench()
        let log = try bench.log()
        try log.append(try idempotent(["x"], sequence: 0, transactional: true))
        try log.append(try marker(commit: true, coordinatorEpoch: 5), origin: .coordinator)
        #expect(kind { try log.append(try marker(commit: true, coordinatorEpoch: 4), origin: .coordinator) } == .transactionCoordinatorFenced)
    }
}
