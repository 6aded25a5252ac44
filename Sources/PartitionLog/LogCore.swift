internal import KafkaRecords

/// What the append lock guards.
struct LogCore: Sendable {
    enum Condition: Sendable {
        case open
        /// The broker stops, or the partition is deleted.
        case closed
    }

    /// The partition's directory.
    var path: String
    var condition = Condition.open
    var configuration: LogConfiguration
    /// By base offset; the last one is active. Never empty.
    var segments: [Segment]
    var logStartOffset: Int64
    var logEndOffset: Int64
    var producers = ProducerStateTable()
    var epochs = LeaderEpochCache()
    /// Bytes since the last entry of the active segment's offset index.
    var bytesSinceIndexEntry = 0
    /// The largest timestamp of the active segment's first append: segment.ms counts from there. -1: none yet.
    var rollingBaseTimestamp: Int64 = -1
    /// So much earlier than segment.ms the active segment rolls (`segment.jitter.ms`).
    var rollJitterMs: Int64 = 0

    /// Everything below is on the disk.
    var flushedOffset: Int64
    /// A start after a kill need not look below: records, indexes, epochs and a producer snapshot are on the disk up to here.
    var recoveryPoint: Int64
    /// An append below this waits for its flush before it is acknowledged (`flush.messages`).
    var mustFlushBelow: Int64 = 0
    /// Since the start, and how many of them were there when the log was flushed last, when the recovery point moved last, and when
    /// the log got its mark last.
    var appendedBytes = 0
    var flushedBytes = 0
    var settledBytes = 0
    var markedBytes = 0
    /// A worker writes the mark.
    var isMarking = false
    var lastFlushMs: Int64
    var lastAppendMs: Int64 = 0
    /// Everything below was compacted (`cleaner-offset-checkpoint`).
    var cleanedOffset: Int64 = 0
    /// Appends that wait for a slow disk.
    var queue = AppendQueue()
    /// No index entry waits in memory.
    var isResting = true
    /// Names that were made in the directory, and the directory's own, are not known to be on the disk.
    var needsDirectorySync: Bool
    /// The high watermark rises with the log's end: nobody else has to have the records.
    var highWatermarkFollowsLogEnd = true
    var highWatermark: Int64

    var active: Segment { segments[segments.count - 1] }

    var unflushedBytes: Int { appendedBytes - flushedBytes }
    /// What a start after a kill would read now, about.
    var unmarkedBytes: Int { appendedBytes - max(settledBytes, markedBytes) }

    /// Kafka's LogSegment.shouldRoll.
    func shouldRoll(bytes: Int, maxTimestamp: Int64, lastOffset: Int64, nowMs: Int64) -> Bool {
        let size = active.size
        if size > 0 {
            if size > min(configuration.segmentBytes, LogLimits.segmentBytes) - bytes { return true }
            // Record time where both have one, else the clock.
            let waited =
                rollingBaseTimestamp >= 0 && maxTimestamp >= 0 ? maxTimestamp &- rollingBaseTimestamp : nowMs &- active.createdMs
            if waited > configuration.segmentMs - min(rollJitterMs, configuration.segmentMs) { return true }
        }
        return active.offsetIndex.count >= configuration.maxEntries(ofBytes: OffsetIndex.Entry.size)
            || active.timeIndex.count >= configuration.maxEntries(ofBytes: TimeIndex.Entry.size)
            || !active.reaches(lastOffset)
    }
}
