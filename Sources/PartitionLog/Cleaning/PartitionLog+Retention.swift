internal import EventLoop
internal import Files
internal import Synchronization

/// Segments that are no longer part of a log and go when nobody can be reading them any more.
struct DoomedSegment: Sendable {
    var segment: Segment
    var dueMs: Int64
}

extension PartitionLog {
    /// Deletes whole segments from the log's start on that `retention.ms`, `retention.bytes` or the log start offset let go.
    package func applyRetention(nowMs: Int64) throws(LogError) {
        try diskWork.withLock { _ throws(LogError) in
            // Whether the active segment goes as well: then another one takes its place before.
            let (expired, all) = try core.withLock { core throws(LogError) in (try countExpired(core, nowMs), core.segments.count) }
            guard expired > 0 else { return }
            let takeExpired = { () throws(LogError) -> [Segment] in
                try self.core.withLock { core throws(LogError) in
                    guard core.condition == .open else { return [Segment]() }
                    return self.take(min(try self.countExpired(core, nowMs), core.segments.count - 1), &core)
                }
            }
            guard expired == all else { return try discard(takeExpired(), nowMs) }
            let doomed = try exclusively { () throws(LogError) in
                // A directory that is moving away gets no new files: that waits for `writing`.
                guard isOpen else { return [Segment]() }
                try rollHeld(nowMs: nowMs)
                return try takeExpired()
            }
            try discard(doomed, nowMs)
        }
    }

    /// How many segments, from the log's start on, nothing keeps any longer.
    private func countExpired(_ core: borrowing LogCore, _ nowMs: Int64) throws(LogError) -> Int {
        guard core.condition == .open else { return 0 }
        var count = 0, left = core.segments.reduce(0) { $0 + Int64($1.size) }
        let configuration = core.configuration
        for (slot, segment) in core.segments.enumerated() {
            let isActive = slot == core.segments.count - 1
            let end = isActive ? core.logEndOffset : core.segments[slot + 1].baseOffset
            // What is not replicated stays, and an empty active segment has nothing to give.
            guard core.highWatermark >= end, !(isActive && segment.size == 0) else { break }
            var expires = !isActive && end <= core.logStartOffset
            if configuration.deletes {
                if configuration.retentionMs >= 0, nowMs &- (try largestTimestamp(of: segment)) > configuration.retentionMs {
                    expires = true
                }
                if configuration.retentionBytes >= 0, left - configuration.retentionBytes >= Int64(segment.size) {
                    expires = true
                }
            }
            guard expires else { break }
            left -= Int64(segment.size)
            count += 1
        }
        return count
    }

    private func take(_ count: Int, _ core: inout LogCore) -> [Segment] {
        guard count > 0 else { return [] }
        let doomed = Array(core.segments[..<count])
        core.segments.removeFirst(count)
        raiseStart(&core, to: core.segments[0].baseOffset)
        publish(&core, segmentsChanged: true)
        return doomed
    }

    private func largestTimestamp(of segment: Segment) throws(LogError) -> Int64 {
        let largest = try segment.timeIndex.largest().timestamp
        // Records without timestamps (magic 0): when the file was made or changed last.
        return largest >= 0 ? largest : segment.createdMs
    }

    func raiseStart(_ core: inout LogCore, to offset: Int64) {
        guard offset > core.logStartOffset else { return }
        core.logStartOffset = offset
        core.epochs.truncateFromStart(offset)
        core.highWatermark = max(core.highWatermark, offset)
    }

    /// Renames the segments to `.deleted`; the files go `file.delete.delay.ms` later. The caller holds `diskWork`.
    func discard(_ segments: [Segment], _ nowMs: Int64, keepingSnapshotOf kept: Int64 = -1) throws(LogError) {
        guard !segments.isEmpty else { return }
        let (path, delayMs) = core.withLock { ($0.path, $0.configuration.fileDeleteDelayMs) }
        do throws(FileError) {
            for segment in segments {
                try segment.rename(addingSuffix: SegmentSuffix.deleted)
                if segment.baseOffset != kept {
                    try environment.fileSystem.remove(ProducerSnapshots.path(path, segment.baseOffset))
                }
            }
        } catch {
            throw failed(error)
        }
        doomed.withLock { $0 += segments.map { DoomedSegment(segment: $0, dueMs: nowMs + delayMs) } }
    }

    private func removeDoomed(nowMs: Int64) throws(LogError) {
        let due = doomed.withLock { doomed in
            guard !doomed.isEmpty else { return [DoomedSegment]() }
            let due = doomed.filter { $0.dueMs <= nowMs }
            doomed.removeAll { $0.dueMs <= nowMs }
            return due
        }
        guard !due.isEmpty else { return }
        do throws(FileError) { for doomed in due { try doomed.segment.remove() } } catch { throw failed(error) }
    }

    /// DeleteRecords: records below `offset` are gone for every reader at once; segments that hold nothing else go with the next
    /// look at retention. -1 means up to the high watermark. The new log start offset.
    package func deleteRecords(before offset: Int64) throws(LogError) -> Int64 {
        try core.withLock { core throws(LogError) in
            let target = offset == -1 ? core.highWatermark : offset
            guard target >= 0, target <= core.highWatermark else {
                throw LogError(
                    .offsetOutOfRange, "offset \(offset) of \(partition) is beyond the high watermark \(core.highWatermark)")
            }
            raiseStart(&core, to: target)
            publish(&core)
            return core.logStartOffset
        }
    }

    /// What is due for this log: called about once a second on a worker, so it costs a resting log next to nothing.
    func maintain(nowMs: Int64) throws(LogError) {
        let (mustFlush, mustSettle, isResting) = core.withLock { core in
            let isFlushed = core.flushedOffset >= core.logEndOffset
            return (
                !isFlushed && nowMs - core.lastFlushMs >= core.configuration.flushMs,
                core.unflushedBytes >= LogLimits.unflushedBytes, nowMs - core.lastAppendMs > 10_000
            )
        }
        if mustFlush { try flush() }
        if mustSettle { try checkpointRecoveryPoint() }
        if isResting { try rest() }
        try removeDoomed(nowMs: nowMs)
    }

    /// Index entries that wait in memory go to their files, and the files are closed until somebody comes.
    private func rest() throws(LogError) {
        // Nobody moves the directory away meanwhile.
        try writing.withLock { _ throws(LogError) in
            let active = core.withLock { core -> Segment? in
                defer { core.isResting = true }
                return core.isResting || core.condition != .open ? nil : core.active
            }
            guard let active else { return }
            do throws(FileError) {
                try active.offsetIndex.rest()
                try active.timeIndex.rest()
                for file in active.files { file.close() }
            } catch {
                throw failed(error)
            }
        }
    }

    func expireProducers(nowMs: Int64) {
        core.withLock { $0.producers.expire(before: nowMs - environment.producerIdExpirationMs) }
    }

    /// The partition is deleted: no more appends, and its directory gets another name.
    func abandon(movingTo newPath: String) throws(LogError) {
        core.withLock { $0.condition = .closed }
        try diskWork.withLock { _ throws(LogError) in
            try writing.withLock { _ throws(LogError) in
                dropQueue(LogError(.closed, "\(partition) is deleted"))
                try marking.withLock { _ throws(LogError) in try move(to: newPath) }
            }
        }
    }

    private func move(to newPath: String) throws(LogError) {
        let path = core.withLock { $0.path }
        do throws(FileError) {
            try environment.fileSystem.rename(path, to: newPath)
        } catch {
            throw failed(error)
        }
        core.withLock { core in
            for segment in core.segments {
                for file in segment.files { file.moved(from: path, to: newPath) }
            }
            core.path = newPath
        }
    }
}
