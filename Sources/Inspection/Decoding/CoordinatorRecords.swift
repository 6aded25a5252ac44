internal import KafkaMessages
internal import KafkaWire

/// Whose records a partition holds, by its topic's name.
enum RecordFamily {
    case plain, clusterMetadata, consumerOffsets, transactionState, shareState

    init(topic: String) {
        self =
            switch topic {
            case "__cluster_metadata": .clusterMetadata
            case "__consumer_offsets": .consumerOffsets
            case "__transaction_state": .transactionState
            case "__share_group_state": .shareState
            default: .plain
            }
    }
}

/// The keys and values of the coordinators' topics, by the number that begins a key.
struct CoordinatorRecordType: Sendable {
    let name: String
    private let key: @Sendable (UnsafeRawBufferPointer, Arena) throws(DecodeError) -> Shown
    private let value: @Sendable (UnsafeRawBufferPointer, Arena) throws(DecodeError) -> Shown

    private init<Key: CoordinatorKey & SendableMetatype, Value: CoordinatorValue & SendableMetatype>(
        _ name: String, _: Key.Type, _: Value.Type
    ) {
        self.name = name
        key = { bytes, arena throws(DecodeError) in
            // int16 type, then the body.
            let body = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(2))
            return Reflection.show(try Key(wholeOf: body, version: Key.validVersions.upperBound, arena: arena))
        }
        value = { bytes, arena throws(DecodeError) in Reflection.show(try Value(versioned: bytes, arena: arena)) }
    }

    /// The record in words; a value that is null is a tombstone.
    func show(key bytes: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?) -> Result<[Field], DecodeError> {
        let arena = Arena(capacity: 4096)
        defer { arena.staysUntilHere() }
        return Result { () throws(DecodeError) in
            var fields: [Field] = [Field("type", .text(name)), Field("key", try self.key(bytes, arena))]
            if let value {
                if value.count >= 2 {
                    fields.append(Field("version", Shown(Int16(bigEndian: value.loadUnaligned(as: Int16.self)))))
                }
                fields.append(Field("value", try self.value(value, arena)))
            } else {
                fields.append(Field("value", .nothing))
            }
            return fields
        }
    }

    /// nil where the key names a type that this release does not know.
    static func find(_ key: UnsafeRawBufferPointer, in family: RecordFamily) -> CoordinatorRecordType? {
        guard key.count >= 2 else { return nil }
        let number = Int16(bigEndian: key.loadUnaligned(as: Int16.self))
        return switch family {
        case .consumerOffsets: groups[number]
        case .transactionState: number == 0 ? transaction : nil
        case .shareState: number == 0 ? shareSnapshot : number == 1 ? shareUpdate : nil
        case .plain, .clusterMetadata: nil
        }
    }

    private static let transaction = Self("TransactionLog", TransactionLogKey.self, TransactionLogValue.self)
    private static let shareSnapshot = Self("ShareSnapshot", ShareSnapshotKey.self, ShareSnapshotValue.self)
    private static let shareUpdate = Self("ShareUpdate", ShareUpdateKey.self, ShareUpdateValue.self)

    private static let groups: [Int16: CoordinatorRecordType] = [
        // Kafka gives an offset's key of version 0 and 1 the same fields, and its value is the same record.
        0: Self("OffsetCommit", LegacyOffsetCommitKey.self, OffsetCommitValue.self),
        1: Self("OffsetCommit", OffsetCommitKey.self, OffsetCommitValue.self),
        2: Self("GroupMetadata", GroupMetadataKey.self, GroupMetadataValue.self),
        3: Self("ConsumerGroupMetadata", ConsumerGroupMetadataKey.self, ConsumerGroupMetadataValue.self),
        4: Self(
            "ConsumerGroupPartitionMetadata", ConsumerGroupPartitionMetadataKey.self,
            ConsumerGroupPartitionMetadataValue.self),
        5: Self(
            "ConsumerGroupMemberMetadata", ConsumerGroupMemberMetadataKey.self, ConsumerGroupMemberMetadataValue.self),
        6: Self(
            "ConsumerGroupTargetAssignmentMetadata", ConsumerGroupTargetAssignmentMetadataKey.self,
            ConsumerGroupTargetAssignmentMetadataValue.self),
        7: Self(
            "ConsumerGroupTargetAssignmentMember", ConsumerGroupTargetAssignmentMemberKey.self,
            ConsumerGroupTargetAssignmentMemberValue.self),
        8: Self(
            "ConsumerGroupCurrentMemberAssignment", ConsumerGroupCurrentMemberAssignmentKey.self,
            ConsumerGroupCurrentMemberAssignmentValue.self),
        10: Self("ShareGroupMemberMetadata", ShareGroupMemberMetadataKey.self, ShareGroupMemberMetadataValue.self),
        11: Self("ShareGroupMetadata", ShareGroupMetadataKey.self, ShareGroupMetadataValue.self),
        12: Self(
            "ShareGroupTargetAssignmentMetadata", ShareGroupTargetAssignmentMetadataKey.self,
            ShareGroupTargetAssignmentMetadataValue.self),
        13: Self(
            "ShareGroupTargetAssignmentMember", ShareGroupTargetAssignmentMemberKey.self,
            ShareGroupTargetAssignmentMemberValue.self),
        14: Self(
            "ShareGroupCurrentMemberAssignment", ShareGroupCurrentMemberAssignmentKey.self,
            ShareGroupCurrentMemberAssignmentValue.self),
        15: Self(
            "ShareGroupStatePartitionMetadata", ShareGroupStatePartitionMetadataKey.self,
            ShareGroupStatePartitionMetadataValue.self),
        16: Self(
            "ConsumerGroupRegularExpression", ConsumerGroupRegularExpressionKey.self,
            ConsumerGroupRegularExpressionValue.self),
        17: Self("StreamsGroupMetadata", StreamsGroupMetadataKey.self, StreamsGroupMetadataValue.self),
        19: Self(
            "StreamsGroupMemberMetadata", StreamsGroupMemberMetadataKey.self, StreamsGroupMemberMetadataValue.self),
        20: Self(
            "StreamsGroupTargetAssignmentMetadata", StreamsGroupTargetAssignmentMetadataKey.self,
            StreamsGroupTargetAssignmentMetadataValue.self),
        21: Self(
            "StreamsGroupTargetAssignmentMember", StreamsGroupTargetAssignmentMemberKey.self,
            StreamsGroupTargetAssignmentMemberValue.self),
        22: Self(
            "StreamsGroupCurrentMemberAssignment", StreamsGroupCurrentMemberAssignmentKey.self,
            StreamsGroupCurrentMemberAssignmentValue.self),
        23: Self("StreamsGroupTopology", StreamsGroupTopologyKey.self, StreamsGroupTopologyValue.self),
    ]
}
