/// What may be appended: the bytes that were given, changed in place, or others that take their place. One batch of
/// magic 2 (from replication: whatever came).
package struct ValidatedRecords {
    /// How many of the given bytes are whole batches; what follows is not appended.
    package var validBytes: Int
    /// Not nil: the batch, where records had to be converted or packed anew.
    package var rewritten: [UInt8]?
    /// 0 from replication, where nobody looks inside.
    package var recordCount: Int
    /// The largest timestamp, which the time index takes; the append time where that is the type.
    package var maxTimestamp: Int64
    /// What the producer is told: the append time, or -1 where records keep their own.
    package var logAppendTimeMs: Int64

    /// What is to be written, where it lies: in `records`, which is what was validated, or in what took its place.
    package mutating func withBytes<T, E: Error>(
        in records: UnsafeMutableRawBufferPointer, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> T
    ) throws(E) -> T {
        guard var batch = rewritten.take() else {
            return try body(UnsafeMutableRawBufferPointer(rebasing: records[..<validBytes]))
        }
        defer { rewritten = batch }
        // Typed throws do not pass through the closures of arrays.
        let outcome = batch.withUnsafeMutableBytes { bytes in Result { () throws(E) in try body(bytes) } }
        return try outcome.get()
    }

    /// Gives the batch its place in the log: the first offset and the leader's epoch, both outside the checksum.
    ///
    /// - Returns: the last offset.
    package mutating func assign(
        firstOffset: Int64, leaderEpoch: Int32, in records: UnsafeMutableRawBufferPointer
    ) -> Int64 {
        let last = firstOffset &+ Int64(recordCount) &- 1
        withBytes(in: records) { batch in
            guard let base = batch.baseAddress, batch.count >= RecordBatchHeader.size else { return }
            BatchEditor.setLastOffset(last, of: base)
            BatchEditor.setPartitionLeaderEpoch(leaderEpoch, of: base)
        }
        return last
    }
}
