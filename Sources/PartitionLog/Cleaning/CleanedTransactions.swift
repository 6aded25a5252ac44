internal import KafkaRecords

/// What cleaning knows of transactions while it walks over a log (Kafka's CleanedTransactionMetadata): whose batches are aborted and
/// go, and which markers have no batches left and may go after them.
struct CleanedTransactions {
    private struct Aborted {
        var transaction: AbortedTransaction
        /// Whether a batch of it was met in what is walked over.
        var wasSeen = false
    }

    /// Those whose first offset is not reached yet, by first offset, the next one last.
    private var waiting: [AbortedTransaction] = []
    private var aborted: [Int64: Aborted] = [:]
    private var committing: Set<Int64> = []

    mutating func add(_ transactions: [AbortedTransaction]) {
        waiting += transactions
        waiting.sort { $0.firstOffset > $1.firstOffset }
    }

    /// Whether the batch belongs to a transaction that was aborted.
    mutating func isAborted(_ header: RecordBatchHeader) -> Bool {
        reach(header.lastOffset)
        guard header.isTransactional else { return false }
        if aborted[header.producerId] != nil {
            aborted[header.producerId]!.wasSeen = true
            return true
        }
        committing.insert(header.producerId)
        return false
    }

    /// Whether the marker has no batch of its transaction left before it. `keep` gets the transactions whose marker stays and that
    /// readers still have to know.
    mutating func mayDiscard(
        _ header: RecordBatchHeader, marker: EndTransactionMarker?, keep: (AbortedTransaction) throws(LogError) -> Void
    ) throws(LogError) -> Bool {
        reach(header.lastOffset)
        // Without its record it is an empty batch, kept for the producer's sake; other control records are not ours to drop.
        guard let marker else { return header.recordCount == 0 }
        if marker.isCommit { return committing.remove(header.producerId) == nil }
        guard let found = aborted.removeValue(forKey: header.producerId), found.wasSeen else { return true }
        try keep(found.transaction)
        return false
    }

    private mutating func reach(_ offset: Int64) {
        while let next = waiting.last, next.firstOffset <= offset {
            waiting.removeLast()
            if aborted[next.producerId] == nil { aborted[next.producerId] = Aborted(transaction: next) }
        }
    }
}
