internal import Cluster
internal import Configuration
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// DescribeTopicPartitions, version 0: topics by name in pieces: at most so many partitions, then a cursor that says where
// the next request goes on (KIP-966). kafka-topics and the Java admin client ask this before they fall back on Metadata.

struct DescribeTopicPartitions: APIHandler {
    static let versions: ClosedRange<Int16> = 0...0

    let store: any MetadataStore
    let live: LiveConfiguration

    private typealias Answer = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic

    func handle(_ request: DescribeTopicPartitionsRequest, from caller: Caller, reply: consuming Reply) {
        let image = store.image
        let arena = caller.arena
        var response = DescribeTopicPartitionsResponse()
        if let cursor = request.cursor, cursor.partitionIndex < 0 {
            response.topics = WireArray(count: request.topics.count, in: arena) { index, answer in
                answer.name = request.topics[index].name
                answer.errorCode = ErrorCode.invalidRequest.rawValue
            }
            reply.send(response)
            return
        }
        var remaining = max(1, min(live.current.maxRequestPartitionSizeLimit, Int(request.responsePartitionLimit)))
        var answers: [Answer] = []
        for name in names(of: request, in: image) {
            guard remaining > 0 else {
                // What came before is complete: the next piece begins with this topic.
                response.nextCursor = Self.cursor(name, 0, arena)
                break
            }
            guard let topic = image.topic(name) else {
                answers.append(Self.unknown(name, arena))
                continue
            }
            let first = request.cursor.flatMap { $0.topicName == name ? Int($0.partitionIndex) : nil } ?? 0
            let partitions = topic.partitions.dropFirst(first)
            answers.append(Self.answer(topic, partitions.prefix(remaining), arena))
            if partitions.count > remaining {
                response.nextCursor = Self.cursor(name, Int32(first + remaining), arena)
                break
            }
            remaining -= partitions.count
        }
        response.topics = WireArray(copying: answers, in: arena)
        // The image holds the memory that the answer views until the answer is written.
        reply.send(response)
        withExtendedLifetime(image) {}
    }

    /// Sorted, each once, from the cursor on; all topics where none are named.
    private func names(of request: DescribeTopicPartitionsRequest, in image: ClusterImage) -> [String] {
        let asked = request.topics.isEmpty ? image.topics.map(\.name) : Array(Set(request.topics.map(\.name.string)))
        let sorted = asked.sorted()
        guard let cursor = request.cursor?.topicName.string else { return sorted }
        return Array(sorted.drop { $0 < cursor })
    }

    private static func cursor(_ name: String, _ partition: Int32, _ arena: Arena) -> DescribeTopicPartitionsResponse.Cursor {
        var cursor = DescribeTopicPartitionsResponse.Cursor()
        cursor.topicName = WireBytes(copying: name, in: arena)
        cursor.partitionIndex = partition
        return cursor
    }

    private static func unknown(_ name: String, _ arena: Arena) -> Answer {
        var answer = Answer()
        answer.name = WireBytes(copying: name, in: arena)
        let isPossible = TopicName.problem(name) == nil
        answer.errorCode = (isPossible ? ErrorCode.unknownTopicOrPartition : .invalidTopicException).rawValue
        answer.isInternal = TopicImage.internalNames.contains(name)
        answer.topicAuthorizedOperations = AuthorizedOperations.topic
        return answer
    }

    private static func answer(_ topic: TopicImage, _ partitions: ArraySlice<PartitionImage>, _ arena: Arena) -> Answer {
        var answer = Answer()
        answer.name = topic.nameBytes
        answer.topicId = topic.id
        answer.isInternal = topic.isInternal
        answer.topicAuthorizedOperations = AuthorizedOperations.topic
        answer.partitions = WireArray(count: partitions.count, in: arena) { index, answer in
            let partition = partitions[partitions.startIndex + index]
            if partition.leader < 0 { answer.errorCode = ErrorCode.leaderNotAvailable.rawValue }
            answer.partitionIndex = partition.id
            answer.leaderId = partition.leader
            answer.leaderEpoch = partition.leaderEpoch
            answer.replicaNodes = partition.replicas
            answer.isrNodes = partition.isr
            answer.eligibleLeaderReplicas = partition.eligibleLeaderReplicas
            answer.lastKnownElr = partition.lastKnownElr
        }
        return answer
    }
}
