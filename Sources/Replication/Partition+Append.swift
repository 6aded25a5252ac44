package import KafkaRecords
package import PartitionLog

extension Partition {
    /// Appends validated batches; they are written when this returns, or when a worker has come to it (`isPending`), and then fetches
    /// that wait look again.
    package func append(
        _ records: UnsafeMutableRawBufferPointer, origin: AppendOrigin
    ) throws(LogError) -> AppendResult {
        let result = try log.append(records, origin: origin, leaderEpoch: leaderEpoch)
        if result.isDuplicate { return result }
        if result.isPending {
            log.written(upTo: result.lastOffset + 1) { [waiting] _ in waiting.wakeAll() }
        } else {
            waiting.wakeAll()
        }
        return result
    }
}
