internal import KafkaMessages
internal import KafkaWire

extension ClusterDelta {
    /// The topic as it stands after the records so far.
    private mutating func draft(_ id: Uuid, for what: String) throws(MetadataError) -> TopicDraft {
        switch drafts[id] {
        case .some(let draft?): return draft
        case .some(nil): break
        case nil: if let topic = topicTable.find(id) { return TopicDraft(topic) }
        }
        throw MetadataError(.unreadable, "metadata record: \(what) of topic \(id), which does not exist")
    }

    mutating func applyTopic(_ record: [UInt8]) throws(MetadataError) {
        let (name, id) = try record.withRecord(TopicRecord.self) { record, _ in (record.name.string, record.topicId) }
        if case .some(.some) = drafts[id] { return }
        drafts[id] = .some(TopicDraft(name: name, id: id, records: [:]))
        draftNames[name] = id
    }

    mutating func applyRemoveTopic(_ record: [UInt8]) throws(MetadataError) {
        let id = try record.withRecord(RemoveTopicRecord.self) { record, _ in record.topicId }
        let topic = try draft(id, for: "removal")
        configurations[.topic(topic.name)] = nil
        draftNames[topic.name] = nil
        drafts[id] = .some(nil)
    }

    mutating func applyPartition(_ record: [UInt8]) throws(MetadataError) {
        let (id, number) = try record.withRecord(PartitionRecord.self) { record, _ in (record.topicId, record.partitionId) }
        let topic = try draft(id, for: "partition \(number)")
        topic.records[number] = record
        drafts[id] = .some(topic)
    }

    mutating func applyPartitionChange(_ bytes: [UInt8]) throws(MetadataError) {
        let (id, number) = try bytes.withRecord(PartitionChangeRecord.self) { record, _ in
            (record.topicId, record.partitionId)
        }
        let topic = try draft(id, for: "change of partition \(number)")
        guard let before = topic.records[number] else {
            throw MetadataError(.unreadable, "metadata record: change of partition \(topic.name)-\(number), which does not exist")
        }
        topic.records[number] = try Self.change(before, by: bytes)
        drafts[id] = .some(topic)
    }

    /// The partition's record after the change, as Kafka's PartitionRegistration merges them: what the change leaves out
    /// stays, a leader that is named raises the leader epoch (also where it is the same one), the partition epoch rises.
    private static func change(_ before: [UInt8], by change: [UInt8]) throws(MetadataError) -> [UInt8] {
        let merged = try before.withRecord(PartitionRecord.self) { record, version in
            Result { () throws(MetadataError) in
                try change.withRecord(PartitionChangeRecord.self) { change, changeVersion in
                    var record = record
                    record.merge(change)
                    // A form that can say what the change says.
                    return Result { () throws(EncodeError) in try record.framed(version: max(version, changeVersion)) }
                }
            }
        }
        return try merged.get().bytesOrError()
    }

    /// KIP-966: the eligible leader replicas of one topic, or of all (an empty name), no longer count.
    mutating func applyClearElr(_ record: [UInt8]) throws(MetadataError) {
        let name = try record.withRecord(ClearElrRecord.self) { record, _ in record.topicName.string }
        let topics = name.isEmpty ? Array(topicTable.all) : topicTable.find(name).map { [$0] } ?? []
        var ids = topics.map(\.id)
        for (id, draft) in drafts where !ids.contains(id) {
            if let draft, name.isEmpty || draft.name == name { ids.append(id) }
        }
        for id in ids {
            if case .some(nil) = drafts[id] { continue }
            let topic = try draft(id, for: "clearing")
            for (number, bytes) in topic.records {
                topic.records[number] = try bytes.withRecord(PartitionRecord.self) { record, version in
                    var record = record
                    record.eligibleLeaderReplicas = nil
                    record.lastKnownElr = nil
                    return Result { () throws(EncodeError) in try record.framed(version: version) }
                }.bytesOrError()
            }
            drafts[id] = .some(topic)
        }
    }

    /// A topic whose configuration changed gets a new image.
    mutating func touch(named name: String) {
        if draftNames[name] != nil { return }
        guard let topic = topicTable.find(name), drafts[topic.id] == nil else { return }
        drafts[topic.id] = .some(TopicDraft(topic))
    }
}

extension Result<[UInt8], EncodeError> {
    func bytesOrError() throws(MetadataError) -> [UInt8] {
        do {
            return try get()
        } catch {
            throw MetadataError(.unreadable, "metadata record: \(error)")
        }
    }
}

extension ClusterDelta.TopicDraft {
    fileprivate convenience init(_ topic: TopicImage) {
        let records: [(Int32, [UInt8])] = zip(topic.partitions, topic.partitionRecords).map { ($0.id, $1) }
        self.init(name: topic.name, id: topic.id, records: Dictionary(records) { _, last in last })
    }
}

extension PartitionRecord {
    /// In a PartitionChangeRecord: the leader stays.
    static let leaderUnchanged: Int32 = -2

    fileprivate mutating func merge(_ change: PartitionChangeRecord) {
        if let isr = change.isr { self.isr = isr }
        if change.leader != Self.leaderUnchanged {
            leader = change.leader
            leaderEpoch = leaderEpoch.saturatingNext
        }
        if let replicas = change.replicas { self.replicas = replicas }
        if let removing = change.removingReplicas { removingReplicas = removing }
        if let adding = change.addingReplicas { addingReplicas = adding }
        if change.leaderRecoveryState >= 0 { leaderRecoveryState = change.leaderRecoveryState }
        if let directories = change.directories { self.directories = directories }
        if let eligible = change.eligibleLeaderReplicas { eligibleLeaderReplicas = eligible.isEmpty ? nil : eligible }
        if let last = change.lastKnownElr { lastKnownElr = last.isEmpty ? nil : last }
        partitionEpoch = partitionEpoch.saturatingNext
    }
}

extension Int32 {
    /// Epochs come from a disk: one that cannot rise any more must not end the process.
    fileprivate var saturatingNext: Int32 { self == .max ? self : self + 1 }
}
