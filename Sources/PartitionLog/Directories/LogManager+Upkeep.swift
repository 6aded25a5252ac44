internal import EventLoop
internal import Files
internal import Synchronization
internal import Telemetry

/// When what was done last.
struct Upkeep: Sendable {
    var retentionMs: Int64
    var checkpointMs: Int64
    var highWatermarkMs: Int64
    var producerExpirationMs: Int64
    var cleaningMs: Int64

    init(nowMs: Int64) {
        retentionMs = nowMs
        checkpointMs = nowMs
        highWatermarkMs = nowMs
        producerExpirationMs = nowMs
        cleaningMs = nowMs
    }
}

extension LogManager {
    /// How often `maintain` wants to be called.
    package static let maintenanceIntervalMs: Int64 = 1000

    /// What has to be done from time to time: flush.ms, the recovery points of partitions with much that is not flushed, retention,
    /// checkpoints, files that may go now. For a worker, about once a second; a call while another runs does nothing.
    package func maintain() {
        let nowMs = environment.clock.wallMs()
        _ = upkeep.withLockIfAvailable { upkeep in
            let isRetentionDue = due(&upkeep.retentionMs, intervals.retentionMs, nowMs)
            let isExpirationDue = due(&upkeep.producerExpirationMs, intervals.producerExpirationMs, nowMs)
            for log in logs where log.directory.isOnline {
                do throws(LogError) {
                    try log.maintain(nowMs: nowMs)
                    if isRetentionDue { try log.applyRetention(nowMs: nowMs) }
                    if isExpirationDue { log.expireProducers(nowMs: nowMs) }
                } catch {
                    Self.logger.warn("upkeep of a partition's log failed", ["partition": log.partition, "error": error])
                }
            }
            removeDeleted(nowMs: nowMs)
            if due(&upkeep.cleaningMs, cleaner.backoffMs, nowMs) { startCleaning() }
            boundUnmarked()
            var kinds: [OffsetCheckpoint.Kind] = []
            if due(&upkeep.checkpointMs, intervals.checkpointMs, nowMs) { kinds += [.recoveryPoint, .logStartOffset] }
            if due(&upkeep.highWatermarkMs, intervals.highWatermarkMs, nowMs) { kinds += [.highWatermark] }
            // A start after a power loss reads from what the file says: where a recovery point has moved, it follows at once.
            let hasMoved = directories.count { $0.recoveryPointsMoved.exchange(false, ordering: .acquiringAndReleasing) } > 0
            if hasMoved, !kinds.contains(.recoveryPoint) { kinds.append(.recoveryPoint) }
            if !kinds.isEmpty { writeCheckpoints(kinds) }
        }
    }

    /// A broker without compacted topics never starts the threads.
    package func startCleaning() {
        guard cleaner.isEnabled, logs.contains(where: { $0.configuration.compacts }) else { return }
        for _ in 0..<cleaner.threads { environment.submitCleaning { [weak self] in self?.cleanLogs() } }
    }

    /// Many partitions with little to read each make much together.
    private func boundUnmarked() {
        guard environment.unmarkedBytes != nil else { return }
        let written = logs.filter { $0.directory.isOnline && $0.unmarkedBytes > 0 }
        guard written.reduce(0, { $0 + $1.unmarkedBytes }) > LogLimits.unmarkedBytesOfAll else { return }
        let share = LogLimits.unmarkedBytesOfAll / 2 / written.count
        for log in written where log.unmarkedBytes > share { log.writeMark() }
    }

    private func due(_ last: inout Int64, _ intervalMs: Int64, _ nowMs: Int64) -> Bool {
        // A clock that was set back must not stop the upkeep.
        guard nowMs - last >= intervalMs || nowMs < last else { return false }
        last = nowMs
        return true
    }

    private func removeDeleted(nowMs: Int64) {
        let due = state.withLock { state in
            let due = state.deletions.filter { $0.dueMs <= nowMs }
            state.deletions.removeAll { $0.dueMs <= nowMs }
            return due
        }
        for (path, directory, _) in due where directory.isOnline {
            do throws(FileError) {
                try environment.fileSystem.removeTree(path)
            } catch {
                if !error.isNotFound { directory.fail(error) }
            }
        }
    }

    /// Of all directories; one that fails is offline then.
    func writeCheckpoints(_ kinds: [OffsetCheckpoint.Kind]) {
        for directory in directories where directory.isOnline {
            do throws(FileError) {
                try writeCheckpoints(of: directory, kinds)
            } catch {
                directory.fail(error)
            }
        }
    }

    /// Writes those that have changed. The caller holds no append lock.
    func writeCheckpoints(of directory: LogDirectory, _ kinds: [OffsetCheckpoint.Kind]) throws(FileError) {
        try directory.checkpoints.withLock { written throws(FileError) in
            for kind in kinds {
                let checkpoint = offsets(kind, of: directory)
                let bytes = checkpoint.bytes
                if written[kind] == bytes { continue }
                written[kind] = nil
                try checkpoint.write(kind, in: directory.path, of: environment.fileSystem)
                written[kind] = bytes
            }
        }
    }

    private func offsets(_ kind: OffsetCheckpoint.Kind, of directory: LogDirectory) -> OffsetCheckpoint {
        var checkpoint = OffsetCheckpoint()
        for log in logs where log.directory === directory {
            switch kind {
            case .recoveryPoint: checkpoint.offsets[log.partition] = log.recoveryPoint
            case .highWatermark: checkpoint.offsets[log.partition] = log.highWatermark
            case .logStartOffset:
                // Elsewhere the first segment's name says it.
                let view = log.view
                if view.logStartOffset > view.segments[0].baseOffset {
                    checkpoint.offsets[log.partition] = view.logStartOffset
                }
            case .cleaner:
                let cleaned = log.cleanedOffset
                if cleaned > 0 { checkpoint.offsets[log.partition] = cleaned }
            }
        }
        return checkpoint
    }
}
