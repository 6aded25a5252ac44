internal import Cluster
package import KafkaMessages
package import KafkaWire
internal import Synchronization

/// A topic as this broker serves it.
package final class ServedTopic: Sendable {
    package let name: String
    package let nameBytes: [UInt8]
    package let id: Uuid
    /// By partition index; nil where this broker has no replica of it, or could not open it.
    package let partitions: [Partition?]
    /// Who leads each of them.
    private let leaderships: [PartitionLeadership?]

    /// Written by the broker's coordinators alone.
    package let isInternal: Bool

    package init(name: String, id: Uuid, partitions: [Partition?], leaderships: [PartitionLeadership?]) {
        self.name = name
        self.leaderships = leaderships
        nameBytes = Array(name.utf8)
        isInternal = TopicImage.internalNames.contains(name)
        self.id = id
        self.partitions = partitions
    }

    package func partition(_ index: Int32) -> Partition? {
        index >= 0 && Int(index) < partitions.count ? partitions[Int(index)] : nil
    }

    package func leadership(_ index: Int32) -> PartitionLeadership? {
        index >= 0 && Int(index) < leaderships.count ? leaderships[Int(index)] : nil
    }

    /// Why `partition` has nothing to give for an index.
    package func absence(_ index: Int32) -> ErrorCode {
        guard let leadership = leadership(index) else { return .unknownTopicOrPartition }
        return leadership.hasReplicaHere ? .kafkaStorageError : .notLeaderOrFollower
    }
}

/// The partitions that this broker serves, by topic name and by topic id. It never changes: who holds one sees one moment.
package final class PartitionTable: Sendable {
    private let byName: NameTable<ServedTopic>
    private let byId: [Uuid: ServedTopic]
    package let topics: [ServedTopic]

    package init(_ topics: [ServedTopic] = []) {
        self.topics = topics
        byName = NameTable(topics.map { (name: $0.nameBytes, value: $0) })
        byId = Dictionary(topics.map { ($0.id, $0) }) { _, later in later }
    }

    package func topic(_ name: WireBytes) -> ServedTopic? { byName.find(name) }
    package func topic(_ name: String) -> ServedTopic? { byName.find(name) }
    package func topic(_ id: Uuid) -> ServedTopic? { byId[id] }
}

/// Where the current table is found.
package final class ServedPartitions: Sendable {
    private let table = Mutex(PartitionTable())

    package init() {}

    package var current: PartitionTable { table.withLock { $0 } }

    package func publish(_ next: PartitionTable) { table.withLock { $0 = next } }
}

package enum InternalTopics {
    package static let consumerOffsets = "__consumer_offsets"
}
