package import KafkaWire

/// One partition's committed offset in one group.
package struct CommittedOffset: Sendable, Equatable {
    package var offset: Int64
    /// -1: the consumer did not say.
    package var leaderEpoch: Int32
    package var metadata: ByteString
    package var commitTimestampMs: Int64
    /// Set by clients of before 2.1 that ask for a retention of their own (OffsetCommit 2 to 4); -1: none.
    package var expireTimestampMs: Int64
    /// The topic as it was when the offset was committed; zero in records of before Kafka 4.1.
    package var topicId: Uuid
    /// Where its record stands in `__consumer_offsets`: of a plain and a transactional commit the later one wins.
    package var recordOffset: Int64

    package init(
        offset: Int64, leaderEpoch: Int32, metadata: ByteString, commitTimestampMs: Int64, expireTimestampMs: Int64,
        topicId: Uuid, recordOffset: Int64
    ) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.commitTimestampMs = commitTimestampMs
        self.expireTimestampMs = expireTimestampMs
        self.topicId = topicId
        self.recordOffset = recordOffset
    }

    /// Whether a topic of this id is another one than the offset was committed for: deleted since, and made anew.
    package func isOfAnotherTopic(than id: Uuid) -> Bool { topicId != .zero && id != .zero && topicId != id }
}

/// The offsets of a group: topics in the order in which they came, partitions sorted. Few bytes a partition, no dictionary:
/// there can be ten thousand groups, and one group with a hundred thousand partitions.
package struct GroupOffsets: Sendable {
    package struct Partition: Sendable {
        package let index: Int32
        package internal(set) var committed: CommittedOffset
    }
    package struct Topic: Sendable {
        package let name: ByteString
        package internal(set) var partitions: [Partition] = []

        func place(of index: Int32) -> (place: Int, isThere: Bool) {
            var low = 0
            var high = partitions.count
            // Replay and clients go through partitions in order: look at the end first.
            if let last = partitions.last, last.index < index { return (high, false) }
            while low < high {
                let middle = (low + high) / 2
                if partitions[middle].index < index { low = middle + 1 } else { high = middle }
            }
            return (low, low < partitions.count && partitions[low].index == index)
        }
    }
    package private(set) var topics: [Topic] = []
    private var hashes: [Int32] = []

    package init() {}

    package var isEmpty: Bool { topics.isEmpty }
    package var count: Int { topics.reduce(0) { $0 + $1.partitions.count } }

    private func topicPlace(_ name: UnsafeRawBufferPointer, hash: Int32) -> Int? {
        for place in hashes.indices where hashes[place] == hash && topics[place].name.equals(name) { return place }
        return nil
    }

    package func topic(_ name: UnsafeRawBufferPointer) -> Topic? {
        topicPlace(name, hash: ByteString.javaHash(name)).map { topics[$0] }
    }

    package func find(_ name: UnsafeRawBufferPointer, _ partition: Int32) -> CommittedOffset? {
        guard let topic = topicPlace(name, hash: ByteString.javaHash(name)) else { return nil }
        let (place, isThere) = topics[topic].place(of: partition)
        return isThere ? topics[topic].partitions[place].committed : nil
    }

    package mutating func set(_ name: UnsafeRawBufferPointer, _ partition: Int32, to committed: CommittedOffset) {
        let hash = ByteString.javaHash(name)
        let topic: Int
        if let found = topicPlace(name, hash: hash) {
            topic = found
        } else {
            topic = topics.count
            topics.append(Topic(name: ByteString(copying: name)))
            hashes.append(hash)
        }
        let (place, isThere) = topics[topic].place(of: partition)
        if isThere {
            topics[topic].partitions[place].committed = committed
        } else {
            topics[topic].partitions.insert(Partition(index: partition, committed: committed), at: place)
        }
    }

    package mutating func remove(_ name: UnsafeRawBufferPointer, _ partition: Int32) {
        guard let topic = topicPlace(name, hash: ByteString.javaHash(name)) else { return }
        let (place, isThere) = topics[topic].place(of: partition)
        guard isThere else { return }
        topics[topic].partitions.remove(at: place)
        if topics[topic].partitions.isEmpty {
            topics.remove(at: topic)
            hashes.remove(at: topic)
        }
    }
}
