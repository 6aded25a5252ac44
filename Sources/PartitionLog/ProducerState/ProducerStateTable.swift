internal import KafkaRecords

/// The producers of a log (Kafka's ProducerStateManager): who may write what next, which transactions are open, and up to where
/// every transaction is decided.
struct ProducerStateTable: Sendable {
    private(set) var entries: [Int64: ProducerEntry] = [:]
    /// First offsets of open transactions, ascending. Few at a time.
    private var open: [OpenTransaction] = []
    /// Transactions that are decided by a marker above the high watermark: still unstable for readers.
    private var undecided: [OpenTransaction] = []
    /// The state is that of the log up to here.
    var endOffset: Int64 = 0

    struct OpenTransaction: Sendable, Equatable {
        var producerId: Int64
        var firstOffset: Int64
        /// Where the first batch stands; segment -1 where that is not known (after a start).
        var segmentBase: Int64
        var position: Int
        /// The marker's offset, once it is there.
        var lastOffset: Int64
    }

    /// A transaction that a marker ended.
    struct Completed: Sendable {
        var producerId: Int64
        var firstOffset: Int64
        var lastOffset: Int64
        var isAborted: Bool
    }

    // MARK: before an append

    enum Verdict {
        case accepted
        /// It is in the log already: these were its offsets and its timestamp.
        case duplicate(firstOffset: Int64, lastOffset: Int64, timestamp: Int64)
    }

    /// Whether the batch may be appended by this producer now. Changes nothing.
    func check(_ header: RecordBatchHeader, origin: AppendOrigin) throws(LogError) -> Verdict {
        let id = header.producerId
        guard let entry = entries[id] else { return .accepted }
        if origin == .client,
            let batch = entry.batch(
                epoch: header.producerEpoch, firstSequence: header.baseSequence, lastSequence: header.lastSequence) {
            return .duplicate(firstOffset: batch.firstOffset, lastOffset: batch.lastOffset, timestamp: batch.timestamp)
        }
        if origin == .replication { return .accepted }
        if header.producerEpoch < entry.epoch {
            throw LogError(
                .invalidProducerEpoch,
                "producer \(id) has epoch \(header.producerEpoch), which is below \(entry.epoch) that was seen before")
        }
        if header.isControl { return .accepted }
        if origin == .client { try checkSequence(header, entry) }
        if entry.isInTransaction && !header.isTransactional {
            throw LogError(.invalidTransactionState, "producer \(id) has a transaction open and wrote outside of it")
        }
        return .accepted
    }

    private func checkSequence(_ header: RecordBatchHeader, _ entry: ProducerEntry) throws(LogError) {
        let next = header.baseSequence
        if header.producerEpoch != entry.epoch {
            guard next != 0, entry.epoch != NoValue.producerEpoch else { return }
            throw LogError(
                .outOfOrderSequenceNumber,
                "producer \(header.producerId) begins its epoch \(header.producerEpoch) with sequence \(next), not with 0")
        }
        // An entry without an epoch knows nothing: all of its records were deleted, and any sequence is right.
        let last = entry.lastSequence
        let follows = Int64(next) == Int64(last) + 1 || (next == 0 && last == .max)
        guard entry.epoch == NoValue.producerEpoch || follows else {
            throw LogError(
                .outOfOrderSequenceNumber,
                "producer \(header.producerId), epoch \(header.producerEpoch): sequence \(next) does not follow \(last)")
        }
    }

    /// A marker from a coordinator that was replaced must not end what the new one has begun.
    func check(_ marker: EndTransactionMarker, producerId: Int64) throws(LogError) {
        guard let entry = entries[producerId], entry.coordinatorEpoch > marker.coordinatorEpoch else { return }
        throw LogError(
            .transactionCoordinatorFenced,
            "a marker of coordinator epoch \(marker.coordinatorEpoch) for producer \(producerId) comes after epoch \(entry.coordinatorEpoch)")
    }

    // MARK: after it

    /// A data batch with a producer id is in the log.
    mutating func apply(_ header: RecordBatchHeader, segmentBase: Int64, position: Int) {
        let id = header.producerId, first = header.baseOffset
        var entry = ProducerEntry()
        if let found = entries.index(forKey: id) { entry = entries[found].value }
        entry.raise(epoch: header.producerEpoch)
        entry.add(
            ProducerEntry.Batch(
                lastSequence: header.lastSequence, offsetDelta: header.lastOffsetDelta, lastOffset: header.lastOffset,
                timestamp: header.maxTimestamp))
        if header.isTransactional && !entry.isInTransaction {
            entry.transactionFirstOffset = first
            open.append(
                OpenTransaction(
                    producerId: id, firstOffset: first, segmentBase: segmentBase, position: position, lastOffset: -1))
        }
        entries[id] = entry
    }

    /// A marker is in the log; the transaction that it ended, where one was open.
    mutating func apply(
        _ marker: EndTransactionMarker, producerId: Int64, epoch: Int16, offset: Int64, timestamp: Int64
    ) -> Completed? {
        var entry = entries[producerId] ?? ProducerEntry()
        let firstOffset = entry.transactionFirstOffset
        entry.raise(epoch: epoch)
        entry.coordinatorEpoch = marker.coordinatorEpoch
        entry.lastTimestamp = timestamp
        entry.transactionFirstOffset = -1
        entries[producerId] = entry
        guard firstOffset >= 0 else { return nil }
        return Completed(
            producerId: producerId, firstOffset: firstOffset, lastOffset: offset, isAborted: !marker.isCommit)
    }

    /// The last stable offset that holds once this transaction is complete: the first offset of the others that are open.
    func lastStableOffset(after completed: Completed) -> Int64 {
        for transaction in open where transaction.firstOffset != completed.firstOffset { return transaction.firstOffset }
        return completed.lastOffset + 1
    }

    /// Moves it from the open ones to those that wait for the high watermark to pass their marker.
    mutating func complete(_ completed: Completed) {
        guard let slot = open.firstIndex(where: { $0.firstOffset == completed.firstOffset }) else { return }
        var transaction = open.remove(at: slot)
        transaction.lastOffset = completed.lastOffset
        undecided.append(transaction)
    }

    /// Everything below the high watermark is decided for readers.
    mutating func highWatermarkReached(_ offset: Int64) {
        if !undecided.isEmpty { undecided.removeAll { $0.lastOffset < offset } }
    }

    /// The first offset that a reader of committed records must not see yet, and where it stands; nil where there is none.
    var firstUnstable: OpenTransaction? {
        guard let first = open.first else { return undecided.min { $0.firstOffset < $1.firstOffset } }
        guard let other = undecided.min(by: { $0.firstOffset < $1.firstOffset }) else { return first }
        return first.firstOffset < other.firstOffset ? first : other
    }

    /// Segments were rewritten: where open transactions began has to be looked up again.
    mutating func forgetPlaces() {
        for slot in open.indices { open[slot].segmentBase = -1 }
        for slot in undecided.indices { undecided[slot].segmentBase = -1 }
    }

    // MARK: forgetting and remembering

    /// Forgets producers that were silent for long and have no transaction open.
    mutating func expire(before oldestMs: Int64) {
        guard entries.contains(where: { $0.value.lastTimestamp < oldestMs && !$0.value.isInTransaction }) else { return }
        entries = entries.filter { $0.value.lastTimestamp >= oldestMs || $0.value.isInTransaction }
    }

    /// Puts back what a snapshot holds, less those who expired meanwhile.
    mutating func load(_ snapshot: [(id: Int64, entry: ProducerEntry)], at offset: Int64, expiredBefore oldestMs: Int64) {
        self = ProducerStateTable()
        for (id, entry) in snapshot where entry.isInTransaction || entry.lastTimestamp >= oldestMs {
            entries[id] = entry
            guard entry.isInTransaction else { continue }
            open.append(
                OpenTransaction(
                    producerId: id, firstOffset: entry.transactionFirstOffset, segmentBase: -1, position: 0, lastOffset: -1))
        }
        open.sort { $0.firstOffset < $1.firstOffset }
        endOffset = offset
    }
}
