internal import EventLoop
internal import Files
internal import KafkaRecords

/// Builds a log's producer state: from the latest snapshot at or below its end, and the batches after it.
struct ProducerReplay {
    let path: String
    let environment: LogEnvironment
    /// Snapshots beyond are not believed: after a kill what they speak of may be lost.
    var trustedUpTo = Int64.max

    /// What was recovered has no entries in the abort index and the epoch file yet, and gets them; what came before has.
    func run(_ names: [String], _ scan: LogScan, _ core: inout LogCore) throws(LogError) {
        let end = core.logEndOffset
        var producers = ProducerStateTable(), epochs = core.epochs
        // Records below the log's start that are still there count: their producers go on from them. (Kafka leaves them out, and
        // its producers meet OUT_OF_ORDER_SEQUENCE_NUMBER after DeleteRecords and a restart.)
        let from = try loadSnapshot(names, below: min(end, trustedUpTo), &producers) ?? core.segments[0].baseOffset
        let recovered = scan.recoveredFrom ?? .max
        if min(from, recovered) < end {
            try scan.replay(core.segments, from: min(from, recovered)) { batch, header, segment, position throws(LogError) in
                let isRecovered = header.baseOffset >= recovered
                if isRecovered { _ = epochs.assign(header.partitionLeaderEpoch, startOffset: header.baseOffset) }
                guard header.hasProducerId, header.baseOffset >= from else { return }
                try PartitionLog.apply(header, batch, segment, position, to: &producers, indexesAborted: isRecovered)
            }
        }
        producers.highWatermarkReached(core.highWatermark)
        producers.endOffset = end
        core.producers = producers
        core.epochs = epochs
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
