internal import Files
package import KafkaWire
internal import Synchronization
internal import Telemetry

/// One partition on disk. Thread-safe: appends take the append lock (memory and page cache only, never an fsync; what workers do to
/// the active segment does not hold it while it waits for the disk), readers copy a published view under a lock of its own, and what
/// waits for the disk runs on workers.
package final class PartitionLog: Sendable {
    package let partition: TopicPartition
    /// Zero where the directory has no partition.metadata.
    package let topicId: Uuid
    package let directory: LogDirectory
    let environment: LogEnvironment
    let core: Mutex<LogCore>
    let published: Mutex<LogView>
    let flushes = Mutex(FlushQueue())
    /// Held by workers while they work on the files: flush, checkpoint, retention, truncation, cleaning. Taken before `core`.
    let diskWork = Mutex(())
    /// Held by workers while they alone change the active segment (`exclusively`). Taken after `diskWork`, before `core`.
    let writing = Mutex(())
    /// Held while the mark is written or removed. Taken after `writing`, before `core`.
    let marking = Mutex(())
    let doomed = Mutex<[DoomedSegment]>([])
    static let logger = Logger("log")

    init(
        partition: TopicPartition, topicId: Uuid, directory: LogDirectory, environment: LogEnvironment, core: LogCore
    ) {
        self.partition = partition
        self.topicId = topicId
        self.directory = directory
        self.environment = environment
        let end = LogPlace(
            offset: core.logEndOffset, segmentBase: core.active.baseOffset, position: core.active.size)
        published = Mutex(
            LogView(
                segments: core.segments, logStartOffset: core.logStartOffset, end: end,
                highWatermark: core.highWatermark == core.logEndOffset ? end : LogPlace(offset: core.highWatermark),
                firstUnstable: core.firstUnstable, epochs: core.epochs))
        self.core = Mutex(core)
    }

    var view: LogView { published.withLock { $0 } }

    package var logStartOffset: Int64 { published.withLock { $0.logStartOffset } }
    package var logEndOffset: Int64 { published.withLock { $0.end.offset } }
    package var highWatermark: Int64 { published.withLock { $0.highWatermark.offset } }
    package var lastStableOffset: Int64 { published.withLock { $0.lastStable.offset } }
    package var sizeInBytes: Int64 { view.segments.reduce(0) { $0 + Int64($1.size) } }
    package var configuration: LogConfiguration { core.withLock { $0.configuration } }
    package var recoveryPoint: Int64 { core.withLock { $0.recoveryPoint } }
    package var flushedOffset: Int64 { core.withLock { $0.flushedOffset } }
    /// Neither closed nor deleted.
    var isOpen: Bool { core.withLock { $0.condition == .open } }
    /// Where its files are.
    package var path: String { core.withLock { $0.path } }

    /// Acts at once: on the next append, the next look at retention, the next deletion.
    package func configure(_ configuration: LogConfiguration) {
        core.withLock { core in
            if core.configuration.segmentJitterMs != configuration.segmentJitterMs {
                core.rollJitterMs = Self.jitter(configuration)
            }
            core.configuration = configuration
        }
    }

    static func jitter(_ configuration: LogConfiguration) -> Int64 {
        configuration.segmentJitterMs > 0 ? Int64.random(in: 0..<min(configuration.segmentJitterMs, configuration.segmentMs)) : 0
    }

    /// Whether the high watermark is the log's end (nobody else has to have the records), or moves by `setHighWatermark` alone.
    package func highWatermarkFollowsLogEnd(_ follows: Bool) {
        core.withLock { core in
            core.highWatermarkFollowsLogEnd = follows
            publish(&core)
        }
    }

    /// Never beyond the log's end, never below its start; the one that holds now.
    @discardableResult
    package func setHighWatermark(_ offset: Int64) -> Int64 {
        core.withLock { core in
            core.highWatermark = max(core.logStartOffset, min(offset, core.logEndOffset))
            publish(&core)
            return core.highWatermark
        }
    }

    /// Shows readers what the core holds. The caller holds the append lock.
    func publish(_ core: inout LogCore, appended lastAppend: LastAppend? = nil, segmentsChanged: Bool = false) {
        if core.highWatermarkFollowsLogEnd && core.mustFlushBelow <= core.flushedOffset {
            core.highWatermark = core.logEndOffset
        }
        core.producers.highWatermarkReached(core.highWatermark)
        let end = LogPlace(offset: core.logEndOffset, segmentBase: core.active.baseOffset, position: core.active.size)
        published.withLock { view in
            if segmentsChanged {
                view.segments = core.segments
                // Where it stands may be another place by now, or none.
                view.lastAppend = nil
            }
            view.logStartOffset = core.logStartOffset
            view.end = end
            if core.highWatermark == end.offset {
                view.highWatermark = end
            } else if view.highWatermark.offset != core.highWatermark {
                view.highWatermark = LogPlace(offset: core.highWatermark)
            }
            view.epochs = core.epochs
            view.firstUnstable = core.firstUnstable
            if let lastAppend { view.lastAppend = lastAppend }
        }
    }

    /// Takes note of a failure of the disk: the whole directory goes offline, as in Kafka.
    func failed(_ error: FileError) -> LogError {
        directory.fail(error)
        return LogError(error)
    }
}

extension LogCore {
    /// The first offset that a reader of committed records must not see yet; nil where there is none.
    fileprivate var firstUnstable: LogPlace? {
        guard let transaction = producers.firstUnstable else { return nil }
        // Its first records may be deleted by now.
        return transaction.firstOffset < logStartOffset ? LogPlace(offset: logStartOffset) : LogPlace(transaction)
    }
}

extension LogPlace {
    init(_ transaction: ProducerStateTable.OpenTransaction) {
        self.init(
            offset: transaction.firstOffset, segmentBase: transaction.segmentBase, position: transaction.position)
    }
}
