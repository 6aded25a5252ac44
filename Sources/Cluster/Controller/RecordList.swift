package import KafkaMessages
package import KafkaWire

/// Records of a decision, framed. What is encoded is ours, so that encoding cannot fail.
package struct RecordList {
    package private(set) var records: [[UInt8]] = []
    package let arena = Arena()

    package init() {}

    package mutating func append(_ record: some MetadataRecord, version: Int16 = 0) {
        do {
            records.append(try record.framed(version: version))
        } catch {
            preconditionFailure("a record of ours in a version that cannot say it: \(error)")
        }
        arena.reset()
    }

    package mutating func append(contentsOf other: RecordList) { records += other.records }
}

extension RecordList {
    mutating func topic(_ name: String, id: Uuid) {
        var record = TopicRecord()
        record.name = WireBytes(copying: name, in: arena)
        record.topicId = id
        append(record)
    }

    mutating func removeTopic(_ id: Uuid) {
        var record = RemoveTopicRecord()
        record.topicId = id
        append(record)
    }

    /// A new partition, led by the first of its replicas that is in the ISR.
    mutating func partition(
        _ number: Int32, of topic: Uuid, replicas: [Int32], isr: [Int32], directories: [Uuid], level: Int16
    ) {
        let version = MetadataVersion.partitionRecordVersion(level)
        var record = PartitionRecord()
        record.partitionId = number
        record.topicId = topic
        record.replicas = WireIntegers(copying: replicas, in: arena)
        record.isr = WireIntegers(copying: isr, in: arena)
        record.leader = isr.first ?? -1
        record.leaderEpoch = 0
        record.partitionEpoch = 0
        if version >= 1 { record.directories = WireArray(copying: directories, in: arena) }
        append(record, version: version)
    }

    mutating func assign(_ place: ReplicaPlace, _ directories: [Uuid], version: Int16) {
        var record = PartitionChangeRecord()
        record.partitionId = place.partition
        record.topicId = place.topicId
        record.directories = .some(WireArray(copying: directories, in: arena))
        append(record, version: version)
    }

    mutating func configuration(_ resource: ConfigurationResource, _ name: String, _ value: String?) {
        var record = ConfigRecord()
        record.resourceType = resource.type
        record.resourceName = WireBytes(copying: resource.name, in: arena)
        record.name = WireBytes(copying: name, in: arena)
        record.value = value.map { WireBytes(copying: $0, in: arena) }
        append(record)
    }

    mutating func feature(_ name: String, level: Int16) {
        var record = FeatureLevelRecord()
        record.name = WireBytes(copying: name, in: arena)
        record.featureLevel = level
        append(record)
    }
}
