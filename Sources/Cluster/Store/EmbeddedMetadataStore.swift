package import EventLoop
package import Files
internal import KafkaRecords
internal import KafkaWire
internal import Synchronization
internal import Telemetry

/// The metadata of a cluster of one node: a log of Kafka's records in the data directory, laid out as KRaft's.
///
/// A change is decided under the lock, in memory; a worker writes and syncs all that waits, and so commits it. The records
/// belong to one epoch of the metadata log: there is nobody else who could lead it.
package final class EmbeddedMetadataStore: MetadataStore {
    package struct Options: Sendable {
        /// The log directory that has, or gets, `__cluster_metadata-0`.
        package var directory: String
        package var nodeId: Int32
        package var fileSystem: FileSystem
        package var clock: Clock
        /// Starts a job on a thread that may wait for a disk.
        package var submit: @Sendable (@escaping @Sendable () -> Void) -> Void
        /// metadata.log.segment.bytes
        package var segmentBytes: Int64 = 1 << 30
        /// metadata.log.max.record.bytes.between.snapshots
        package var bytesBetweenSnapshots: Int64 = 20 << 20
        /// metadata.log.max.snapshot.interval.ms; 0: the time makes none.
        package var snapshotIntervalMs: Int64 = 3_600_000
        /// metadata.max.retention.bytes, of log and snapshots together; negative: without end.
        package var retentionBytes: Int64 = 100 << 20
        /// metadata.max.retention.ms, by the time of the last record in a snapshot; negative: without end.
        package var retentionMs: Int64 = 7 * 24 * 3_600_000
        /// Looks at what was read before anything is written; what it throws stops the start.
        package var examine: @Sendable (ClusterImage) -> MetadataError? = { _ in nil }

        package init(
            directory: String, nodeId: Int32, fileSystem: FileSystem, clock: Clock,
            submit: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
        ) {
            self.directory = directory
            self.nodeId = nodeId
            self.fileSystem = fileSystem
            self.clock = clock
            self.submit = submit
        }
    }

    /// A change that waits for the disk.
    struct Commit {
        /// nil: it changes nothing, but rests on changes that are not durable yet.
        var change: Appended?
        var completion: @Sendable (MetadataError?) -> Void
    }

    /// A change with its place in the log, where it is to be written.
    struct Appended {
        var change: ClusterChange
        var batch: [UInt8]
        var lastOffset: Int64
    }

    struct State: ~Copyable {
        /// After all that was decided.
        var pending: ClusterImage
        /// Of the log, once all of it is written.
        var endOffset: Int64
        var epoch: Int32
        var waiting: [Commit] = []
        /// A worker is committing.
        var isCommitting = false
        /// Why nothing can be changed any more.
        var failure: MetadataError?
        var kraftVersion: ControlRecord.Bytes?
        var voters: ControlRecord.Bytes?
        /// Complete ones, the oldest first.
        var snapshots: [SnapshotName]
        var isSnapshotting = false
        /// Of the last record.
        var lastTimestamp: Int64
        /// When the last snapshot was made, or this store was opened.
        var lastSnapshotMs: Int64
        var lastCleaningMs: Int64
    }

    let options: Options
    let directory: MetadataDirectory
    let publisher: ImagePublisher
    let state: Mutex<State>
    /// The log's files, for who writes them: a worker, which may wait for the disk. Completions come in the order of the log. Taken
    /// before `state`.
    let log: Mutex<MetadataLog>
    /// Held while old snapshots are removed. Taken before `state`.
    let cleaning = Mutex(())
    static let logger = Logger("metadata")

    init(
        options: Options, directory: MetadataDirectory, log: consuming sending MetadataLog, state: consuming sending State
    ) {
        self.options = options
        self.directory = directory
        publisher = ImagePublisher(state.pending)
        self.log = Mutex(log)
        self.state = Mutex(state)
    }

    package var image: ClusterImage { publisher.image }
    package var generation: UInt64 { publisher.generation }
    package func observe(_ observer: @escaping @Sendable (ClusterChange) -> Void) { publisher.observe(observer) }

    // MARK: change

    package func change<Outcome: Sendable>(
        _ decide: @escaping @Sendable (ClusterImage) -> (records: [[UInt8]], outcome: Outcome),
        completion: @escaping @Sendable (Result<Outcome, MetadataError>) -> Void
    ) {
        // What is known at once, without the disk.
        var result: Result<Outcome, MetadataError>?
        let mustCommit = state.withLock { state in
            if let failure = state.failure {
                result = .failure(failure)
                return false
            }
            let (records, outcome) = decide(state.pending)
            if records.isEmpty && state.waiting.isEmpty && !state.isCommitting {
                result = .success(outcome)
                return false
            }
            do throws(MetadataError) {
                let change = records.isEmpty ? nil : try append(records, to: &state)
                state.waiting.append(
                    Commit(change: change) { error in completion(error.map { .failure($0) } ?? .success(outcome)) })
            } catch {
                result = .failure(error)
                return false
            }
            defer { state.isCommitting = true }
            return !state.isCommitting
        }
        if let result { completion(result) }
        if mustCommit { options.submit { [self] in commitAll() } }
    }

    /// Makes one atomic batch for the log's end, and moves the pending image.
    func append(_ records: [[UInt8]], to state: inout State) throws(MetadataError) -> Appended {
        let before = state.pending
        let base = state.endOffset
        // First the image: records that cannot be applied must not get into the log.
        var delta = ClusterDelta(before)
        for record in records { try delta.apply(record) }
        let changedTopics = delta.changedTopics
        let after = try delta.image(offset: base + Int64(records.count) - 1, epoch: state.epoch)
        let nowMs = options.clock.wallMs()
        let batch = try MetadataBatch.build(records, at: base, epoch: state.epoch, timestamp: nowMs)
        state.lastTimestamp = nowMs
        state.pending = after
        state.endOffset = base + Int64(records.count)
        return Appended(
            change: ClusterChange(from: before, to: after, topics: changedTopics), batch: batch, lastOffset: state.endOffset - 1)
    }

    /// The disk has failed: what is in the log's last batch is unknown, so nothing may follow it.
    private func fail(_ error: MetadataError, _ state: inout State) {
        guard error.kind == .storage else { return }
        state.failure = error
        Self.logger.error("the metadata log failed: nothing can be changed until the next start", ["error": error])
    }

    // MARK: commit

    /// On a worker: writes and syncs, then completes, until nobody waits.
    private func commitAll() {
        log.withLock { log in
            while true {
                let (waiting, failure) = state.withLock { state in
                    defer { state.waiting = [] }
                    if state.waiting.isEmpty { state.isCommitting = false }
                    return (state.waiting, state.failure)
                }
                if waiting.isEmpty { break }
                let error = failure ?? write(waiting.compactMap(\.change), to: log)
                for commit in waiting {
                    if error == nil, let change = commit.change?.change { publisher.publish(change) }
                    commit.completion(error)
                }
            }
        }
        snapshotIfDue()
    }

    private func write(_ changes: [Appended], to log: MetadataLog) -> MetadataError? {
        if changes.isEmpty { return nil }
        do throws(MetadataError) {
            for change in changes { try log.append(change.batch, lastOffset: change.lastOffset) }
            try log.sync()
            return nil
        } catch {
            state.withLock { fail(error, &$0) }
            return error
        }
    }

    /// Commits what waits, and marks this broker as gone; after it nothing can be changed. Whether all of it is on the disk. For the
    /// thread that stops the broker.
    @discardableResult
    package func close() -> Bool {
        // Apache Kafka would take a broker that is not fenced for one that still runs, and wait for its session to end.
        if let broker = image.broker(options.nodeId), !broker.isFenced {
            change { _ in (BrokerRegistration.fence(broker, 1), ()) } completion: { (_: Result<Void, MetadataError>) in }
        }
        commitAll()
        return state.withLock { state in
            if let failure = state.failure { return failure.kind == .closed }
            state.failure = MetadataError(.closed, "the broker is stopping")
            return true
        }
    }
}

extension ClusterChange {
    init(from before: ClusterImage, to after: ClusterImage, topics ids: [Uuid]) {
        self.before = before
        self.after = after
        topics = ids.map { (before: before.topic($0), after: after.topic($0)) }
            .filter { $0.before !== $0.after }
        var changed: Set<ConfigurationResource> = []
        for (resource, values) in after.configurations where before.configurations[resource] != values {
            changed.insert(resource)
        }
        for resource in before.configurations.keys where after.configurations[resource] == nil { changed.insert(resource) }
        configurations = changed
    }
}
