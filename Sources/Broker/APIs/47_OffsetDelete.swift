internal import Cluster
internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// OffsetDelete, version 0 (KIP-496): offsets of topics that no member of the group consumes.

struct OffsetDelete: APIHandler {
    static let versions: ClosedRange<Int16> = 0...0
    let groups: GroupCoordinator
    let metadata: any MetadataStore

    func handle(_ request: OffsetDeleteRequest, from caller: Caller, reply: consuming Reply) {
        let image = metadata.image
        var deletions: [OffsetDeletion] = []
        for asked in request.topics {
            let topic = image.topic(asked.name)
            for partition in asked.partitions {
                let isThere = topic?.partition(partition.partitionIndex) != nil
                deletions.append(
                    OffsetDeletion(
                        topic: asked.name, partition: partition.partitionIndex,
                        error: isThere ? .none : .unknownTopicOrPartition))
            }
        }
        var outcome = (error: ErrorCode.none, stored: Stored.done)
        // Where no partition is left the group is not asked.
        if deletions.contains(where: { $0.error == .none }) {
            outcome = groups.deleteOffsets(of: request.groupId, &deletions)
        }
        let topics = request.topics.map { topic in
            (name: ByteString(topic.name), partitions: topic.partitions.map(\.partitionIndex))
        }
        let errors = deletions.map(\.error)
        let groupError = outcome.error
        let waiting = WaitingReply(reply)
        groups.whenCommitted(outcome.stored) { committed in
            let arena = Arena(capacity: 512)
            defer { arena.staysUntilHere() }
            var response = OffsetDeleteResponse()
            let error = groupError == .none ? committed : groupError
            response.errorCode = error.rawValue
            if error == .none {
                var next = 0
                response.topics = WireArray(count: topics.count, in: arena) { index, topic in
                    topic.name = topics[index].name.wire(in: arena)
                    topic.partitions = WireArray(count: topics[index].partitions.count, in: arena) { place, partition in
                        partition.partitionIndex = topics[index].partitions[place]
                        partition.errorCode = errors[next].rawValue
                        next += 1
                    }
                }
            }
            waiting.take()?.send(response)
        }
    }
}
