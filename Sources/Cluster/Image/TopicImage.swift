internal import KafkaMessages
package import KafkaWire

/// A topic as the cluster knows it. Immutable: a change makes a new one, and images share those that did not change.
///
/// It owns the bytes of its name and of its partitions' records; what its partitions show are views into them, so they
/// are good as long as the topic is held, and go into an answer without being copied.
package final class TopicImage: @unchecked Sendable {  // nothing changes after init
    package let name: String
    package let id: Uuid
    /// By partition number, from 0 without gaps, as Kafka numbers them; see `partition(_:)`.
    package let partitions: [PartitionImage]
    /// The topic's own configuration.
    package let overrides: [String: String]
    let nameHash: UInt64
    private let storage: UnsafeMutableRawBufferPointer
    private let nameLength: Int

    /// `records` are the partitions' framed PartitionRecords, in the order of their numbers.
    init(name: String, id: Uuid, records: [[UInt8]], overrides: [String: String]) throws(MetadataError) {
        let nameBytes = Array(name.utf8)
        let total = nameBytes.count + records.reduce(0) { $0 + $1.count }
        let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, total), alignment: 8)
        storage.copyBytes(from: nameBytes)
        var partitions: [PartitionImage] = []
        partitions.reserveCapacity(records.count)
        var position = nameBytes.count
        let arena = Arena()
        do throws(MetadataError) {
            for record in records {
                let place = UnsafeMutableRawBufferPointer(rebasing: storage[position..<position + record.count])
                place.copyBytes(from: record)
                partitions.append(try PartitionImage(framed: UnsafeRawBufferPointer(place), arena: arena))
                position += record.count
            }
        } catch {
            storage.deallocate()
            throw error
        }
        self.storage = storage
        self.name = name
        self.id = id
        self.partitions = partitions
        self.overrides = overrides
        nameLength = nameBytes.count
        nameHash = WireBytes(UnsafeRawBufferPointer(rebasing: storage[..<nameBytes.count])).nameHash
    }

    deinit { storage.deallocate() }

    /// The name's bytes, good as long as the topic.
    package var nameBytes: WireBytes { WireBytes(UnsafeRawPointer(storage.baseAddress!), count: nameLength) }

    package func partition(_ id: Int32) -> PartitionImage? {
        let index = Int(id)
        // Without gaps the number is the place; a foreign log could have some.
        if index >= 0, index < partitions.count, partitions[index].id == id { return partitions[index] }
        return partitions.first { $0.id == id }
    }

    /// `__consumer_offsets` and its like: shown as internal, and closed to producers.
    package var isInternal: Bool { Self.internalNames.contains(name) }
    package static let internalNames: Set<String> = ["__consumer_offsets", "__transaction_state", "__share_group_state"]

    /// The framed records of all partitions, as they stand in a snapshot.
    var partitionRecords: [[UInt8]] { partitions.map { Array($0.framed.buffer) } }
}

/// A partition as the cluster knows it; a view into its topic.
package struct PartitionImage {
    package let id: Int32
    /// -1: none.
    package let leader: Int32
    package let leaderEpoch: Int32
    package let partitionEpoch: Int32
    package let replicas: WireIntegers<Int32>
    package let isr: WireIntegers<Int32>
    /// KIP-966; empty unless Kafka 4 wrote it.
    package let eligibleLeaderReplicas: WireIntegers<Int32>
    package let lastKnownElr: WireIntegers<Int32>
    let framed: WireBytes

    init(framed bytes: UnsafeRawBufferPointer, arena: Arena) throws(MetadataError) {
        arena.reset()
        let (record, _) = try MetadataError.decoding { () throws(DecodeError) in
            try PartitionRecord.unframed(bytes, arena: arena)
        }
        id = record.partitionId
        leader = record.leader
        leaderEpoch = record.leaderEpoch
        partitionEpoch = record.partitionEpoch
        replicas = record.replicas
        isr = record.isr
        eligibleLeaderReplicas = record.eligibleLeaderReplicas ?? .empty
        lastKnownElr = record.lastKnownElr ?? .empty
        framed = WireBytes(bytes)
    }
}

extension PartitionImage {
    /// The log directory of each replica, in the replicas' order; empty where the cluster's metadata are older than that.
    /// Decoded when somebody asks: few do.
    var directories: [Uuid] {
        let arena = Arena(capacity: 512)
        defer { arena.staysUntilHere() }
        do throws(DecodeError) { return try PartitionRecord.unframed(framed.buffer, arena: arena).0.directories.map(\.self) } catch { return [] }
    }
}

extension MetadataRecord {
    /// The record behind its frame, and the version that it has.
    static func unframed(_ bytes: UnsafeRawBufferPointer, arena: Arena) throws(DecodeError) -> (Self, Int16) {
        var reader = WireReader(bytes, arena: arena)
        let frame = try RecordFrame(from: &reader)
        let record = try Self(from: &reader, version: frame.version)
        try reader.expectEnd()
        return (record, frame.version)
    }
}
