internal import EventLoop
internal import Files
internal import KafkaRecords
internal import Synchronization

extension PartitionLog {
    /// A region of whole batches from the one with `offset` on (the last may be cut), within one segment and below the bound of
    /// `isolation`. Never takes the append lock.
    ///
    /// `atLeastOneBatch`: the first batch comes whole, also where it is larger than `maxBytes`; otherwise nothing then.
    /// With `mayWait` false it throws `.notResident` where it would have to wait for the disk: ask again on a worker.
    package func read(
        from offset: Int64, maxBytes: Int, isolation: ReadIsolation, atLeastOneBatch: Bool, mayWait: Bool = true
    ) throws(LogError) -> LogRead {
        for attempt in 1...LogLimits.readAttempts {
            let view = self.view
            do throws(LogError) {
                return try read(offset, maxBytes, isolation, atLeastOneBatch, mayWait, view)
            } catch {
                // A segment that was removed since the view was taken: what it had is gone, or stands in another by now.
                let isStale = error.kind == .storage || error.kind == .corruptMessage
                if !isStale || attempt == LogLimits.readAttempts || !isOutdated(view) { throw error }
            }
        }
        throw LogError(.storage, "\(partition): the segments change faster than they can be read")
    }

    private func isOutdated(_ view: LogView) -> Bool {
        published.withLock { now in
            now.segments.count != view.segments.count || now.end.offset < view.end.offset
                || !zip(now.segments, view.segments).allSatisfy { $0 === $1 }
        }
    }

    private func read(
        _ offset: Int64, _ maxBytes: Int, _ isolation: ReadIsolation, _ atLeastOneBatch: Bool, _ mayWait: Bool, _ view: LogView
    ) throws(LogError) -> LogRead {
        guard offset >= view.logStartOffset, offset <= view.end.offset else {
            throw LogError(
                .offsetOutOfRange,
                "offset \(offset) of \(partition) is outside \(view.logStartOffset) to \(view.end.offset)")
        }
        var answer = LogRead(
            highWatermark: view.highWatermark.offset, lastStableOffset: view.lastStable.offset,
            logStartOffset: view.logStartOffset, logEndOffset: view.end.offset)
        var bound = view.bound(isolation)
        guard offset < bound.offset, var slot = view.segments.floorIndex(offset) else { return answer }
        if !bound.isKnown { bound = try locate(bound.offset, view, mayWait) }

        while slot < view.segments.count {
            let segment = view.segments[slot]
            guard segment.baseOffset <= bound.segmentBase else { return answer }
            let limit = segment.baseOffset == bound.segmentBase ? bound.position : view.size(of: segment)
            let (first, recentBytes) = try place(of: offset, in: segment, before: limit, view, mayWait)
            if let first {
                let wanted = max(maxBytes, atLeastOneBatch ? first.size : 0)
                guard wanted >= first.size else { return answer }
                var region = FileRegion(
                    file: try segment.openLog(), offset: Int64(first.position),
                    count: min(wanted, limit - first.position))
                region.recentBytes = recentBytes
                answer.region = region
                if isolation == .lastStable {
                    answer.abortedTransactions = try abortedTransactions(
                        from: first.baseOffset, region, slot, view, bound: bound.offset, mayWait)
                }
                return answer
            }
            // The segment ends before the offset (compaction): the next one begins after it.
            slot += 1
        }
        return answer
    }

    /// Where the batch with the offset stands, or the next after it in this segment; and how many
    /// bytes from there on were read or written just now.
    private func place(
        of offset: Int64, in segment: Segment, before limit: Int, _ view: LogView, _ mayWait: Bool
    ) throws(LogError) -> (BatchPlace?, recentBytes: Int) {
        if let last = view.lastAppend, offset == last.first.baseOffset, segment.baseOffset == last.segmentBase,
            last.first.position < limit
        {
            let age = environment.clock.wallMs() - last.atMs
            return (last.first, recentBytes: (0..<LastAppend.recentMs).contains(age) ? .max : 0)
        }
        return (try segment.find(offset, before: limit, mayWait: mayWait), recentBytes: RecordBatchHeader.size)
    }

    /// The place of an offset that is a batch's first, or the log's end.
    func locate(_ offset: Int64, _ view: LogView, _ mayWait: Bool) throws(LogError) -> LogPlace {
        if offset >= view.end.offset { return view.end }
        guard var slot = view.segments.floorIndex(offset) else {
            return LogPlace(offset: offset, segmentBase: view.segments[0].baseOffset, position: 0)
        }
        while slot < view.segments.count {
            let segment = view.segments[slot]
            if let found = try segment.find(offset, before: view.size(of: segment), mayWait: mayWait) {
                return LogPlace(offset: offset, segmentBase: segment.baseOffset, position: found.position)
            }
            slot += 1
        }
        return view.end
    }

    /// The aborted transactions that a reader of this region has to know, by first offset.
    private func abortedTransactions(
        from offset: Int64, _ region: FileRegion, _ slot: Int, _ view: LogView, bound: Int64, _ mayWait: Bool
    ) throws(LogError) -> [AbortedTransaction] {
        let segment = view.segments[slot]
        let beyond = Int(region.offset) + region.count
        let next = slot + 1 < view.segments.count ? view.segments[slot + 1].baseOffset : view.end.offset
        // The index knows an offset beyond the region without reading the records in it.
        let upper = try segment.offsetIndex.offset(atOrAfterPosition: beyond, from: offset, mayWait: mayWait) ?? next
        let end = min(upper, bound)
        var found: [AbortedTransaction] = []
        for segment in view.segments[slot...] where try !segment.abortIndex.isEmpty() {
            for transaction in try segment.abortIndex.transactions() {
                if transaction.lastOffset >= offset && transaction.firstOffset < end { found.append(transaction) }
                // Whatever is aborted later began at or after this transaction's last stable offset.
                if transaction.lastStableOffset >= end { return found.sorted { $0.firstOffset < $1.firstOffset } }
            }
        }
        return found.sorted { $0.firstOffset < $1.firstOffset }
    }
}

extension LogView {
    /// How much of the segment this view knows.
    func size(of segment: Segment) -> Int { segment.baseOffset == end.segmentBase ? end.position : segment.size }
}
