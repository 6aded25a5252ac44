internal import EventLoop
internal import Files
internal import KafkaRecords
internal import Synchronization
internal import Telemetry

/// What of a log could be cleaned now.
struct Cleanable: Sendable {
    var firstDirtyOffset: Int64
    /// Nothing from here on is touched: the active segment, what no transaction has decided, what `min.compaction.lag.ms` protects.
    var endOffset: Int64
    var cleanBytes: Int64
    var dirtyBytes: Int64
    /// `max.compaction.lag.ms` does not let the oldest dirty record wait any longer.
    var isOverdue: Bool

    var dirtyRatio: Double { dirtyBytes == 0 ? 0 : Double(dirtyBytes) / Double(cleanBytes + dirtyBytes) }
}

package struct CleaningResult: Sendable {
    package var bytesRead = 0
    package var bytesWritten = 0
    /// Everything below was compared with everything.
    package var cleanedUpTo: Int64
}

extension PartitionLog {
    /// Up to where the log is clean (`cleaner-offset-checkpoint`).
    package var cleanedOffset: Int64 { core.withLock { $0.cleanedOffset } }

    /// nil where there is nothing to clean.
    func cleanable(nowMs: Int64) throws(LogError) -> Cleanable? {
        let (segments, configuration, start, cleaned, stable) = core.withLock { core in
            (core.segments, core.configuration, core.logStartOffset, core.cleanedOffset, core.producers.firstUnstable?.firstOffset)
        }
        guard configuration.compacts else { return nil }
        // A checkpoint below the start or beyond the end is of another life of the log.
        let firstDirty = start <= cleaned && cleaned <= logEndOffset ? cleaned : start
        var result = Cleanable(
            firstDirtyOffset: firstDirty, endOffset: min(segments[segments.count - 1].baseOffset, stable ?? .max),
            cleanBytes: 0, dirtyBytes: 0, isOverdue: false)
        result.endOffset = min(result.endOffset, highWatermark)
        // A segment that is partly clean counts for both, as in Kafka.
        let ends = segments.dropFirst().map(\.baseOffset)
        for (segment, end) in zip(segments, ends) where end > firstDirty && configuration.minCompactionLagMs > 0 {
            if try segment.timeIndex.largest().timestamp > nowMs - configuration.minCompactionLagMs {
                result.endOffset = min(result.endOffset, segment.baseOffset)
                break
            }
        }
        for (segment, end) in zip(segments, ends) where segment.baseOffset < result.endOffset {
            if segment.baseOffset < firstDirty { result.cleanBytes += Int64(segment.size) }
            if end > firstDirty { result.dirtyBytes += Int64(segment.size) }
        }
        if configuration.maxCompactionLagMs < .max, let first = segments.first(where: { $0.baseOffset >= firstDirty }) {
            let oldest = try first.firstTimestamp() ?? .max
            result.isOverdue = oldest < nowMs &- configuration.maxCompactionLagMs && result.dirtyBytes > 0
        }
        return result.dirtyBytes > 0 && result.endOffset > firstDirty ? result : nil
    }

    /// An active segment whose records `max.compaction.lag.ms` wants cleaned cannot wait until it is full.
    func rollForCompaction(nowMs: Int64) throws(LogError) {
        func isDue() -> Bool {
            core.withLock { core in
                let lag = core.configuration.maxCompactionLagMs
                return core.condition == .open && core.configuration.compacts && lag < .max && core.active.size > 0
                    && core.rollingBaseTimestamp >= 0 && core.rollingBaseTimestamp < nowMs &- lag
            }
        }
        guard isDue() else { return }
        try exclusively { () throws(LogError) in if isDue() { try rollHeld(nowMs: nowMs) } }
    }

    /// Removes from the clean and the cleanable part every record that a newer one with its key replaces. Appends go on meanwhile.
    /// `moved` hears of every byte that is read or written, and may hold the cleaning up or end it. For a thread that may wait; one
    /// cleaning of a log at a time.
    package func clean(
        memoryBytes: Int, loadFactor: Double = 0.9, bufferBytes: Int = LogLimits.scanWindowBytes,
        moved: (Int) throws(LogError) -> Void = { _ throws(LogError) in }
    ) throws(LogError) -> CleaningResult? {
        let nowMs = environment.clock.wallMs()
        guard let cleanable = try cleanable(nowMs: nowMs) else { return nil }
        // What makes an older record go has to be on the disk itself: else a power loss takes both.
        if flushedOffset < cleanable.endOffset { try flush() }
        let (segments, configuration, producers, path) = core.withLock { core in
            (core.segments, core.configuration, core.producers.entries, core.path)
        }
        // The marker of a transaction, with its entry, may stand segments after its batches.
        var aborted: [AbortedTransaction] = []
        for segment in segments where try !segment.abortIndex.isEmpty() { aborted += try segment.abortIndex.transactions() }
        var map = OffsetMap(memoryBytes: memoryBytes, loadFactor: loadFactor)
        try fill(&map, segments, cleanable, aborted, bufferBytes, moved)
        let end = map.latestOffset + 1
        guard end > cleanable.firstDirtyOffset else { return nil }
        var cleaner = SegmentCleaner(
            map: map, nowMs: nowMs, configuration: configuration, producers: producers, endOffset: end,
            aborted: aborted, bufferBytes: bufferBytes)
        let below = segments.dropLast().filter { $0.baseOffset < min(end, cleanable.endOffset) }
        for group in groups(Array(below), of: segments, configuration) {
            let target = Segment(
                directory: path, baseOffset: group[0].baseOffset, suffix: SegmentSuffix.cleaned,
                found: .init(createdMs: group[group.count - 1].createdMs), in: environment)
            do throws(LogError) {
                try target.discardLeftovers()
                try cleaner.clean(group, into: target, moved)
                guard try replace(group, by: target, nowMs) else { return nil }
            } catch {
                try? target.remove()
                throw error
            }
        }
        core.withLock { $0.cleanedOffset = end }
        return CleaningResult(bytesRead: cleaner.bytesRead, bytesWritten: cleaner.bytesWritten, cleanedUpTo: end)
    }

    private func fill(
        _ map: inout OffsetMap, _ segments: [Segment], _ cleanable: Cleanable, _ aborted: [AbortedTransaction], _ bufferBytes: Int,
        _ moved: (Int) throws(LogError) -> Void
    ) throws(LogError) {
        var transactions = CleanedTransactions()
        transactions.add(aborted)
        let first = segments.floorIndex(cleanable.firstDirtyOffset) ?? 0
        for segment in segments[first...] where segment.baseOffset < cleanable.endOffset && !map.isFull {
            let from = cleanable.firstDirtyOffset, size = segment.size
            _ = try segment.walkBatches(from: 0, to: size, window: bufferBytes) { batch, header, _ throws(LogError) in
                guard header.lastOffset < cleanable.endOffset, !map.isFull else { return false }
                try moved(header.sizeInBytes)
                if header.isControl {
                    _ = try transactions.mayDiscard(header, marker: EndTransactionMarker(batch.bytes, header)) { _ in }
                } else if !transactions.isAborted(header), header.lastOffset >= from {
                    try put(batch, into: &map, from: from)
                }
                if header.lastOffset >= from, !map.isFull { map.sawOffset(header.lastOffset) }
                return true
            }
        }
    }

    private func put(_ batch: BatchView, into map: inout OffsetMap, from offset: Int64) throws(LogError) {
        do throws(RecordError) {
            try RecordScratch.borrow { scratch throws(RecordError) in
                var records = try batch.records(scratch: scratch)
                while let record = try records.next() {
                    guard let key = record.key, record.offset >= offset else { continue }
                    if map.isFull { return }
                    map.put(key, offset: record.offset)
                }
            }
        } catch {
            throw LogError(.corruptMessage, "cannot read a batch to clean it: \(error)")
        }
    }

    /// Neighbours that together make no more than one segment.
    private func groups(_ segments: [Segment], of all: [Segment], _ configuration: LogConfiguration) -> [[Segment]] {
        var groups: [[Segment]] = [], size = 0, entries = 0, times = 0
        for segment in segments {
            let next = all.first { $0.baseOffset > segment.baseOffset }?.baseOffset ?? segment.baseOffset
            let offsets = segment.offsetIndex.count, timestamps = segment.timeIndex.count
            let fits = groups.last.map { group in
                size + segment.size <= min(configuration.segmentBytes, LogLimits.segmentBytes) && group[0].reaches(next)
                    && entries + offsets <= configuration.maxEntries(ofBytes: OffsetIndex.Entry.size)
                    && times + timestamps <= configuration.maxEntries(ofBytes: TimeIndex.Entry.size)
            }
            if fits == true {
                groups[groups.count - 1].append(segment)
                size += segment.size
                entries += offsets
                times += timestamps
            } else {
                groups.append([segment])
                (size, entries, times) = (segment.size, offsets, timestamps)
            }
        }
        return groups
    }

    /// Puts a cleaned segment in the place of those that it was made from: first on the disk under `.swap`, which a start completes
    /// whatever happens, then in memory, then under its own name. False where the log has changed there meanwhile.
    private func replace(_ group: [Segment], by target: Segment, _ nowMs: Int64) throws(LogError) -> Bool {
        try diskWork.withLock { _ throws(LogError) in
            let place = core.withLock { core -> (path: String, slot: Int)? in
                guard core.condition == .open,
                    let slot = core.segments.firstIndex(where: { $0 === group[0] }),
                    slot + group.count < core.segments.count,
                    zip(core.segments[slot...], group).allSatisfy({ $0 === $1 })
                else { return nil }
                return (core.path, slot)
            }
            guard let (path, slot) = place else {
                do throws(FileError) { try target.remove() } catch { throw failed(error) }
                return false
            }
            let fileSystem = environment.fileSystem
            do throws(FileError) {
                try target.syncAll()
                try target.rename(replacingSuffix: SegmentSuffix.cleaned, by: SegmentSuffix.swap)
                try fileSystem.syncDirectory(path)
            } catch {
                throw failed(error)
            }
            // Nobody else removes or adds segments before the active one while `diskWork` is held.
            core.withLock { core in
                core.segments.replaceSubrange(slot..<(slot + group.count), with: [target])
                core.producers.forgetPlaces()
                publish(&core, segmentsChanged: true)
            }
            try discard(group, nowMs, keepingSnapshotOf: target.baseOffset)
            do throws(FileError) {
                try target.rename(replacingSuffix: SegmentSuffix.swap, by: "")
                try fileSystem.syncDirectory(path)
            } catch {
                throw failed(error)
            }
            return true
        }
    }
}

extension Segment {
    /// The largest timestamp of the first batch; nil where there is none.
    func firstTimestamp() throws(LogError) -> Int64? {
        var timestamp: Int64?
        guard size > 0 else { return nil }
        try walkHeaders(from: 0, to: size) { header, _ in
            timestamp = header.maxTimestamp
            return false
        }
        return timestamp
    }

    /// Files of its name that an earlier try left.
    func discardLeftovers() throws(LogError) {
        try storage { () throws(FileError) in try remove() }
    }

    func rename(replacingSuffix suffix: String, by newSuffix: String) throws(FileError) {
        for file in files where file.path.hasSuffix(suffix) {
            try file.rename(to: file.path.dropLast(suffix.utf8.count) + newSuffix)
        }
    }
}
