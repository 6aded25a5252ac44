import KafkaMessages
import KafkaRecords
import KafkaWire

// Requests as the simulation's clients send them, and what they want to know of the answers.

extension SimulatedConnection {
    func createTopic(_ name: String, partitions: Int32 = 1, _ configs: [(String, String)] = []) throws -> Int16? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = CreateTopicsRequest()
        request.timeoutMs = 10_000
        request.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.name = WireBytes(copying: name, in: arena)
            topic.numPartitions = partitions
            topic.replicationFactor = 1
            topic.configs = WireArray(count: configs.count, in: arena) { index, config in
                config.name = WireBytes(copying: configs[index].0, in: arena)
                config.value = WireBytes(copying: configs[index].1, in: arena)
            }
        }
        return try ask(request, version: 7) { $0.topics[0].errorCode }
    }

    func deleteTopic(_ name: String) throws -> Int16? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = DeleteTopicsRequest()
        request.timeoutMs = 10_000
        request.topicNames = WireArray(copying: [WireBytes(copying: name, in: arena)], in: arena)
        return try ask(request, version: 5) { $0.responses[0].errorCode }
    }

    func setConfig(_ topic: String, _ key: String, _ value: String) throws -> Int16? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = IncrementalAlterConfigsRequest()
        request.resources = WireArray(count: 1, in: arena) { _, resource in
            resource.resourceType = 2
            resource.resourceName = WireBytes(copying: topic, in: arena)
            resource.configs = WireArray(count: 1, in: arena) { _, config in
                config.name = WireBytes(copying: key, in: arena)
                config.configOperation = 0
                config.value = WireBytes(copying: value, in: arena)
            }
        }
        return try ask(request, version: 1) { $0.responses[0].errorCode }
    }

    func sendProduce(_ topic: String, _ partition: Int32, _ batch: [UInt8], acks: Int16 = -1) throws {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = ProduceRequest()
        request.acks = acks
        request.timeoutMs = 10_000
        try batch.withUnsafeBytes { bytes in
            request.topicData = WireArray(count: 1, in: arena) { _, data in
                data.name = WireBytes(copying: topic, in: arena)
                data.partitionData = WireArray(count: 1, in: arena) { _, data in
                    data.index = partition
                    data.records = .bytes(WireBytes(bytes))
                }
            }
            try send(request, version: 9)
        }
    }

    /// The answer to `sendProduce`, where it has come.
    func takeProduced() throws -> (error: Int16, offset: Int64)? {
        try take(ProduceRequest.self, version: 9) { response in
            let answer = response.responses[0].partitionResponses[0]
            return (answer.errorCode, answer.baseOffset)
        }
    }

    /// Without a member: as a consumer that belongs to no group's generation.
    func sendCommit(
        _ group: String, _ topic: String, _ partition: Int32, _ offset: Int64, member: String = "", generation: Int32 = -1
    ) throws {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = OffsetCommitRequest()
        request.groupId = WireBytes(copying: group, in: arena)
        request.memberId = WireBytes(copying: member, in: arena)
        request.generationIdOrMemberEpoch = generation
        request.topics = WireArray(count: 1, in: arena) { _, data in
            data.name = WireBytes(copying: topic, in: arena)
            data.partitions = WireArray(count: 1, in: arena) { _, data in
                data.partitionIndex = partition
                data.committedOffset = offset
                data.committedLeaderEpoch = -1
            }
        }
        try send(request, version: 8)
    }

    func takeCommitted() throws -> Int16? {
        try take(OffsetCommitRequest.self, version: 8) { $0.topics[0].partitions[0].errorCode }
    }

    /// What the group has committed; -1 where nothing.
    func committed(_ group: String, _ topic: String, _ partition: Int32) throws -> (error: Int16, offset: Int64)? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = OffsetFetchRequest()
        request.groupId = WireBytes(copying: group, in: arena)
        request.topics = WireArray(count: 1, in: arena) { _, data in
            data.name = WireBytes(copying: topic, in: arena)
            data.partitionIndexes = WireIntegers(copying: [partition], in: arena)
        }
        return try ask(request, version: 6) { response in
            let answer = response.topics[0].partitions[0]
            return (response.errorCode != 0 ? response.errorCode : answer.errorCode, answer.committedOffset)
        }
    }

    /// Sees to it that `__consumer_offsets` is made.
    func findCoordinator(of group: String) throws -> Int16? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = FindCoordinatorRequest()
        request.key = WireBytes(copying: group, in: arena)
        return try ask(request, version: 2) { $0.errorCode }
    }

    func deleteRecords(_ topic: String, _ partition: Int32, before offset: Int64) throws -> (error: Int16, lowWatermark: Int64)? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = DeleteRecordsRequest()
        request.timeoutMs = 10_000
        request.topics = WireArray(count: 1, in: arena) { _, data in
            data.name = WireBytes(copying: topic, in: arena)
            data.partitions = WireArray(count: 1, in: arena) { _, data in
                data.partitionIndex = partition
                data.offset = offset
            }
        }
        return try ask(request, version: 2) { response in
            let answer = response.topics[0].partitions[0]
            return (answer.errorCode, answer.lowWatermark)
        }
    }

    func logEnd(_ topic: String, _ partition: Int32) throws -> Int64? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = ListOffsetsRequest()
        request.replicaId = -1
        request.topics = WireArray(count: 1, in: arena) { _, data in
            data.name = WireBytes(copying: topic, in: arena)
            data.partitions = WireArray(count: 1, in: arena) { _, data in
                data.partitionIndex = partition
                data.timestamp = -1
            }
        }
        return try ask(request, version: 5) { $0.topics[0].partitions[0].offset }
    }
}

/// One batch of a producer's.
func simulatedBatch(
    _ values: [String], key: [UInt8]? = nil, timestamp: Int64, _ change: (inout RecordBatchBuilder) -> Void = { _ in }
) throws -> [UInt8] {
    var builder = RecordBatchBuilder()
    change(&builder)
    for value in values { builder.append(timestamp: timestamp, key: key, value: Array(value.utf8)) }
    return try builder.build()
}
