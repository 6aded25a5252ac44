package import KafkaRecords
package import PartitionLog

extension Partition {
    /// Appends validated batches; they are written when this returns, and fetches that wait look again.
    package func append(
        _ records: UnsafeMutableRawBufferPointer, origin: AppendOrigin
    ) throws(LogError) -> AppendResult {
        let result = try log.append(records, origin: origin, leaderEpoch: leaderEpoch)
        if !result.isDuplicate { waiting.wakeAll() }
        return result
    }
}
