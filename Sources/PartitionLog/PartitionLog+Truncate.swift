internal import EventLoop
internal import Files
internal import KafkaRecords
internal import Synchronization

extension PartitionLog {
    /// Cuts the log so that it ends at `offset` (a follower that has what its leader has not); what begins before and ends after it
    /// goes too. The log's end is then at most `offset`. For workers.
    package func truncate(to offset: Int64) throws(LogError) {
        let nowMs = environment.clock.wallMs()
        try diskWork.withLock { _ throws(LogError) in
            // The batch that holds the offset goes as a whole.
            let view = self.view, slot = view.segments.floorIndex(offset) ?? 0
            let place = try view.segments[slot].find(offset, before: view.size(of: view.segments[slot]), mayWait: true)
            let end = max(0, min(offset, place?.baseOffset ?? offset))
            let falls = core.withLock { core in
                defer { core.recoveryPoint = min(core.recoveryPoint, end) }
                return core.recoveryPoint > end
            }
            if falls { do throws(FileError) { try directory.writeRecoveryPoints() } catch { throw failed(error) } }
            writeQueued()
            let doomed = try marking.withLock { _ throws(LogError) in
                try removeMark()
                return try core.withLock { core throws(LogError) in
                    guard offset < core.logEndOffset else { return [Segment]() }
                    let doomed = try cut(&core, at: max(offset, 0), nowMs)
                    publish(&core, segmentsChanged: true)
                    return doomed
                }
            }
            do throws(FileError) { for segment in doomed { try segment.remove() } } catch { throw failed(error) }
        }
    }

    private func cut(_ core: inout LogCore, at offset: Int64, _ nowMs: Int64) throws(LogError) -> [Segment] {
        let kept = (core.segments.floorIndex(offset) ?? 0) + 1
        let doomed = Array(core.segments[kept...])
        do throws(FileError) {
            // Before anything is appended in their place: neither may the names be taken, nor may the segments come back. This is
            // the one fsync under the append lock; only a follower that has to give records up comes here.
            for segment in doomed { try segment.rename(addingSuffix: SegmentSuffix.deleted) }
            if !doomed.isEmpty { try environment.fileSystem.syncDirectory(core.path) }
        } catch {
            throw failed(error)
        }
        core.segments.removeLast(doomed.count)
        let active = core.active
        let end = try shorten(active, to: offset)
        core.logEndOffset = end
        core.logStartOffset = min(core.logStartOffset, end)
        core.highWatermark = min(core.highWatermark, end)
        core.flushedOffset = min(core.flushedOffset, end)
        core.recoveryPoint = min(core.recoveryPoint, end)
        core.cleanedOffset = min(core.cleanedOffset, end)
        core.mustFlushBelow = min(core.mustFlushBelow, end)
        core.epochs.truncateFromEnd(end)
        core.bytesSinceIndexEntry = active.size - (try active.offsetIndex.last()?.position ?? 0)
        if active.size == 0 { core.rollingBaseTimestamp = -1 }
        try reloadProducers(&core)
        return doomed
    }

    /// Drops what the segment has from the batch with `offset` on; where it ends then.
    private func shorten(_ segment: Segment, to offset: Int64) throws(LogError) -> Int64 {
        guard let place = try segment.find(offset, before: segment.size, mayWait: true) else {
            var end = segment.baseOffset
            let from = try segment.offsetIndex.last()?.position ?? 0
            try segment.walkHeaders(from: from, to: segment.size) { header, _ in
                end = header.nextOffset
                return true
            }
            return end
        }
        let end = max(segment.baseOffset, min(offset, place.baseOffset))
        do throws(FileError) {
            let file = try segment.log.open()
            try file.truncate(to: Int64(place.position))
            try file.sync()
        } catch {
            throw failed(error)
        }
        segment.setSize(place.position)
        try LogScan(path: "", environment: environment, configuration: LogConfiguration())
            .cutIndexes(of: segment, at: place.position, end, durably: false)
        try storage { () throws(FileError) in try segment.syncIndexes() }
        return end
    }

    private func reloadProducers(_ core: inout LogCore) throws(LogError) {
        let scan = LogScan(path: core.path, environment: environment, configuration: core.configuration)
        let names = try storage { () throws(FileError) in try environment.fileSystem.list(core.path) }
        let replay = ProducerReplay(path: core.path, environment: environment)
        core.producers = try replay.run(names, scan, core.segments, endingAt: core.logEndOffset, &core.epochs)
        core.producers.highWatermarkReached(core.highWatermark)
    }
}
