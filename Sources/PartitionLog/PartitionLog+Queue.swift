internal import EventLoop
internal import Files
internal import KafkaRecords
internal import Synchronization

// Appends while the disk is slow, and work on the active segment that may wait for the disk.
//
// A batch that is queued has its offset and is checked against the producers as they will be once all before it is written
// (`AppendQueue.ahead`). The log itself - segments, indexes, producers, what readers see - changes when the batch is written, as in
// any other append; whoever brought it hears of it then. If writing fails, nothing of the queue was ever visible, and the
// directory is offline.

extension PartitionLog {
    /// Takes the batches in; a worker writes them. The caller holds the append lock.
    func enqueue(
        _ records: UnsafeMutableRawBufferPointer, _ origin: AppendOrigin, _ leaderEpoch: Int32, _ core: inout LogCore
    ) throws(LogError) -> AppendResult {
        var ahead = core.queue.ahead ?? AppendQueue.Ahead(endOffset: core.logEndOffset, producers: core.producers)
        let plan = try plan(records, origin, leaderEpoch, ahead.endOffset, ahead.producers, core)
        if var duplicate = plan.duplicate {
            duplicate.isPending = duplicate.lastOffset >= core.logEndOffset
            return duplicate
        }
        // A plan that is no duplicate has a batch.
        guard let first = plan.first else { return AppendResult(firstOffset: -1, lastOffset: -1, logAppendTimeMs: -1, logStartOffset: -1) }
        // One owner: its table is changed in place.
        core.queue.ahead = nil
        defer { core.queue.ahead = ahead }
        let bytes = UnsafeRawBufferPointer(rebasing: records[..<plan.bytes])
        try Self.apply(bytes, to: &ahead.producers)
        ahead.endOffset = plan.lastOffset + 1
        core.queue.batches.append(
            QueuedBatches(
                copying: bytes, first: first, lastOffset: plan.lastOffset, maxTimestamp: plan.maxTimestamp))
        queuedBytesChanged(by: bytes.count)
        if core.queue.batches.count == 1 { directory.pace.drain(self, submit: environment.submit) }
        return AppendResult(
            firstOffset: first.baseOffset, lastOffset: plan.lastOffset, logAppendTimeMs: plan.logAppendTimeMs,
            logStartOffset: core.logStartOffset, isPending: true)
    }

    private static func apply(
        _ bytes: UnsafeRawBufferPointer, to producers: inout ProducerStateTable
    ) throws(LogError) {
        var offset = 0
        while offset < bytes.count, let header = RecordBatchHeader(UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
            let batch = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            if header.hasProducerId, !header.isControl {
                producers.apply(header, segmentBase: -1, position: 0)
            } else if header.hasProducerId, let marker = EndTransactionMarker(header.whole(in: batch), header) {
                _ = producers.apply(
                    marker, producerId: header.producerId, epoch: header.producerEpoch, offset: header.lastOffset,
                    timestamp: marker.timestamp)
            }
            offset += header.sizeInBytes
        }
    }

    /// So much waits to be written to its directory that requests with more have to wait themselves.
    package var isCongested: Bool { directory.pace.queuedBytes > environment.queuedBytesLimit && directory.isOnline }

    private func queuedBytesChanged(by bytes: Int) {
        directory.pace.queuedBytesChanged(by: bytes)
        environment.queuedBytes.wrappingAdd(bytes, ordering: .relaxed)
    }

    // MARK: on a worker

    /// Writes what waits, in order.
    func writeQueued() { writing.withLock { _ in drainHoldingWriting() } }

    /// Runs work on the active segment that may wait for the disk: appends are queued meanwhile, so that nobody who brings one waits
    /// for the append lock. What is queued was written before `body` runs, unless it could not be.
    func exclusively<R>(_ body: () throws(LogError) -> R) throws(LogError) -> R {
        try writing.withLock { _ throws(LogError) in
            drainHoldingWriting(staysHeld: true)
            defer { drainHoldingWriting() }
            return try body()
        }
    }

    private func drainHoldingWriting(staysHeld: Bool = false) {
        while true {
            let next = core.withLock { core -> QueuedBatches? in
                core.queue.isHeld = staysHeld || !core.queue.batches.isEmpty
                if core.queue.batches.isEmpty {
                    core.queue.ahead = nil
                    return nil
                }
                return core.queue.batches[0]
            }
            guard let next else { return }
            do throws(LogError) {
                guard directory.isOnline else { throw LogError(.storage, "\(directory.path) is offline") }
                try write(next)
                let settled = core.withLock { core in
                    core.queue.batches.removeFirst()
                    return core.takeWritten()
                }
                queuedBytesChanged(by: -next.bytes.count)
                for notify in settled { notify(nil) }
            } catch {
                dropQueue(error)
            }
        }
    }

    /// Nobody else changes the active segment now: the append lock is held for what is in memory alone.
    private func write(_ batches: QueuedBatches) throws(LogError) {
        let nowMs = environment.clock.wallMs()
        let mustRoll = core.withLock { core in
            core.shouldRoll(
                bytes: batches.bytes.count, maxTimestamp: batches.maxTimestamp, lastOffset: batches.lastOffset, nowMs: nowMs)
        }
        if mustRoll { try rollHeld(nowMs: nowMs) }
        let segment = core.withLock { $0.active }, position = segment.size
        let begun = environment.clock.now().nanoseconds
        do throws(FileError) {
            try segment.log.open().write(batches.bytes, at: Int64(position))
            // So that there is room in memory for the entries that come now.
            try segment.offsetIndex.makeRoom()
            try segment.timeIndex.makeRoom()
        } catch {
            throw failed(error)
        }
        _ = directory.pace.wrote(batches.bytes.count, fromNs: begun, toNs: environment.clock.now().nanoseconds)
        try core.withLock { core throws(LogError) in
            core.lastAppendMs = nowMs
            core.isResting = false
            try account(batches.bytes, at: position, &core)
            core.noteFlushWanted()
            publish(&core, appended: LastAppend(batches.first, segment, at: position, nowMs: nowMs))
        }
    }

    /// Rolls without holding the append lock for longer than memory takes. For who holds `writing`.
    func rollHeld(nowMs: Int64) throws(LogError) {
        let (old, path, end, producers) = core.withLock { ($0.active, $0.path, $0.logEndOffset, $0.producers) }
        guard let segment = try successor(of: old, at: end, path, producers, nowMs: nowMs) else { return }
        core.withLock { adopt(segment, &$0) }
    }

    /// What waits will never be written.
    func dropQueue(_ error: LogError) {
        let (dropped, waiters) = core.withLock { core in
            defer {
                core.queue.batches = []
                core.queue.ahead = nil
                core.queue.waiters = []
            }
            return (core.queue.batches.reduce(0) { $0 + $1.bytes.count }, core.queue.waiters)
        }
        queuedBytesChanged(by: -dropped)
        for waiter in waiters { waiter.notify(error) }
    }

    // MARK: who waits

    /// Calls `notify` once everything below `offset`, which was given by an append, is written: at once where it is already.
    package func written(upTo offset: Int64, notify: @escaping @Sendable (LogError?) -> Void) {
        let known = core.withLock { core -> Result<Void, LogError>? in
            if offset <= core.logEndOffset { return .success(()) }
            guard core.queue.ahead != nil else {
                return .failure(LogError(.storage, "\(partition): the records up to \(offset) could not be written"))
            }
            core.queue.waiters.append((offset, notify))
            return nil
        }
        switch known {
        case .success: notify(nil)
        case .failure(let error): notify(error)
        case nil: break
        }
    }

    /// Calls `notify` once an append may be acknowledged: when everything below `offset` is written and, where `flush.messages` says
    /// so, on the disk.
    package func acknowledged(upTo offset: Int64, notify: @escaping @Sendable (LogError?) -> Void) {
        written(upTo: offset) { [self] failure in
            let mustFlush = failure == nil && core.withLock { offset <= $0.mustFlushBelow && $0.flushedOffset < offset }
            if mustFlush { flushed(upTo: offset, notify: notify) } else { notify(failure) }
        }
    }
}

extension LogCore {
    /// Those who wait for what is written by now.
    fileprivate mutating func takeWritten() -> [@Sendable (LogError?) -> Void] {
        if queue.waiters.isEmpty { return [] }
        let end = logEndOffset
        let settled = queue.waiters.filter { $0.offset <= end }.map(\.notify)
        queue.waiters.removeAll { $0.offset <= end }
        return settled
    }

    /// `flush.messages`: whether the append that has just been made waits for the disk.
    @discardableResult
    mutating func noteFlushWanted() -> Bool {
        guard logEndOffset - flushedOffset >= configuration.flushMessages else { return false }
        mustFlushBelow = logEndOffset
        return true
    }
}
