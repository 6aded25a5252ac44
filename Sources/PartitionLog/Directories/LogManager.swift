internal import Files
package import KafkaWire
internal import EventLoop
internal import Synchronization
internal import Telemetry

/// All partitions of this broker on disk: which there are, where they are, and what has to be done for them from time to time.
package final class LogManager: Sendable {
    package struct Intervals: Sendable {
        /// `log.retention.check.interval.ms`
        package var retentionMs: Int64 = 300_000
        /// `log.flush.offset.checkpoint.interval.ms`
        package var checkpointMs: Int64 = 60_000
        /// `replica.high.watermark.checkpoint.interval.ms`
        package var highWatermarkMs: Int64 = 5_000
        /// `producer.id.expiration.check.interval.ms`
        package var producerExpirationMs: Int64 = 600_000

        package init() {}
    }

    struct State {
        var logs: [TopicPartition: PartitionLog] = [:]
        var deletions: [(path: String, directory: LogDirectory, dueMs: Int64)] = []
        var isClosed = false
        /// Logs that have another one's name, and another topic's id: their topic was deleted while their directory was offline.
        var namesakes: [PartitionLog] = []
        /// Partitions that are gone, of which checkpoints may still speak: whoever makes one of them anew writes those first.
        var forgotten: Set<TopicPartition> = []
    }

    static let cleanShutdownFile = ".kafka_cleanshutdown"
    static let logger = Logger("log")

    package let directories: [LogDirectory]
    package let environment: LogEnvironment
    let currentCleaner: Mutex<CleanerConfiguration>
    let cleaning = Mutex(CleaningWork())
    let pace: CleaningPace
    let intervals: Intervals
    let state = Mutex(State())
    let upkeep: Mutex<Upkeep>
    private let unclean = Atomic<Bool>(false)
    private let unmarked = Atomic<Bool>(false)

    package init(
        directories: [LogDirectory], environment: LogEnvironment, intervals: Intervals = Intervals(),
        cleaner: CleanerConfiguration = CleanerConfiguration()
    ) {
        currentCleaner = Mutex(cleaner)
        pace = CleaningPace(bytesPerSecond: cleaner.maxBytesPerSecond, clock: environment.clock)
        self.directories = directories
        self.environment = environment
        self.intervals = intervals
        upkeep = Mutex(Upkeep(nowMs: environment.clock.wallMs()))
    }

    /// Whether a directory was found without its mark of a clean stop, though it had partitions: leader epochs have to rise before
    /// the first append, since what was not flushed may be gone.
    package var startedUnclean: Bool { unclean.load(ordering: .acquiring) }

    /// Whether any directory was found without that mark, or could not be looked at.
    package var lacksCleanMark: Bool { unmarked.load(ordering: .acquiring) || hasOfflineDirectory }

    /// Whether a log directory may have so much to write that it takes no more. Asked with every produce request.
    package var mayBeCongested: Bool { environment.queuedBytes.load(ordering: .relaxed) > environment.queuedBytesLimit }

    package func log(_ partition: TopicPartition) -> PartitionLog? { state.withLock { $0.logs[partition] } }
    package var logs: [PartitionLog] { state.withLock { Array($0.logs.values) } }

    // MARK: start

    /// Loads every partition, several at a time (`threads`, the caller's included). A directory whose disk fails goes offline; one
    /// that holds what is not Kafka's stops the start.
    package func load(threads: Int = 1, configuration: @escaping @Sendable (String) -> LogConfiguration) throws(LogError) {
        var jobs: [LogLoader] = []
        for directory in directories where directory.isOnline {
            do throws(LogError) {
                jobs += try loaders(in: directory, configuration)
            } catch where error.kind == .storage {
                directory.fail(error)
            }
        }
        let startedMs = environment.clock.wallMs()
        let load = ParallelLoad(jobs: jobs, manager: self)
        load.run(threads: threads, submit: environment.submit)
        if let failure = load.failure { throw failure }
        for directory in directories where directory.isOnline {
            directory.keepsRecoveryPoints { [weak self, weak directory] () throws(FileError) in
                if let directory { try self?.writeCheckpoints(of: directory, [.recoveryPoint]) }
            }
            do throws(FileError) {
                // What was cut, or is gone, must not have a recovery point beyond its end when something new stands there.
                if startedUnclean { try directory.writeRecoveryPoints() }
                try removeMark(of: directory)
            } catch {
                directory.fail(error)
            }
        }
        guard directories.contains(where: \.isOnline) else {
            let reason = directories.compactMap(\.failure).first?.message ?? "there is none"
            throw LogError(.unusableDirectory, "no log directory can be used: \(reason)")
        }
        Self.logger.info(
            startedUnclean ? "recovered the partitions" : "loaded the partitions",
            ["partitions": jobs.count, "ms": environment.clock.wallMs() - startedMs])
    }

    private func loaders(
        in directory: LogDirectory, _ configuration: (String) -> LogConfiguration
    ) throws(LogError) -> [LogLoader] {
        let fileSystem = environment.fileSystem
        let names = try storage { () throws(FileError) in try fileSystem.list(directory.path) }
        let wasClean = names.contains(Self.cleanShutdownFile)
        let recoveryPoints = try checkpoint(.recoveryPoint, directory)
        let starts = try checkpoint(.logStartOffset, directory)
        let cleaned = try checkpoint(.cleaner, directory)
        var jobs: [LogLoader] = []
        for name in names {
            let path = directory.path + "/" + name
            guard try storage({ () throws(FileError) in try fileSystem.status(path)?.isDirectory == true }) else { continue }
            switch PartitionDirectoryName(name) {
            case .partition(let partition):
                jobs.append(
                    LogLoader(
                        partition: partition, directory: directory, environment: environment, path: path,
                        configuration: configuration(partition.topic), recoveryPoint: recoveryPoints[partition] ?? 0,
                        logStartOffset: starts[partition] ?? 0, wasClean: wasClean,
                        cleanedOffset: cleaned[partition] ?? 0))
            case .deleted:
                state.withLock { $0.deletions.append((path, directory, environment.clock.wallMs())) }
            case .clusterMetadata, .notOurs:
                break
            case .future, .stray:
                Self.logger.warn("left alone: a copy that no cluster knows of", ["directory": path])
            case .foreign: throw LogDirectory.foreign(name, in: directory.path)
            }
        }
        if !wasClean { unmarked.store(true, ordering: .releasing) }
        if !wasClean, !jobs.isEmpty { unclean.store(true, ordering: .releasing) }
        let found = Set(jobs.map(\.partition))
        state.withLock { state in
            for checkpoint in [recoveryPoints, starts, cleaned] { state.forgotten.formUnion(Set(checkpoint.keys).subtracting(found)) }
        }
        return jobs
    }

    private func checkpoint(_ kind: OffsetCheckpoint.Kind, _ directory: LogDirectory) throws(LogError) -> [TopicPartition: Int64] {
        let checkpoint = try storage { () throws(FileError) in
            try OffsetCheckpoint.read(kind, in: directory.path, of: environment.fileSystem)
        }
        if let checkpoint { return checkpoint.offsets }
        Self.logger.warn("not a checkpoint; starting without it", ["file": directory.path + "/" + kind.rawValue])
        return [:]
    }

    /// From now on a start has to look.
    private func removeMark(of directory: LogDirectory) throws(FileError) {
        try environment.fileSystem.remove(directory.path + "/" + Self.cleanShutdownFile)
        try environment.fileSystem.syncDirectory(directory.path)
    }

    func add(_ log: PartitionLog) throws(LogError) {
        let other = state.withLock { state -> PartitionLog? in
            guard let other = state.logs[log.partition] else {
                state.logs[log.partition] = log
                return nil
            }
            guard other.topicId != log.topicId || log.topicId == .zero else { return other }
            state.namesakes.append(log)
            return nil
        }
        if let other {
            throw LogError(.unusableDirectory, "\(log.partition) stands twice: in \(other.path) and in \(log.path)")
        }
    }

    // MARK: partitions

    /// The partition's log; made where it is not there yet, in the directory with the fewest partitions.
    package func create(
        _ partition: TopicPartition, topicId: Uuid, configuration: LogConfiguration
    ) throws(LogError) -> PartitionLog {
        if let log = log(partition) { return log }
        if state.withLock({ $0.forgotten.contains(partition) }) {
            writeCheckpoints(OffsetCheckpoint.Kind.allCases)
            _ = state.withLock { $0.forgotten.remove(partition) }
        }
        guard let directory = directoryForNew() else { throw LogError(.storage, "no log directory is online") }
        let path = directory.path + "/\(partition)"
        let log: PartitionLog
        do throws(LogError) {
            try storage { () throws(FileError) in try environment.fileSystem.makeDirectory(path) }
            log = try LogLoader(
                partition: partition, directory: directory, environment: environment, path: path, configuration: configuration,
                recoveryPoint: 0, logStartOffset: 0, wasClean: false, topicId: topicId
            ).load()
        } catch {
            if error.kind == .storage { directory.fail(error) }
            throw error
        }
        // Another thread may have been faster; both have the same files, and only one log may write them.
        let kept = state.withLock { state in
            if let other = state.logs[partition] { return other }
            state.logs[partition] = log
            return log
        }
        return kept
    }

    package var hasOfflineDirectory: Bool { directories.contains { !$0.isOnline } }

    /// Whether the directory of this id is here and works.
    package func isOnline(_ id: Uuid) -> Bool { directories.contains { $0.isOnline && $0.id == id } }

    private func directoryForNew() -> LogDirectory? {
        let online = directories.filter(\.isOnline)
        guard online.count > 1 else { return online.first }
        var counts: [ObjectIdentifier: Int] = [:]
        for log in logs { counts[ObjectIdentifier(log.directory), default: 0] += 1 }
        return online.min { counts[ObjectIdentifier($0), default: 0] < counts[ObjectIdentifier($1), default: 0] }
    }

    /// The partition is gone at once; its files go `file.delete.delay.ms` later.
    package func delete(_ partition: TopicPartition) throws(LogError) {
        guard let log = state.withLock({ $0.logs.removeValue(forKey: partition) }) else { return }
        let dueMs = environment.clock.wallMs() + log.configuration.fileDeleteDelayMs
        let path = try moveAway(log, suffix: "-delete")
        state.withLock { $0.deletions.append((path, log.directory, dueMs)) }
    }

    /// Of all that was found, what the cluster does not know (its deletion was not on the disk when the power went, or its directory
    /// was offline; or somebody put it here) gets a name ending with `-stray`, as in Kafka, and the operator decides. Of two with one
    /// name the one stays that is known by its topic's id: the id is on the disk before anything else of a partition is. For the time
    /// before anybody uses the logs.
    package func setStraysAside(whereNot isKnown: (PartitionLog) -> Bool) {
        let (found, named) = state.withLock { state in
            defer { state.namesakes = [] }
            return (Array(state.logs.values) + state.namesakes, Set(state.namesakes.map(\.partition)))
        }
        for log in found where !isKnown(log) || named.contains(log.partition) && log.topicId == .zero {
            state.withLock { state in
                if state.logs[log.partition] === log { state.logs[log.partition] = nil }
            }
            setAside(log)
        }
        for log in found where isKnown(log) && named.contains(log.partition) && log.topicId != .zero {
            state.withLock { $0.logs[log.partition] = log }
        }
    }

    private func setAside(_ log: PartitionLog) {
        // Of an empty one there is nothing to decide.
        let isEmpty = log.logEndOffset == log.logStartOffset
        do throws(LogError) {
            let path = try moveAway(log, suffix: isEmpty ? "-delete" : "-stray")
            if isEmpty { return state.withLock { $0.deletions.append((path, log.directory, environment.clock.wallMs())) } }
            Self.logger.warn("set aside: the cluster knows no such partition", ["partition": log.partition, "directory": path])
        } catch {
            Self.logger.error("cannot set aside a partition", ["partition": log.partition, "error": error])
        }
    }

    /// Its name is free again; where its files are now.
    private func moveAway(_ log: PartitionLog, suffix: String) throws(LogError) -> String {
        var generator = SystemRandomNumberGenerator()
        let name = PartitionDirectoryName.deletion(of: log.partition, unique: generator.next(), generator.next(), suffix: suffix)
        let path = log.directory.path + "/" + name
        try log.abandon(movingTo: path)
        state.withLock { _ = $0.forgotten.insert(log.partition) }
        return path
    }

    // MARK: stop

    /// Everything on the disk, checkpoints written, and the mark that says so. For the thread that stops the broker, once nobody
    /// appends any more. `brokerEpoch` is that of the broker's registration: by it Kafka's controller knows at the next start that
    /// nothing was lost since. Without `isComplete`, where something else that belongs to the directories is not on the disk, none
    /// gets the mark.
    package func shutdown(brokerEpoch: Int64 = -1, isComplete: Bool = true) {
        let logs = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed ? nil : Array(state.logs.values)
        }
        guard let logs else { return }
        var failed: Set<ObjectIdentifier> = []
        for log in logs {
            do throws(LogError) {
                try log.close()
            } catch {
                failed.insert(ObjectIdentifier(log.directory))
                Self.logger.error("could not close a partition's log", ["partition": log.partition, "error": error])
            }
        }
        for directory in directories {
            if isComplete, directory.isOnline, !failed.contains(ObjectIdentifier(directory)) { markClean(directory, brokerEpoch) }
            directory.unlock()
        }
    }

    private func markClean(_ directory: LogDirectory, _ brokerEpoch: Int64) {
        do throws(FileError) {
            try writeCheckpoints(of: directory, OffsetCheckpoint.Kind.allCases)
            let content = "{\"version\":0,\"brokerEpoch\":\(brokerEpoch)}"
            try environment.fileSystem.replace(
                directory.path + "/" + Self.cleanShutdownFile, with: Array(content.utf8), durably: true)
        } catch {
            Self.logger.error("could not mark a log directory as cleanly closed", ["directory": directory.path, "error": error])
        }
    }
}
