internal import Files
package import Groups
package import KafkaMessages
internal import KafkaRecords
internal import PartitionLog
package import Replication

/// The group coordinator's log: this broker's partitions of `__consumer_offsets`.
package final class PartitionGroupLog: GroupLog {
    private let served: ServedPartitions

    package init(_ served: ServedPartitions) { self.served = served }

    private func partition(_ index: Int32) -> Partition? {
        served.current.topic(InternalTopics.consumerOffsets)?.partition(index)
    }

    package func append(
        _ batch: UnsafeMutableRawBufferPointer, to index: Int32, leaderEpoch: Int32
    ) throws(GroupLogError) -> GroupLogAppend {
        guard let partition = partition(index), partition.leaderEpoch == leaderEpoch else {
            throw GroupLogError(code: .notLeaderOrFollower, message: "__consumer_offsets-\(index) is not led here in epoch \(leaderEpoch)")
        }
        do throws(LogError) {
            let result = try partition.append(batch, origin: .coordinator)
            return GroupLogAppend(
                baseOffset: result.firstOffset, lastOffset: result.lastOffset, isCommitted: result.isAcknowledged)
        } catch {
            throw GroupLogError(code: ErrorCode(rawValue: error.errorCode), message: error.message)
        }
    }

    package func whenCommitted(
        _ index: Int32, lastOffset: Int64, timeoutMs: Int32, _ body: @escaping @Sendable (ErrorCode) -> Void
    ) {
        guard let partition = partition(index) else { return body(.notLeaderOrFollower) }
        partition.log.acknowledged(upTo: lastOffset + 1) { failure in
            body(failure.map { ErrorCode(rawValue: $0.errorCode) } ?? .none)
        }
    }

    package func read(
        _ index: Int32, from offset: Int64, maxBytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        guard let partition = partition(index) else { return false }
        let read = try partition.log.read(from: offset, maxBytes: maxBytes, isolation: .logEnd, atLeastOneBatch: true)
        guard let region = read.region else { return false }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: region.count, alignment: 16)
        defer { buffer.deallocate() }
        let count = try region.file.read(into: buffer, at: region.offset)
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        // The last batch of a region may be cut.
        var batches = RecordBatches(bytes)
        while try batches.next() != nil {}
        try body(UnsafeRawBufferPointer(rebasing: bytes[..<batches.position]))
        return true
    }

    package func logStartOffset(_ index: Int32) -> Int64 { partition(index)?.log.logStartOffset ?? 0 }
}
