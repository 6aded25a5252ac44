/// What a log remembers of one producer id: its epoch, its last five batches, and where its open transaction began.
package struct ProducerEntry: Sendable {
    /// One batch, as far as it takes to recognise a duplicate and to answer it with the old offset.
    struct Batch: Sendable, Equatable {
        var lastSequence: Int32
        var offsetDelta: Int32
        var lastOffset: Int64
        var timestamp: Int64

        static let none = Batch(lastSequence: -1, offsetDelta: 0, lastOffset: -1, timestamp: -1)

        var firstSequence: Int32 {
            // Sequences go from 2147483647 on to 0.
            lastSequence >= offsetDelta ? lastSequence - offsetDelta : Int32.max &- (offsetDelta &- lastSequence) &+ 1
        }
        var firstOffset: Int64 { lastOffset &- Int64(offsetDelta) }
    }

    /// Java clients keep five requests in flight at most, so no older batch comes again.
    static let keptBatches = 5

    var epoch: Int16 = -1
    var coordinatorEpoch: Int32 = -1
    var lastTimestamp: Int64 = -1
    /// -1: no transaction is open.
    var transactionFirstOffset: Int64 = -1
    private(set) var batchCount = 0
    /// The newest stands at `batchCount - 1`.
    private var batches = InlineArray<5, Batch>(repeating: .none)

    var lastSequence: Int32 { batchCount == 0 ? -1 : batches[batchCount - 1].lastSequence }
    var lastBatch: Batch? { batchCount == 0 ? nil : batches[batchCount - 1] }
    var isInTransaction: Bool { transactionFirstOffset >= 0 }

    func batch(epoch: Int16, firstSequence: Int32, lastSequence: Int32) -> Batch? {
        guard epoch == self.epoch else { return nil }
        for slot in 0..<batchCount {
            let batch = batches[slot]
            if batch.firstSequence == firstSequence && batch.lastSequence == lastSequence { return batch }
        }
        return nil
    }

    mutating func add(_ batch: Batch) {
        if batchCount == Self.keptBatches {
            for slot in 1..<Self.keptBatches { batches[slot - 1] = batches[slot] }
            batchCount -= 1
        }
        batches[batchCount] = batch
        batchCount += 1
        lastTimestamp = batch.timestamp
    }

    /// A new epoch begins with no batches.
    mutating func raise(epoch: Int16) {
        guard epoch != self.epoch else { return }
        batchCount = 0
        self.epoch = epoch
    }
}
