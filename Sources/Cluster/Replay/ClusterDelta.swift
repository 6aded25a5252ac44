internal import KafkaMessages
internal import KafkaWire

/// An image and what records change of it: apply records, then take the new image. The only place where metadata change.
struct ClusterDelta: ~Copyable {
    let base: ClusterImage
    var topicTable: TopicTable
    var brokers: [BrokerImage]
    var configurations: [ConfigurationResource: [String: String]]
    var features: [String: Int16]
    var nextProducerId: Int64
    var producerIdsRecord: [UInt8]
    var kept: KeptRecords
    /// Topics that have changed since `base`; nil: removed.
    var drafts: [Uuid: TopicDraft?] = [:]
    /// Names of new topics, which are in `drafts` alone.
    var draftNames: [String: Uuid] = [:]

    /// A topic under change: its partitions' framed records by number. An object, so that each of many partitions is added
    /// in place; no draft outlives its delta.
    final class TopicDraft {
        let name: String
        let id: Uuid
        var records: [Int32: [UInt8]]

        init(name: String, id: Uuid, records: [Int32: [UInt8]]) {
            self.name = name
            self.id = id
            self.records = records
        }
    }

    init(_ base: ClusterImage) {
        self.base = base
        topicTable = base.topicTable
        brokers = base.brokers
        configurations = base.configurations
        features = base.features
        nextProducerId = base.nextProducerId
        producerIdsRecord = base.producerIdsRecord
        kept = base.kept
    }

    /// Topics that are other objects in the new image.
    var changedTopics: [Uuid] { Array(drafts.keys) }

    /// The image after the records so far.
    consuming func image(offset: Int64, epoch: Int32) throws(MetadataError) -> ClusterImage {
        for (id, draft) in drafts {
            guard let draft else {
                topicTable.remove(id)
                continue
            }
            let records = draft.records.sorted { $0.key < $1.key }.map(\.value)
            let overrides = configurations[.topic(draft.name)] ?? [:]
            topicTable.set(try TopicImage(name: draft.name, id: id, records: records, overrides: overrides))
        }
        return ClusterImage(
            offset: offset, epoch: epoch, topicTable: topicTable, brokers: brokers, configurations: configurations,
            features: features, nextProducerId: nextProducerId, producerIdsRecord: producerIdsRecord, kept: kept)
    }

    /// Applies one framed record.
    mutating func apply(_ record: [UInt8]) throws(MetadataError) {
        var number: Int16 = 0
        let outcome = record.withUnsafeBytes { bytes in
            Result { () throws(DecodeError) in
                var reader = WireReader(bytes, arena: Arena(capacity: 64))
                return try RecordFrame(from: &reader).recordType
            }
        }
        do throws(DecodeError) {
            number = try outcome.get()
        } catch {
            throw MetadataError(.unreadable, "metadata record: \(error)")
        }
        guard let type = MetadataRecordType(rawValue: number) else {
            kept.add(unknown: record)
            return
        }
        try apply(record, type)
    }

    private mutating func apply(_ record: [UInt8], _ type: MetadataRecordType) throws(MetadataError) {
        switch type {
        case .topicRecord: try applyTopic(record)
        case .removeTopicRecord: try applyRemoveTopic(record)
        case .partitionRecord: try applyPartition(record)
        case .partitionChangeRecord: try applyPartitionChange(record)
        case .clearElrRecord: try applyClearElr(record)
        case .configRecord: try applyConfig(record)
        case .featureLevelRecord: try applyFeatureLevel(record)
        case .producerIdsRecord: try applyProducerIds(record)
        case .registerBrokerRecord, .unregisterBrokerRecord, .fenceBrokerRecord, .unfenceBrokerRecord,
            .brokerRegistrationChangeRecord:
            try applyBroker(record, type)
        case .noOpRecord: break
        case .beginTransactionRecord, .endTransactionRecord, .abortTransactionRecord:
            // The replayer holds back what stands between them.
            break
        case .accessControlEntryRecord, .removeAccessControlEntryRecord, .userScramCredentialRecord,
            .removeUserScramCredentialRecord, .delegationTokenRecord, .removeDelegationTokenRecord, .clientQuotaRecord,
            .registerControllerRecord, .unregisterControllerRecord, .zkMigrationStateRecord:
            try keep(record, type)
        }
    }

    // MARK: Small ones

    private mutating func applyConfig(_ record: [UInt8]) throws(MetadataError) {
        let (resource, name, value) = try record.withRecord(ConfigRecord.self) { record, _ in
            (
                ConfigurationResource(type: record.resourceType, name: record.resourceName.string), record.name.string,
                record.value?.string
            )
        }
        var values = configurations[resource] ?? [:]
        values[name] = value
        configurations[resource] = values.isEmpty ? nil : values
        if resource.type == ConfigurationResource.topicType { touch(named: resource.name) }
    }

    private mutating func applyFeatureLevel(_ record: [UInt8]) throws(MetadataError) {
        let (name, level) = try record.withRecord(FeatureLevelRecord.self) { record, _ in
            (record.name.string, record.featureLevel)
        }
        features[name] = level == 0 ? nil : level
    }

    private mutating func applyProducerIds(_ record: [UInt8]) throws(MetadataError) {
        nextProducerId = try record.withRecord(ProducerIdsRecord.self) { record, _ in record.nextProducerId }
        producerIdsRecord = record
    }

    // MARK: What is only kept

    private mutating func keep(_ record: [UInt8], _ type: MetadataRecordType) throws(MetadataError) {
        switch type {
        case .accessControlEntryRecord:
            kept.set(type, try record.identity(AccessControlEntryRecord.self) { Identity($0.id) }, record)
        case .removeAccessControlEntryRecord:
            let identity = try record.identity(RemoveAccessControlEntryRecord.self) { Identity($0.id) }
            kept.remove(.accessControlEntryRecord, identity)
        case .userScramCredentialRecord:
            let identity = try record.identity(UserScramCredentialRecord.self) { Identity(user: $0.name, $0.mechanism) }
            kept.set(type, identity, record)
        case .removeUserScramCredentialRecord:
            let identity = try record.identity(RemoveUserScramCredentialRecord.self) {
                Identity(user: $0.name, $0.mechanism)
            }
            kept.remove(.userScramCredentialRecord, identity)
        case .delegationTokenRecord:
            kept.set(type, try record.identity(DelegationTokenRecord.self) { Identity($0.tokenId) }, record)
        case .removeDelegationTokenRecord:
            let identity = try record.identity(RemoveDelegationTokenRecord.self) { Identity($0.tokenId) }
            kept.remove(.delegationTokenRecord, identity)
        case .clientQuotaRecord:
            let removes = try record.withRecord(ClientQuotaRecord.self) { record, _ in record.remove }
            let identity = try record.identity(ClientQuotaRecord.self, Identity.init(quota:))
            if removes { kept.remove(type, identity) } else { kept.set(type, identity, record) }
        case .registerControllerRecord:
            kept.set(type, try record.identity(RegisterControllerRecord.self) { Identity($0.controllerId) }, record)
        case .unregisterControllerRecord:
            let identity = try record.identity(UnregisterControllerRecord.self) { Identity($0.controllerId) }
            kept.remove(.registerControllerRecord, identity)
        case .zkMigrationStateRecord: kept.set(type, [], record)
        default: preconditionFailure("\(type) is not a record that is only kept")
        }
    }
}

extension ClusterImage {
    /// Whether a record cannot follow what is here.
    package func isRefusing(_ record: [UInt8]) -> Bool {
        do throws(MetadataError) {
            var delta = ClusterDelta(self)
            try delta.apply(record)
            _ = try delta.image(offset: offset, epoch: epoch)
            return false
        } catch {
            return true
        }
    }
}

extension [UInt8] {
    fileprivate func identity<Record: MetadataRecord>(
        _ type: Record.Type, _ make: (Record) -> Identity
    ) throws(MetadataError) -> [UInt8] {
        try withRecord(type) { record, _ in make(record).bytes }
    }
}

extension Identity {
    fileprivate init(user: WireBytes, _ mechanism: Int8) {
        self.init(user)
        append(mechanism)
    }

    /// A quota belongs to its entities (user, client id, address), in whatever order, and its key.
    fileprivate init(quota record: ClientQuotaRecord) {
        self.init()
        let entities = record.entity.map { entity in
            var one = Identity(entity.entityType)
            one.append(entity.entityName)
            return one.bytes
        }
        for entity in entities.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            entity.withUnsafeBytes { append(WireBytes($0)) }
        }
        append(record.key)
    }
}
