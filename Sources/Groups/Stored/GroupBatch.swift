internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire

/// The records of one change, as one batch for `__consumer_offsets`. Versions are those that Kafka 4.4 writes, whatever the
/// metadata version: offsets in 4 with the topic's id, in 3 where it is not known, in 1 with a retention of their own;
/// groups in 3. The batch itself is Kafka's too: create time of the moment, base sequence 0 beside producer id -1.
struct GroupBatch: ~Copyable {
    private var builder: RecordBatchBuilder
    private var writer = WireWriter(capacity: 512)
    private let timestampMs: Int64

    init(timestampMs: Int64, compression: Compression) {
        self.timestampMs = timestampMs
        builder = RecordBatchBuilder(compression: compression)
        builder.baseSequence = 0
    }

    var isEmpty: Bool { builder.isEmpty }

    mutating func offset(
        group: WireBytes, topic: WireBytes, partition: Int32, _ value: OffsetCommitValue
    ) throws(EncodeError) {
        try offsetKey(group, topic, partition)
        let keyCount = writer.count
        let version: Int16 = value.expireTimestamp >= 0 ? 1 : value.topicId == .zero ? 3 : 4
        writer.int16(version)
        try value.encode(into: &writer, version: version)
        append(keyCount: keyCount, hasValue: true)
    }

    mutating func offsetTombstone(group: WireBytes, topic: WireBytes, partition: Int32) throws(EncodeError) {
        try offsetKey(group, topic, partition)
        append(keyCount: writer.count, hasValue: false)
    }

    private mutating func offsetKey(_ group: WireBytes, _ topic: WireBytes, _ partition: Int32) throws(EncodeError) {
        var key = OffsetCommitKey()
        key.group = group
        key.topic = topic
        key.partition = partition
        writer.clear()
        writer.int16(StoredKey.offset)
        try key.encode(into: &writer, version: 0)
    }

    mutating func group(_ id: WireBytes, _ group: StoredGroup) throws(EncodeError) {
        try groupKey(id)
        let keyCount = writer.count
        writer.int16(3)
        let arena = Arena(capacity: 512)
        defer { arena.staysUntilHere() }
        try GroupMetadataValue(group, in: arena).encode(into: &writer, version: 3)
        append(keyCount: keyCount, hasValue: true)
    }

    mutating func groupTombstone(_ id: WireBytes) throws(EncodeError) {
        try groupKey(id)
        append(keyCount: writer.count, hasValue: false)
    }

    private mutating func groupKey(_ id: WireBytes) throws(EncodeError) {
        var key = GroupMetadataKey()
        key.group = id
        writer.clear()
        writer.int16(StoredKey.group)
        try key.encode(into: &writer, version: 0)
    }

    private mutating func append(keyCount: Int, hasValue: Bool) {
        let bytes = writer.bytes
        let key = UnsafeRawBufferPointer(rebasing: bytes[..<keyCount])
        let value = hasValue ? UnsafeRawBufferPointer(rebasing: bytes[keyCount...]) : nil
        builder.append(timestamp: timestampMs, key: key, value: value)
    }

    func build() throws(RecordError) -> [UInt8] { try builder.build() }
}

/// The type in front of a key of `__consumer_offsets`.
enum StoredKey {
    /// Written by brokers of 0.8; reads the same.
    static let oldOffset: Int16 = 0
    static let offset: Int16 = 1
    static let group: Int16 = 2
}

extension GroupMetadataValue {
    init(_ group: StoredGroup, in arena: Arena) {
        self.init()
        protocolType = group.protocolType.wire(in: arena)
        generation = group.generation
        `protocol` = group.protocolName?.wire(in: arena)
        leader = group.leader?.wire(in: arena)
        currentStateTimestamp = group.stateTimestampMs
        members = WireArray(
            copying: group.members.map { member in
                var stored = MemberMetadata()
                stored.memberId = member.id.wire(in: arena)
                stored.groupInstanceId = member.instanceId?.wire(in: arena)
                stored.clientId = member.clientId.wire(in: arena)
                stored.clientHost = member.clientHost.wire(in: arena)
                stored.rebalanceTimeout = member.rebalanceTimeoutMs
                stored.sessionTimeout = member.sessionTimeoutMs
                stored.subscription = member.subscription.wire(in: arena)
                stored.assignment = member.assignment.wire(in: arena)
                return stored
            }, in: arena)
    }

    var group: StoredGroup {
        var name: ByteString?
        if let stored = `protocol` { name = ByteString(naming: stored) }
        return StoredGroup(
            protocolType: ByteString(naming: protocolType), generation: generation, protocolName: name,
            leader: ByteString(ifPresent: leader), stateTimestampMs: currentStateTimestamp, members: members.map(\.member))
    }
}

extension GroupMetadataValue.MemberMetadata {
    fileprivate var member: StoredGroup.Member {
        StoredGroup.Member(
            id: ByteString(memberId), instanceId: ByteString(ifPresent: groupInstanceId), clientId: ByteString(clientId),
            clientHost: ByteString(clientHost), rebalanceTimeoutMs: rebalanceTimeout, sessionTimeoutMs: sessionTimeout,
            subscription: ByteString(subscription), assignment: ByteString(assignment))
    }
}
