internal import EventLoop
internal import Files
package import KafkaRecords
internal import Synchronization
internal import Telemetry

extension PartitionLog {
    /// Appends whole batches that were validated (RecordValidator). Gives them their offsets and the leader epoch in place, which
    /// both stand outside the checksum, and writes the same bytes; they are in the page cache when this returns. While the disk is
    /// slow they are queued instead (`isPending`), and `acknowledged` tells when they are written.
    package func append(
        _ records: UnsafeMutableRawBufferPointer, origin: AppendOrigin, leaderEpoch: Int32
    ) throws(LogError) -> AppendResult {
        guard directory.isOnline else { throw LogError(.storage, "\(directory.path) is offline") }
        let nowMs = environment.clock.wallMs()
        return try core.withLock { core throws(LogError) in
            guard core.condition == .open else { throw LogError(.closed, "\(partition) is closed") }
            if core.queue.isHeld || core.queue.ahead != nil || directory.pace.isSlow(environment.clock.now().nanoseconds) {
                return try enqueue(records, origin, leaderEpoch, &core)
            }
            let plan = try plan(records, origin, leaderEpoch, core.logEndOffset, core.producers, core)
            if let duplicate = plan.duplicate { return duplicate }
            let begun = environment.clock.now().nanoseconds
            if core.shouldRoll(bytes: plan.bytes, maxTimestamp: plan.maxTimestamp, lastOffset: plan.lastOffset, nowMs: nowMs) {
                try roll(&core, nowMs: nowMs)
            }
            let segment = core.active, position = segment.size
            let bytes = UnsafeRawBufferPointer(rebasing: records[..<plan.bytes])
            do throws(FileError) {
                try segment.log.open().write(bytes, at: Int64(position))
            } catch {
                throw failed(error)
            }
            core.lastAppendMs = nowMs
            core.isResting = false
            try account(bytes, at: position, &core)
            if directory.pace.wrote(bytes.count, fromNs: begun, toNs: environment.clock.now().nanoseconds) {
                Self.logger.debug("the disk is slow: workers write until it is fast again", ["directory": directory.path])
            }
            return finish(plan, segment, at: position, nowMs: nowMs, &core)
        }
    }

    struct Plan {
        var first: BatchPlace?
        var lastOffset: Int64
        var bytes = 0
        var maxTimestamp: Int64 = -1
        var logAppendTimeMs: Int64 = -1
        var duplicate: AppendResult?
    }

    /// Looks at every batch, and gives it its offset, from `endOffset` on; changes nothing of the log.
    func plan(
        _ records: UnsafeMutableRawBufferPointer, _ origin: AppendOrigin, _ leaderEpoch: Int32, _ endOffset: Int64,
        _ producers: borrowing ProducerStateTable, _ core: borrowing LogCore
    ) throws(LogError) -> Plan {
        var plan = Plan(lastOffset: endOffset - 1)
        while plan.bytes < records.count, let base = records.baseAddress {
            let rest = UnsafeRawBufferPointer(rebasing: records[plan.bytes...])
            guard let header = RecordBatchHeader(rest) else { break }
            guard header.hasPossibleSize, header.sizeInBytes <= rest.count else {
                // What is shorter than a batch at the end is ignored, as Kafka does.
                if header.hasPossibleSize, plan.bytes > 0 { break }
                throw LogError(.corruptMessage, "a record batch of \(header.batchLength) bytes in \(rest.count)")
            }
            if origin == .replication {
                guard header.baseOffset > plan.lastOffset, header.lastOffset >= header.baseOffset else {
                    throw LogError(
                        .unexpectedOffset, "a batch from offset \(header.baseOffset) on comes after \(plan.lastOffset)")
                }
            } else {
                guard header.magic == 2 else { throw LogError(.invalidRecord, "a batch of magic \(header.magic)") }
                guard header.sizeInBytes <= core.configuration.maxMessageBytes else {
                    throw LogError(
                        .messageTooLarge,
                        "a batch of \(header.sizeInBytes) bytes exceeds max.message.bytes=\(core.configuration.maxMessageBytes)")
                }
                BatchEditor.setBaseOffset(plan.lastOffset + 1, of: base + plan.bytes)
                BatchEditor.setPartitionLeaderEpoch(leaderEpoch, of: base + plan.bytes)
            }
            if header.hasProducerId {
                if let duplicate = try check(header, rest, origin, producers, core) {
                    plan.duplicate = duplicate
                    return plan
                }
            }
            if plan.first == nil { plan.first = BatchPlace(header, at: 0) }
            plan.lastOffset = header.lastOffset
            plan.maxTimestamp = max(plan.maxTimestamp, header.maxTimestamp)
            if header.timestampType == .logAppendTime { plan.logAppendTimeMs = header.maxTimestamp }
            plan.bytes += header.sizeInBytes
        }
        guard plan.first != nil else { throw LogError(.invalidRecord, "no record batch in \(records.count) bytes") }
        guard plan.bytes <= min(core.configuration.segmentBytes, LogLimits.segmentBytes) else {
            throw LogError(
                .recordListTooLarge, "\(plan.bytes) bytes of batches exceed segment.bytes=\(core.configuration.segmentBytes)")
        }
        return plan
    }

    private func check(
        _ header: RecordBatchHeader, _ bytes: UnsafeRawBufferPointer, _ origin: AppendOrigin,
        _ producers: borrowing ProducerStateTable, _ core: borrowing LogCore
    ) throws(LogError) -> AppendResult? {
        if case .duplicate(let first, let last, let timestamp) = try producers.check(header, origin: origin) {
            return AppendResult(
                firstOffset: first, lastOffset: last,
                logAppendTimeMs: header.timestampType == .logAppendTime ? timestamp : -1,
                logStartOffset: core.logStartOffset, isDuplicate: true, mustFlush: last < core.mustFlushBelow)
        }
        if origin != .replication, header.isControl, let marker = EndTransactionMarker(header.whole(in: bytes), header) {
            try producers.check(marker, producerId: header.producerId)
        }
        return nil
    }

    /// Indexes, timestamps, producers and epochs learn of batches that are in the segment's file from `position` on.
    func account(
        _ bytes: UnsafeRawBufferPointer, at position: Int, _ core: inout LogCore
    ) throws(LogError) {
        let segment = core.active
        var offset = 0
        while offset < bytes.count, let header = RecordBatchHeader(UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
            if position + offset == 0 { core.rollingBaseTimestamp = header.maxTimestamp }
            try segment.timeIndex.note(timestamp: header.maxTimestamp, lastOffset: header.lastOffset)
            if core.bytesSinceIndexEntry > core.configuration.indexIntervalBytes {
                do throws(FileError) {
                    try segment.offsetIndex.append(lastOffset: header.lastOffset, position: position + offset)
                } catch {
                    throw failed(error)
                }
                try segment.timeIndex.appendLargest()
                core.bytesSinceIndexEntry = 0
            }
            core.bytesSinceIndexEntry += header.sizeInBytes
            if header.hasProducerId {
                try Self.apply(
                    header, UnsafeRawBufferPointer(rebasing: bytes[offset...]), segment, position + offset, to: &core.producers)
            }
            _ = core.epochs.assign(header.partitionLeaderEpoch, startOffset: header.baseOffset)
            core.logEndOffset = header.nextOffset
            offset += header.sizeInBytes
        }
        core.producers.endOffset = core.logEndOffset
        segment.setSize(position + bytes.count)
        core.appendedBytes += bytes.count
        if let limit = environment.unmarkedBytes, core.unmarkedBytes >= limit { wantMark(&core) }
    }

    /// A batch with a producer id is in the log: recovery and appends tell the table the same way.
    static func apply(
        _ header: RecordBatchHeader, _ bytes: UnsafeRawBufferPointer, _ segment: Segment, _ position: Int,
        to producers: inout ProducerStateTable, indexesAborted: Bool = true
    ) throws(LogError) {
        guard header.isControl else {
            producers.apply(header, segmentBase: segment.baseOffset, position: position)
            return
        }
        guard let marker = EndTransactionMarker(header.whole(in: bytes), header) else { return }
        let completed = producers.apply(
            marker, producerId: header.producerId, epoch: header.producerEpoch, offset: header.lastOffset,
            timestamp: marker.timestamp)
        guard let completed else { return }
        if completed.isAborted && indexesAborted {
            try segment.abortIndex.append(
                AbortedTransaction(
                    producerId: completed.producerId, firstOffset: completed.firstOffset, lastOffset: completed.lastOffset,
                    lastStableOffset: producers.lastStableOffset(after: completed)))
        }
        producers.complete(completed)
    }

    private func finish(
        _ plan: Plan, _ segment: Segment, at position: Int, nowMs: Int64, _ core: inout LogCore
    ) -> AppendResult {
        let mustFlush = core.noteFlushWanted()
        publish(&core, appended: plan.first.map { LastAppend($0, segment, at: position, nowMs: nowMs) })
        return AppendResult(
            firstOffset: plan.first?.baseOffset ?? -1, lastOffset: plan.lastOffset,
            logAppendTimeMs: plan.logAppendTimeMs,
            logStartOffset: core.logStartOffset, mustFlush: mustFlush)
    }

    /// Ends the active segment and begins another at the log's end. The caller holds the append lock.
    private func roll(_ core: inout LogCore, nowMs: Int64) throws(LogError) {
        let segment = try successor(of: core.active, at: core.logEndOffset, core.path, core.producers, nowMs: nowMs)
        if let segment { adopt(segment, &core) }
    }

    /// Ends the active segment on the disk and makes the next one; nil where that would be the same. Nobody else changes it now.
    func successor(
        of old: Segment, at end: Int64, _ path: String, _ producers: borrowing ProducerStateTable, nowMs: Int64
    ) throws(LogError) -> Segment? {
        try old.finish()
        // An empty segment that rolls by its indexes' bounds would only make itself again.
        if old.size == 0, old.baseOffset == end { return nil }
        let segment = Segment(directory: path, baseOffset: end, found: .init(createdMs: nowMs), in: environment)
        do throws(FileError) {
            _ = try segment.log.open(create: true)
            // A worker that moves the recovery point may write the very same snapshot now: with another temporary name.
            try environment.fileSystem.replace(
                ProducerSnapshots.path(path, end), with: ProducerSnapshotFile.encode(producers), durably: false,
                temporarySuffix: ".roll.tmp")
        } catch {
            throw failed(error)
        }
        return segment
    }

    func adopt(_ segment: Segment, _ core: inout LogCore) {
        core.segments.append(segment)
        core.needsDirectorySync = true
        core.bytesSinceIndexEntry = 0
        core.rollingBaseTimestamp = -1
        core.rollJitterMs = Self.jitter(core.configuration)
        publish(&core, segmentsChanged: true)
        // What is finished goes to the disk, so that a start after a kill need not look at it.
        environment.submit { [weak self] in self?.settleFinishedSegments() }
    }
}

extension RecordBatchHeader {
    /// The batch's bytes, where `bytes` begin with it and are long enough.
    func whole(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, max(0, sizeInBytes))])
    }
}
