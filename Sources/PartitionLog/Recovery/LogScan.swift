internal import Files
internal import KafkaRecords
internal import Telemetry

/// Reads what stands in segments: to find the log's end, to check what may be torn, to learn of producers again.
struct LogScan {
    let path: String
    let environment: LogEnvironment
    let configuration: LogConfiguration
    /// Everything from this offset on was read, and its index entries were made anew.
    private(set) var recoveredFrom: Int64?
    /// Producers and epochs as of the offset from which `recover` reads, then of all that it has read; nil where they are not known.
    var replayed: ReplayedState?
    /// The largest timestamp before that offset in the segment that holds it, where that is known.
    var largestBefore: (segmentBase: Int64, timestamp: TimestampOffset)?

    init(path: String, environment: LogEnvironment, configuration: LogConfiguration) {
        self.path = path
        self.environment = environment
        self.configuration = configuration
    }

    // MARK: after a kill

    /// Checks everything from an offset on. At the first batch that is not whole and right the log ends. What lies between
    /// `settled` and there is right, but perhaps not on the disk yet. Where the log ends.
    mutating func recover(
        _ segments: inout [Segment], from start: Int64, settled: Int64, partition: TopicPartition
    ) throws(LogError) -> Int64 {
        // A segment that ends at the recovery point got its last index entries when it was closed, which may have been later.
        guard let first = segments.floorIndex(settled - 1) ?? (segments.isEmpty ? nil : 0) else { return 0 }
        for segment in segments[first...] { segment.distrustIndexes() }
        var slot = max(first, segments.floorIndex(start - 1) ?? 0), end: Int64 = 0
        while slot < segments.count {
            let segment = segments[slot], sizeBefore = segment.size
            let isWhole: Bool
            (isWhole, end) = try recover(segment, from: start)
            slot += 1
            if !isWhole {
                LogLoader.logger.warn(
                    "cut the log at the first batch that is not whole",
                    ["partition": partition, "segment": segment.baseOffset, "from": segment.size, "to": sizeBefore])
                try drop(from: slot, of: &segments)
                return end
            }
            guard slot < segments.count else { return end }
            // The end of a segment may be lost and the next one not. Compaction leaves such gaps, too, and they are no loss.
            if end < segments[slot].baseOffset, !configuration.compacts {
                LogLoader.logger.warn(
                    "cut the log at a gap", ["partition": partition, "from": end, "to": segments[slot].baseOffset])
                try drop(from: slot, of: &segments)
                return end
            }
            try segment.finish()
        }
        return end
    }

    private func drop(from slot: Int, of segments: inout [Segment]) throws(LogError) {
        let after = segments[slot...]
        segments.removeLast(after.count)
        try storage { () throws(FileError) in
            for segment in after { try segment.remove() }
            // Whoever comes after must not find what was cut off, whatever happens to the machine.
            try environment.fileSystem.syncDirectory(path)
        }
    }

    /// Whether the segment is whole; if not it was cut. And the offset at which it ends.
    private mutating func recover(_ segment: Segment, from offset: Int64) throws(LogError) -> (isWhole: Bool, end: Int64) {
        let size = segment.size
        if offset > segment.baseOffset {
            try mendIndexes(of: segment)
        } else {
            // All of it is read now, and its indexes are made by that.
            try resetIndexes(of: segment)
        }
        // Up to the recovery point the records are on the disk and were right: their heads are enough.
        var start = 0, last = segment.baseOffset - 1
        if offset > segment.baseOffset {
            start = min(try segment.offsetIndex.floor(offset, mayWait: true).position, size)
            start = try segment.walkBatches(from: start, to: size) { _, header, _ in
                // The offset stands outside the checksum: one that falls is torn, and its batch is not from before the recovery point.
                guard header.baseOffset < offset, header.lastOffset > last else { return false }
                last = header.lastOffset
                return true
            }
        }
        // Where what should be right is not all there, producers and epochs have to be found out anew.
        if offset > segment.baseOffset, last + 1 < offset { replayed = nil }
        recoveredFrom = min(recoveredFrom ?? .max, max(segment.baseOffset, last + 1))
        // Entries that come back name batches that are there, unless those are cut off below; and the next start cuts again, until the
        // recovery point has passed.
        try cutIndexes(of: segment, at: start, last + 1, durably: false)
        var builder = IndexBuilder(segment: segment, interval: configuration.indexIntervalBytes)
        let end = try segment.walkBatches(from: start, to: size) { batch, header, position throws(LogError) in
            guard header.baseOffset > last, header.lastOffset >= header.baseOffset, segment.reaches(header.lastOffset),
                isRight(batch)
            else { return false }
            last = header.lastOffset
            try builder.add(header, at: position)
            try replayed?.apply(header, batch.bytes, segment, position)
            return true
        }
        if end < size {
            try storage { () throws(FileError) in
                let file = try segment.log.open()
                try file.truncate(to: Int64(end))
                // A batch that was cut off must not come back behind what is written in its place, nor an entry that named it.
                try file.sync()
                try segment.syncIndexes()
            }
            segment.setSize(end)
            return (false, last + 1)
        }
        return (true, last + 1)
    }

    private func isRight(_ batch: BatchView) -> Bool {
        do throws(RecordError) {
            try batch.ensureValid()
            return true
        } catch {
            return false
        }
    }

    /// Indexes that contradict themselves or the segment are made anew from the batches' heads.
    private func mendIndexes(of segment: Segment) throws(LogError) {
        let offsetsRise = try segment.offsetIndex.isConsistent(segmentSize: segment.size)
        let timesRise = try segment.timeIndex.isConsistent(endOffset: segment.baseOffset &+ Int64(Int32.max))
        if offsetsRise, timesRise, !segment.lacksTimeIndex, try startsBatch(segment), try tellsTime(segment) { return }
        try makeIndexes(of: segment)
    }

    /// Offset and time index of a segment, anew out of its batches' heads.
    func makeIndexes(of segment: Segment) throws(LogError) {
        try resetIndexes(of: segment)
        LogLoader.logger.warn("made the indexes of a segment anew", ["segment": segment.log.path])
        var builder = IndexBuilder(segment: segment, interval: configuration.indexIntervalBytes)
        _ = try segment.walkBatches(from: 0, to: segment.size) { _, header, position throws(LogError) in
            guard segment.reaches(header.lastOffset) else { return false }
            try builder.add(header, at: position)
            return true
        }
    }

    private func resetIndexes(of segment: Segment) throws(LogError) {
        try storage { () throws(FileError) in
            try segment.offsetIndex.reset(durably: false)
            try segment.timeIndex.reset(durably: false)
        }
    }

    /// Whether the last entry points to the batch that it means.
    private func startsBatch(_ segment: Segment) throws(LogError) -> Bool {
        guard let last = try segment.offsetIndex.last() else { return segment.size <= 2 * configuration.indexIntervalBytes }
        var isRight = false
        _ = try segment.walkBatches(from: last.position, to: segment.size) { _, header, _ in
            isRight = header.lastOffset == last.offset
            return false
        }
        return isRight
    }

    /// Whether the last entry of the time index has the timestamp of the batch that it means.
    private func tellsTime(_ segment: Segment) throws(LogError) -> Bool {
        guard let last = try segment.timeIndex.last() else { return true }
        let start = min(try segment.offsetIndex.floor(last.offset, mayWait: true).position, segment.size)
        var isRight = false
        _ = try segment.walkBatches(from: start, to: segment.size) { _, header, _ in
            guard header.lastOffset >= last.offset else { return true }
            isRight = header.lastOffset == last.offset && header.maxTimestamp == last.timestamp
            return false
        }
        return isRight
    }

    func cutIndexes(of segment: Segment, at position: Int, _ offset: Int64, durably: Bool) throws(LogError) {
        try segment.offsetIndex.truncate(toPosition: position, durably: durably)
        try segment.timeIndex.truncate(toOffset: offset, durably: durably)
        if try !segment.timeIndex.isConsistent(endOffset: offset) {
            try storage { () throws(FileError) in try segment.timeIndex.reset(durably: durably) }
        }
        try segment.abortIndex.truncate(toOffset: offset)
        if let known = largestBefore, known.segmentBase == segment.baseOffset, replayed != nil {
            return try segment.timeIndex.note(timestamp: known.timestamp.timestamp, lastOffset: known.timestamp.offset)
        }
        // The largest timestamp between the last entry that stays and here: far, where timestamps do not rise.
        let indexed = try segment.timeIndex.largest()
        let from = indexed.timestamp < 0 ? 0 : try segment.offsetIndex.floor(indexed.offset, mayWait: true).position
        try segment.walkHeaders(from: from, to: position) { header, _ throws(LogError) in
            try segment.timeIndex.note(timestamp: header.maxTimestamp, lastOffset: header.lastOffset)
            return true
        }
    }

    // MARK: the end

    /// The offset after the last record of the active segment, and its indexes completed up to there: an index that was lost, or
    /// whose last entries were, gets them again.
    func endOffset(of segment: Segment) throws(LogError) -> Int64 {
        let last = try segment.offsetIndex.last()
        guard last?.position ?? 0 < max(1, segment.size), !segment.lacksTimeIndex else {
            try storage { () throws(FileError) in
                try segment.offsetIndex.reset()
                try segment.timeIndex.reset()
            }
            return try endOffset(of: segment)
        }
        var end = segment.baseOffset
        var builder = IndexBuilder(segment: segment, interval: configuration.indexIntervalBytes)
        try segment.walkHeaders(from: last?.position ?? 0, to: segment.size) { header, position throws(LogError) in
            // The first of them has its entry.
            if position == last?.position {
                try builder.note(header)
            } else {
                try builder.add(header, at: position)
            }
            end = header.nextOffset
            return true
        }
        return end
    }

    /// Shows every batch from an offset on, as far as they begin before `end`.
    func replay(
        _ segments: [Segment], from offset: Int64, to end: Int64,
        _ visit: (_ batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader, Segment, Int) throws(LogError) -> Void
    ) throws(LogError) {
        guard let first = segments.floorIndex(offset) ?? (segments.isEmpty ? nil : 0) else { return }
        for segment in segments[first...] where segment.baseOffset < end {
            let start = min(try segment.offsetIndex.floor(offset, mayWait: true).position, segment.size)
            var isDone = false
            let stop = try segment.walkBatches(from: start, to: segment.size) { batch, header, position throws(LogError) in
                isDone = header.baseOffset >= end
                if isDone { return false }
                if header.lastOffset >= offset { try visit(batch.bytes, header, segment, position) }
                return true
            }
            guard isDone || stop == segment.size else {
                throw LogError(.corruptMessage, "\(segment.log.path): no record batch at byte \(stop)")
            }
        }
    }
}

extension Segment {
    /// An earlier process wrote them and may not have synced them.
    fileprivate func distrustIndexes() {
        offsetIndex.distrust()
        timeIndex.distrust()
        abortIndex.distrust()
    }

    /// The time index gets its entries with the offset index; where it alone has none its file was lost.
    fileprivate var lacksTimeIndex: Bool { timeIndex.count == 0 && offsetIndex.count > 0 }
}

/// Makes a segment's index entries out of its batches, in order.
struct IndexBuilder {
    let segment: Segment
    let interval: Int
    private var bytesSinceEntry = 0

    init(segment: Segment, interval: Int) {
        self.segment = segment
        self.interval = interval
    }

    /// A batch that has its entry, or needs none.
    mutating func note(_ header: RecordBatchHeader) throws(LogError) {
        try segment.timeIndex.note(timestamp: header.maxTimestamp, lastOffset: header.lastOffset)
        bytesSinceEntry += header.sizeInBytes
    }

    mutating func add(_ header: RecordBatchHeader, at position: Int) throws(LogError) {
        try segment.timeIndex.note(timestamp: header.maxTimestamp, lastOffset: header.lastOffset)
        if bytesSinceEntry > interval {
            try storage { () throws(FileError) in
                try segment.offsetIndex.append(lastOffset: header.lastOffset, position: position)
            }
            try segment.timeIndex.appendLargest()
            bytesSinceEntry = 0
        }
        bytesSinceEntry += header.sizeInBytes
    }
}
