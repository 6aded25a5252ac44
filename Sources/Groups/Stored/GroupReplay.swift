internal import EventLoop
internal import KafkaMessages
internal import KafkaWire

// How records change a group. Both the load and every append go through here: nothing else changes what is stored.

extension Group.State {
    /// An offset commit outside of transactions.
    mutating func replay(_ topic: WireBytes, _ partition: Int32, _ value: OffsetCommitValue, recordOffset: Int64) {
        offsets.set(topic.buffer, partition, to: CommittedOffset(value, recordOffset: recordOffset))
    }

    /// An offset commit of a transaction, which counts once the transaction is committed.
    mutating func replayPending(
        _ topic: WireBytes, _ partition: Int32, _ value: OffsetCommitValue, recordOffset: Int64, producerId: Int64
    ) {
        pending[producerId, default: GroupOffsets()]
            .set(topic.buffer, partition, to: CommittedOffset(value, recordOffset: recordOffset))
    }

    mutating func replayTombstone(_ topic: WireBytes, _ partition: Int32) {
        offsets.remove(topic.buffer, partition)
        for producer in Array(pending.keys) { pending[producer]?.remove(topic.buffer, partition) }
    }

    /// The end of a transaction.
    mutating func replayEnd(ofProducer producerId: Int64, isCommit: Bool) {
        guard let ended = pending.removeValue(forKey: producerId), isCommit else { return }
        for topic in ended.topics {
            topic.name.bytes.withUnsafeBytes { name in
                for partition in topic.partitions {
                    // A plain commit that came later stands: compaction may have left the records in any order.
                    if let stored = offsets.find(name, partition.index),
                        stored.recordOffset > partition.committed.recordOffset
                    {
                        continue
                    }
                    offsets.set(name, partition.index, to: partition.committed)
                }
            }
        }
    }

    mutating func replay(_ stored: StoredGroup) { machine = ClassicGroup(machine.id, replaying: stored) }

    /// The group is gone; what is left of its offsets makes a simple group of it.
    mutating func replayTombstone(at moment: Moment) {
        if offsets.isEmpty && pending.isEmpty {
            _ = machine.unload(error: .unknownMemberId, at: moment)
            isRemoved = true
        } else {
            machine = ClassicGroup(machine.id, at: moment)
        }
    }
}

extension CommittedOffset {
    init(_ value: OffsetCommitValue, recordOffset: Int64) {
        self.init(
            offset: value.offset, leaderEpoch: value.leaderEpoch,
            metadata: value.metadata.isEmpty ? .empty : ByteString(value.metadata),
            commitTimestampMs: value.commitTimestamp, expireTimestampMs: value.expireTimestamp, topicId: value.topicId,
            recordOffset: recordOffset)
    }
}
