internal import EventLoop
internal import Files
internal import KafkaRecords

/// What a log's batches tell beside their records: who its producers are, and at which offset each leader epoch began.
struct ReplayedState {
    var producers = ProducerStateTable()
    var epochs = LeaderEpochCache()

    /// A batch that a start has read and found right, behind all that was applied before.
    mutating func apply(
        _ header: RecordBatchHeader, _ bytes: UnsafeRawBufferPointer, _ segment: Segment, _ position: Int
    ) throws(LogError) {
        _ = epochs.assign(header.partitionLeaderEpoch, startOffset: header.baseOffset)
        if header.hasProducerId { try PartitionLog.apply(header, bytes, segment, position, to: &producers) }
    }
}

/// Builds a log's producer state: from the latest snapshot at or below an offset, and the batches after it.
struct ProducerReplay {
    let path: String
    let environment: LogEnvironment
    /// Snapshots beyond are not believed: after a kill what they speak of may be lost.
    var trustedUpTo = Int64.max

    /// The producers of the log up to `end`, told by the latest snapshot and the batches after it. What was recovered has no entries
    /// in the abort index and the epochs yet, and gets them; what came before has.
    func run(
        _ names: [String], _ scan: LogScan, _ segments: [Segment], endingAt end: Int64, _ epochs: inout LeaderEpochCache
    ) throws(LogError) -> ProducerStateTable {
        var state = ReplayedState(epochs: epochs)
        // Records below the log's start that are still there count: their producers go on from them. (Kafka leaves them out, and
        // its producers meet OUT_OF_ORDER_SEQUENCE_NUMBER after DeleteRecords and a restart.)
        let from = try loadSnapshot(names, below: min(end, trustedUpTo), &state.producers) ?? segments.first?.baseOffset ?? 0
        let recovered = scan.recoveredFrom ?? .max
        if min(from, recovered) < end {
            try scan.replay(segments, from: min(from, recovered), to: end) { batch, header, segment, position throws(LogError) in
                let isRecovered = header.baseOffset >= recovered
                if isRecovered { _ = state.epochs.assign(header.partitionLeaderEpoch, startOffset: header.baseOffset) }
                guard header.hasProducerId, header.baseOffset >= from else { return }
                try PartitionLog.apply(header, batch, segment, position, to: &state.producers, indexesAborted: isRecovered)
            }
        }
        state.producers.endOffset = end
        epochs = state.epochs
        return state.producers
    }

    /// Removes the snapshots of what was cut off.
    func removeSnapshots(_ names: [String], beyond end: Int64) throws(LogError) {
        let beyond = ProducerSnapshots.offsets(names).filter { $0 > end }
        guard !beyond.isEmpty else { return }
        try storage { () throws(FileError) in
            for offset in beyond { try environment.fileSystem.remove(ProducerSnapshots.path(path, offset)) }
            try environment.fileSystem.syncDirectory(path)
        }
    }

    /// The offset of the snapshot that was taken; those that are broken, or speak of what was cut off, go.
    private func loadSnapshot(_ names: [String], below end: Int64, _ producers: inout ProducerStateTable) throws(LogError) -> Int64? {
        let oldestMs = environment.clock.wallMs() - environment.producerIdExpirationMs
        var found: Int64?, hasRemoved = false
        for offset in ProducerSnapshots.offsets(names).reversed() {
            let file = ProducerSnapshots.path(path, offset)
            if offset <= end {
                let bytes = try storage { () throws(FileError) in
                    try environment.fileSystem.contents(file, limit: LogLimits.producerSnapshotBytes)
                }
                if let bytes, let entries = ProducerSnapshotFile.decode(bytes) {
                    producers.load(entries, at: offset, expiredBefore: oldestMs)
                    found = offset
                    break
                }
            }
            try storage { () throws(FileError) in try environment.fileSystem.remove(file) }
            hasRemoved = true
        }
        // One that came back after a power loss would be believed once the log is long enough again.
        if hasRemoved { try storage { () throws(FileError) in try environment.fileSystem.syncDirectory(path) } }
        return found
    }
}
