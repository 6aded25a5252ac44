extension PartitionLog {
    /// What Kafka 0.8 asked for (ListOffsets version 0): offsets at which segments begin, the newest first, of those that are older
    /// than `timestamp`; -1 asks for the log's end and all before it, -2 for its start.
    package func segmentOffsets(before timestamp: Int64, limit: Int, nowMs: Int64) throws(LogError) -> [Int64] {
        let view = self.view
        if limit <= 0 { return [] }
        if timestamp == -2 { return [view.logStartOffset] }
        var offsets: [(offset: Int64, timestamp: Int64)] = []
        for segment in view.segments {
            offsets.append((max(segment.baseOffset, view.logStartOffset), try segment.timeIndex.largest().timestamp))
        }
        if view.end.position > 0 { offsets.append((view.highWatermark.offset, nowMs)) }
        let older = timestamp == -1 ? offsets : offsets.filter { $0.timestamp <= timestamp }
        return older.suffix(limit).reversed().map(\.offset)
    }
}
