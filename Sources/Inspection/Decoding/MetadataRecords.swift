internal import KafkaMessages
internal import KafkaWire

/// The records of the metadata log and of its snapshots, by name.
enum MetadataRecords {
    static func show(_ value: UnsafeRawBufferPointer) -> Result<[Field], DecodeError> {
        let arena = Arena(capacity: 4096)
        defer { arena.staysUntilHere() }
        return Result { () throws(DecodeError) in
            var reader = WireReader(value, arena: arena)
            let frame = try RecordFrame(from: &reader)
            guard let type = MetadataRecordType(rawValue: frame.recordType) else {
                return [Field("type", .text("unknown(\(frame.recordType))")), Field("version", Shown(frame.version))]
            }
            let data = try decode(type, frame.version, &reader)
            try reader.expectEnd()
            return [Field("type", .text(type.kafkaName)), Field("version", Shown(frame.version)), Field("data", data)]
        }
    }

    private static func decode(_ type: MetadataRecordType, _ version: Int16, _ reader: inout WireReader)
        throws(DecodeError) -> Shown
    {
        func body<Record: MetadataRecord>(_: Record.Type) throws(DecodeError) -> Shown {
            hidden(Reflection.show(try Record(from: &reader, version: version)), of: type)
        }
        return switch type {
        case .registerBrokerRecord: try body(RegisterBrokerRecord.self)
        case .unregisterBrokerRecord: try body(UnregisterBrokerRecord.self)
        case .topicRecord: try body(TopicRecord.self)
        case .partitionRecord: try body(PartitionRecord.self)
        case .configRecord: try body(ConfigRecord.self)
        case .partitionChangeRecord: try body(PartitionChangeRecord.self)
        case .fenceBrokerRecord: try body(FenceBrokerRecord.self)
        case .unfenceBrokerRecord: try body(UnfenceBrokerRecord.self)
        case .removeTopicRecord: try body(RemoveTopicRecord.self)
        case .delegationTokenRecord: try body(DelegationTokenRecord.self)
        case .userScramCredentialRecord: try body(UserScramCredentialRecord.self)
        case .featureLevelRecord: try body(FeatureLevelRecord.self)
        case .clientQuotaRecord: try body(ClientQuotaRecord.self)
        case .producerIdsRecord: try body(ProducerIdsRecord.self)
        case .brokerRegistrationChangeRecord: try body(BrokerRegistrationChangeRecord.self)
        case .accessControlEntryRecord: try body(AccessControlEntryRecord.self)
        case .removeAccessControlEntryRecord: try body(RemoveAccessControlEntryRecord.self)
        case .noOpRecord: try body(NoOpRecord.self)
        case .zkMigrationStateRecord: try body(ZkMigrationStateRecord.self)
        case .removeUserScramCredentialRecord: try body(RemoveUserScramCredentialRecord.self)
        case .beginTransactionRecord: try body(BeginTransactionRecord.self)
        case .endTransactionRecord: try body(EndTransactionRecord.self)
        case .abortTransactionRecord: try body(AbortTransactionRecord.self)
        case .removeDelegationTokenRecord: try body(RemoveDelegationTokenRecord.self)
        case .registerControllerRecord: try body(RegisterControllerRecord.self)
        case .clearElrRecord: try body(ClearElrRecord.self)
        case .unregisterControllerRecord: try body(UnregisterControllerRecord.self)
        }
    }

    /// The value of a configuration that is a secret by its name.
    private static func hidden(_ record: Shown, of type: MetadataRecordType) -> Shown {
        guard type == .configRecord, case .fields(let fields) = record else { return record }
        let isHidden = fields.contains { field in
            if field.name == "name", case .text(let name) = field.value { return isSecret(name) }
            return false
        }
        guard isHidden else { return record }
        return .fields(fields.map { $0.name == "value" ? Field($0.name, .text("hidden")) : $0 })
    }

    static func isSecret(_ name: String) -> Bool {
        ["password", "jaas.config", "secret", "keystore.key", "credentials"].contains { name.utf8.hasPart($0.utf8) }
    }
}

extension String.UTF8View {
    func hasPart(_ part: Self) -> Bool {
        var rest = self[...]
        while rest.count >= part.count {
            if rest.starts(with: part) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}

extension MetadataRecordType {
    /// `REGISTER_BROKER_RECORD`, as Kafka's tools call it.
    var kafkaName: String {
        var name = ""
        for scalar in "\(self)".unicodeScalars {
            if 65...90 ~= scalar.value { name += "_" }
            name.unicodeScalars.append(97...122 ~= scalar.value ? Unicode.Scalar(scalar.value - 32)! : scalar)
        }
        return name
    }
}

/// The records of control batches: markers of transactions, and Raft's own.
enum ControlRecords {
    static func show(key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) -> [Field] {
        // int16 version, int16 type.
        guard let key, key.count >= 4 else { return [Field("type", .text("unknown"))] }
        let number = Int16(bigEndian: key.loadUnaligned(fromByteOffset: 2, as: Int16.self))
        let name = name(number)
        guard let value else { return [Field("type", .text(name)), Field("value", .nothing)] }
        let arena = Arena(capacity: 1024)
        defer { arena.staysUntilHere() }
        let data = Result { () throws(DecodeError) in try decode(number, value, arena) }
        switch data {
        case .success(let data):
            guard let data else { return [Field("type", .text(name))] }
            return [Field("type", .text(name)), Field("value", data)]
        case .failure(let error): return [Field("type", .text(name)), Field("fault", .text("\(error)"))]
        }
    }

    private static func name(_ number: Int16) -> String {
        switch number {
        case 0: "ABORT"
        case 1: "COMMIT"
        case 2: "LEADER_CHANGE"
        case 3: "SNAPSHOT_HEADER"
        case 4: "SNAPSHOT_FOOTER"
        case 5: "KRAFT_VERSION"
        case 6: "KRAFT_VOTERS"
        default: "unknown(\(number))"
        }
    }

    private static func decode(
        _ number: Int16, _ value: UnsafeRawBufferPointer, _ arena: Arena
    ) throws(DecodeError) -> Shown? {
        // All of them but the markers, which begin with a version, have it as their first field, too.
        func body<Message: WireMessage>(_: Message.Type) throws(DecodeError) -> Shown {
            var version: Int16 = 0
            if value.count >= 2 { version = Int16(bigEndian: value.loadUnaligned(as: Int16.self)) }
            if !Message.validVersions.contains(version) { version = Message.validVersions.upperBound }
            return Reflection.show(try Message(wholeOf: value, version: version, arena: arena))
        }
        return switch number {
        case 0, 1: Reflection.show(try EndTxnMarker(versioned: value, arena: arena))
        case 2: try body(LeaderChangeMessage.self)
        case 3: try body(SnapshotHeaderRecord.self)
        case 4: try body(SnapshotFooterRecord.self)
        case 5: try body(KRaftVersionRecord.self)
        case 6: try body(VotersRecord.self)
        default: nil
        }
    }
}
