internal import KafkaRecords
internal import Synchronization

/// What a look-up by time found: a record, with its batch's leader epoch (-1 where it has none).
package struct FoundOffset: Sendable, Equatable {
    package var offset: Int64
    package var timestamp: Int64
    package var leaderEpoch: Int32
}

/// These read the disk and may wait for it: for workers, or for what is known to be in the page cache.
extension PartitionLog {
    /// The first record whose timestamp is at least the asked one, below the bound of `isolation`.
    package func firstOffset(atOrAfter timestamp: Int64, isolation: ReadIsolation) throws(LogError) -> FoundOffset? {
        let view = self.view
        let bound = view.bound(isolation).offset
        for segment in view.segments where try segment.timeIndex.largest().timestamp >= timestamp {
            let from = max(try segment.timeIndex.floor(before: timestamp), view.logStartOffset)
            let found = try firstRecord(in: segment, from: from, view) { header, record in
                header.maxTimestamp >= timestamp && (record == nil || record!.timestamp >= timestamp)
            }
            if let found { return found.offset < bound ? found : nil }
        }
        return nil
    }

    /// The first record that has the log's largest timestamp (KIP-734).
    package func offsetOfLargestTimestamp() throws(LogError) -> FoundOffset? {
        let view = self.view
        var best: (segment: Segment, largest: TimestampOffset)?
        for segment in view.segments {
            let largest = try segment.timeIndex.largest()
            if largest.timestamp > best?.largest.timestamp ?? -1 { best = (segment, largest) }
        }
        guard let (segment, largest) = best else { return nil }
        let from = max(try segment.timeIndex.floor(before: largest.timestamp), view.logStartOffset)
        return try firstRecord(in: segment, from: from, view) { header, record in
            header.maxTimestamp >= largest.timestamp && (record == nil || record!.timestamp >= largest.timestamp)
        }
    }

    /// The first record from an offset on that the condition takes; it is asked of each batch (without a record) first.
    private func firstRecord(
        in segment: Segment, from offset: Int64, _ view: LogView,
        where condition: (RecordBatchHeader, RecordView?) -> Bool
    ) throws(LogError) -> FoundOffset? {
        let limit = view.size(of: segment)
        let start = min(try segment.offsetIndex.floor(offset, mayWait: true).position, limit)
        var found: FoundOffset?
        let end = try segment.walkBatches(from: start, to: limit) { batch, header, _ throws(LogError) in
            guard header.lastOffset >= view.logStartOffset, condition(header, nil) else { return true }
            do throws(RecordError) {
                try RecordScratch.borrow { scratch throws(RecordError) in
                    var records = try batch.records(scratch: scratch)
                    while let record = try records.next() {
                        guard record.offset >= view.logStartOffset, condition(header, record) else { continue }
                        found = FoundOffset(
                            offset: record.offset, timestamp: record.timestamp, leaderEpoch: header.partitionLeaderEpoch)
                        return
                    }
                }
            } catch {
                throw LogError(.corruptMessage, "\(segment.log.path): \(error)")
            }
            return found == nil
        }
        guard found != nil || end == limit else {
            throw LogError(.corruptMessage, "\(segment.log.path): no record batch at byte \(end)")
        }
        return found
    }

    /// Where the records of a leader epoch end (OffsetForLeaderEpoch): the largest epoch known at or below it, and the offset behind
    /// its last record; nil where the log has nothing to say of it.
    package func endOffset(forLeaderEpoch epoch: Int32) -> (epoch: Int32, endOffset: Int64)? {
        published.withLock { $0.epochs.endOffset(of: epoch, logEndOffset: $0.end.offset) }
    }

    /// The leader epoch under which the record at an offset was appended.
    package func leaderEpoch(of offset: Int64) -> Int32? { published.withLock { $0.epochs.epoch(of: offset) } }

    /// The epoch of the last record; nil where no record has one.
    package var latestLeaderEpoch: Int32? { published.withLock { $0.epochs.latest?.epoch } }

    /// What DescribeProducers tells.
    package var producers: [(id: Int64, entry: ProducerEntry)] {
        core.withLock { core in core.producers.entries.map { ($0.key, $0.value) } }
    }
}
