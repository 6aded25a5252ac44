internal import EventLoop
internal import Files
internal import Glibc
internal import Synchronization
internal import Telemetry

/// Compacts one log after the other, the dirtiest first (Kafka's LogCleaner).
package struct CleanerConfiguration: Sendable {
    /// `log.cleaner.enable`
    package var isEnabled = true
    /// `log.cleaner.dedupe.buffer.size`
    package var memoryBytes = 128 << 20
    /// `log.cleaner.io.max.bytes.per.second`
    package var maxBytesPerSecond = Double.greatestFiniteMagnitude
    /// `log.cleaner.backoff.ms`
    package var backoffMs: Int64 = 15_000

    package init() {}
}

extension LogManager {
    /// Cleans what wants it until nothing does. For a worker; a call while another runs does nothing.
    package func cleanLogs() {
        guard cleaner.isEnabled else { return }
        _ = cleaning.withLockIfAvailable { uncleanable in
            let nowMs = environment.clock.wallMs()
            while let log = dirtiestLog(nowMs: nowMs, except: uncleanable) {
                do throws(LogError) {
                    let before = log.cleanedOffset
                    let result = try log.clean(memoryBytes: cleaner.memoryBytes, throttle: throttle)
                    guard let result, result.cleanedUpTo > before else { return }
                    try storage { () throws(FileError) in try writeCheckpoints(of: log.directory, [.cleaner]) }
                    Self.logger.info(
                        "compacted",
                        ["partition": log.partition, "upTo": result.cleanedUpTo, "read": result.bytesRead, "written": result.bytesWritten])
                } catch {
                    // As in Kafka such a partition is left alone until the next start; the others go on.
                    uncleanable.insert(log.partition)
                    Self.logger.error("cannot compact", ["partition": log.partition, "error": error])
                }
            }
        }
    }

    private func dirtiestLog(nowMs: Int64, except uncleanable: Set<TopicPartition>) -> PartitionLog? {
        var best: (log: PartitionLog, ratio: Double)?
        for log in logs where log.directory.isOnline && !uncleanable.contains(log.partition) {
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

    /// Holds the cleaning thread up so that it moves no more than it may.
    private func throttle(_ bytes: Int) {
        guard cleaner.maxBytesPerSecond < Double(Int64.max) else { return }
        let seconds = min(Double(bytes) / cleaner.maxBytesPerSecond, 60)
        usleep(UInt32(seconds * 1_000_000))
    }
}
