/// Holds a segment's index entries against its batches: each must name a batch that is there.
package struct IndexCheck {
    private let segment: Int64
    private var ends: [Int: Int64] = [:]
    private var timestamps: [Int64: Int64] = [:]
    /// Of all batches; -1 where there is none.
    package private(set) var largestTimestamp: Int64 = -1

    package init(segment: Int64) { self.segment = segment }

    package mutating func note(batchAt position: Int, lastOffset: Int64, maxTimestamp: Int64) {
        ends[position] = lastOffset
        timestamps[lastOffset] = maxTimestamp
        largestTimestamp = max(largestTimestamp, maxTimestamp)
    }

    /// The first entry that is wrong, in words; nil where none is.
    package func problem(
        entries: Int, _ entry: (Int) throws -> (offset: Int64, position: Int), timeEntries: Int,
        _ timeEntry: (Int) throws -> (timestamp: Int64, offset: Int64)
    ) rethrows -> String? {
        for slot in 0..<entries {
            let (offset, position) = try entry(slot)
            if ends[position] == offset { continue }
            return "index entry \(slot) of segment \(segment): no batch ends with \(offset) at \(position)"
        }
        for slot in 0..<timeEntries {
            let (timestamp, offset) = try timeEntry(slot)
            if timestamps[offset] == timestamp { continue }
            return "time index entry \(slot) of segment \(segment): no batch ends with \(offset) and has timestamp \(timestamp)"
        }
        return nil
    }
}
