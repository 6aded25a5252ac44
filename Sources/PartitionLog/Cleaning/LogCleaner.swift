internal import EventLoop
internal import Files
internal import Synchronization
internal import Telemetry

/// Compacts one log after the other, the dirtiest first (Kafka's LogCleaner).
package struct CleanerConfiguration: Sendable, Equatable {
    /// `log.cleaner.enable`
    package var isEnabled = true
    /// `log.cleaner.threads`
    package var threads = 1
    /// `log.cleaner.dedupe.buffer.size`, of all threads together
    package var memoryBytes = 128 << 20
    /// `log.cleaner.io.buffer.load.factor`: how full the memory may be.
    package var loadFactor = 0.9
    /// `log.cleaner.io.buffer.size`, of all threads together, half of it for reading
    package var bufferBytes = 512 << 10
    /// `log.cleaner.io.max.bytes.per.second`
    package var maxBytesPerSecond = Double.greatestFiniteMagnitude
    /// `log.cleaner.backoff.ms`
    package var backoffMs: Int64 = 15_000

    package init() {}
}

/// Who cleans what.
struct CleaningWork: Sendable {
    var threads = 0
    var inWork: Set<TopicPartition> = []
    /// As in Kafka such a partition is left alone until the next start; the others go on.
    var uncleanable: Set<TopicPartition> = []
}

extension LogManager {
    /// Cleans what wants it until nothing does. For a thread that may wait long; a call while enough others run does nothing.
    package func cleanLogs() {
        let mayWork = cleaning.withLock { work in
            guard cleaner.isEnabled, work.threads < cleaner.threads else { return false }
            work.threads += 1
            return true
        }
        guard mayWork else { return }
        defer { cleaning.withLock { $0.threads -= 1 } }
        let nowMs = environment.clock.wallMs()
        // There may be fewer threads from now on: then this one leaves off with the log that it has.
        while cleaning.withLock({ $0.threads <= cleaner.threads }), let log = claimDirtiest(nowMs: nowMs) {
            defer { cleaning.withLock { _ = $0.inWork.remove(log.partition) } }
            guard clean(log, as: cleaner) else { return }
        }
    }

    package var cleaner: CleanerConfiguration { currentCleaner.withLock { $0 } }

    /// Acts at once: the rate for who cleans now, all else from the next log on, and the number of threads in both directions.
    package func configureCleaner(_ configuration: CleanerConfiguration) {
        let before = currentCleaner.withLock { current in
            defer { current = configuration }
            return current
        }
        if configuration.maxBytesPerSecond != before.maxBytesPerSecond {
            pace.change(bytesPerSecond: configuration.maxBytesPerSecond)
        }
        if configuration.threads != before.threads { environment.resizeCleaning(configuration.threads) }
    }

    /// For the thread that stops the broker: whoever cleans leaves off soon.
    package func stopCleaning() { pace.stop() }

    /// Whether there may be more to do.
    private func clean(_ log: PartitionLog, as cleaner: CleanerConfiguration) -> Bool {
        do throws(LogError) {
            let before = log.cleanedOffset
            let result = try log.clean(
                memoryBytes: cleaner.memoryBytes / cleaner.threads, loadFactor: cleaner.loadFactor,
                bufferBytes: max(LogLimits.leastCleaningBuffer, cleaner.bufferBytes / cleaner.threads / 2)
            ) { bytes throws(LogError) in try pace.moved(bytes) }
            guard let result, result.cleanedUpTo > before else { return false }
            try storage { () throws(FileError) in try writeCheckpoints(of: log.directory, [.cleaner]) }
            Self.logger.info(
                "compacted",
                ["partition": log.partition, "upTo": result.cleanedUpTo, "read": result.bytesRead, "written": result.bytesWritten])
            return true
        } catch where error.kind == .closed {
            return false
        } catch where !log.isOpen {
            // Deleted meanwhile, with its files.
            return true
        } catch {
            cleaning.withLock { _ = $0.uncleanable.insert(log.partition) }
            Self.logger.error("cannot compact", ["partition": log.partition, "error": error])
            return true
        }
    }

    /// The dirtiest log that nobody cleans, claimed for the caller.
    private func claimDirtiest(nowMs: Int64) -> PartitionLog? {
        while true {
            let taken = cleaning.withLock { $0.uncleanable.union($0.inWork) }
            guard let log = dirtiestLog(nowMs: nowMs, except: taken) else { return nil }
            if cleaning.withLock({ $0.inWork.insert(log.partition).inserted }) { return log }
        }
    }

    private func dirtiestLog(nowMs: Int64, except taken: Set<TopicPartition>) -> PartitionLog? {
        var best: (log: PartitionLog, ratio: Double)?
        for log in logs where log.directory.isOnline && !taken.contains(log.partition) {
            let configuration = log.configuration
            guard configuration.compacts else { continue }
            do throws(LogError) {
                try log.rollForCompaction(nowMs: nowMs)
                guard let cleanable = try log.cleanable(nowMs: nowMs) else { continue }
                let ratio = cleanable.isOverdue ? 2 : cleanable.dirtyRatio
                guard ratio > configuration.minCleanableDirtyRatio, ratio > best?.ratio ?? -1 else { continue }
                best = (log, ratio)
            } catch {
                Self.logger.warn("cannot tell what there is to compact", ["partition": log.partition, "error": error])
            }
        }
        return best?.log
    }
}
