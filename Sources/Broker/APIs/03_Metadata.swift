internal import Cluster
internal import Configuration
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// Metadata, versions 0-13: the brokers, and which of them leads each partition of the topics asked for.
//   0  no topics named means all          1  null means all, none means none; racks, controller, internal topics
//   2  cluster id                         4  auto-creation may be refused       5  offline replicas
//   7  leader epochs                      8  authorized operations              9  flexible
//  10  topic ids                         12  topics asked for by id            13  an error of the whole answer
// A topic that is missing and may be made is UNKNOWN_TOPIC_OR_PARTITION in this answer and there in one of the next, as with Kafka.
// Clients in trouble ask thousands of times a second: what is answered here are views of the image.

struct Metadata: APIHandler {
    static let versions: ClosedRange<Int16> = 0...13

    let identity: BrokerIdentity
    let store: any MetadataStore
    let autoCreation: TopicAutoCreation

    func handle(_ request: MetadataRequest, from caller: Caller, reply: consuming Reply) {
        let image = store.image
        var response = MetadataResponse()
        let listener = caller.client.listener
        response.brokers = WireArray(count: 1, in: caller.arena) { _, broker in
            broker.nodeId = identity.nodeId
            broker.host = WireBytes(copying: listener.advertisedHost, in: caller.arena)
            broker.port = listener.advertisedPort
            broker.rack = identity.rack.map { WireBytes(copying: $0, in: caller.arena) }
        }
        response.clusterId = WireBytes(copying: identity.clusterId, in: caller.arena)
        response.controllerId = identity.nodeId
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
        var missing: [String] = []
        let topics = topics(of: request, version: caller.version, in: image, &missing)
        response.topics = WireArray(count: topics.count, in: caller.arena) { index, answer in
            topics[index].fill(&answer, caller)
            // Of a topic that is not there too, as long as it has a name.
            if request.includeTopicAuthorizedOperations, topics[index].isNamed {
                answer.topicAuthorizedOperations = AuthorizedOperations.topic
            }
        }
        if !missing.isEmpty { autoCreation.create(missing) }
        // The image holds the memory that the answer views until the answer is written.
        reply.send(response)
        withExtendedLifetime(image) {}
    }

    private func topics(
        of request: MetadataRequest, version: Int16, in image: ClusterImage, _ missing: inout [String]
    ) -> [Answer] {
        let asked = request.topics
        guard let asked, version > 0 || !asked.isEmpty else { return image.topics.map(Answer.known) }
        var answers: [Answer] = []
        answers.reserveCapacity(asked.count)
        var seen: Set<WireBytes> = []
        for topic in asked {
            // Clients that ask by id send an empty name or null beside it.
            guard topic.topicId == .zero, let name = topic.name else {
                answers.append(byId(topic.topicId, version: version, in: image))
                continue
            }
            // A name that is given twice is answered once.
            if asked.count > 1, !seen.insert(name).inserted { continue }
            if let known = image.topic(name) {
                answers.append(.known(known))
                continue
            }
            if TopicName.problem(name.string) != nil {
                answers.append(.unknown(name, .invalidTopicException))
                continue
            }
            answers.append(.unknown(name, .unknownTopicOrPartition))
            if request.allowAutoTopicCreation { missing.append(name.string) }
        }
        return answers
    }

    private func byId(_ id: Uuid, version: Int16, in image: ClusterImage) -> Answer {
        // Only version 12 and later may ask without a name.
        guard version >= 12 else { return .unknownId(id, .invalidRequest) }
        guard let known = image.topic(id) else { return .unknownId(id, .unknownTopicId) }
        return .known(known)
    }

    private enum Answer {
        case known(TopicImage)
        case unknown(WireBytes, ErrorCode)
        case unknownId(Uuid, ErrorCode)

        var isNamed: Bool { if case .unknownId = self { false } else { true } }

        func fill(_ answer: inout MetadataResponse.MetadataResponseTopic, _ caller: Caller) {
            switch self {
            case .known(let topic):
                answer.name = topic.nameBytes
                answer.topicId = topic.id
                answer.isInternal = topic.isInternal
                answer.partitions = WireArray(count: topic.partitions.count, in: caller.arena) { index, answer in
                    let partition = topic.partitions[index]
                    if partition.leader < 0 { answer.errorCode = ErrorCode.leaderNotAvailable.rawValue }
                    answer.partitionIndex = partition.id
                    answer.leaderId = partition.leader
                    answer.leaderEpoch = partition.leaderEpoch
                    answer.replicaNodes = partition.replicas
                    answer.isrNodes = partition.isr
                }
            case .unknown(let name, let error):
                answer.errorCode = error.rawValue
                answer.name = name
                answer.isInternal = TopicImage.internalNames.contains(name.string)
            case .unknownId(let id, let error):
                answer.errorCode = error.rawValue
                answer.topicId = id
                // Null, but where the version has no null for it.
                answer.name = caller.version >= 12 ? nil : WireBytes.empty
            }
        }
    }
}

/// What a client may do, as bits by Kafka's AclOperation: everything that there is for that kind of resource, since nobody is
/// refused anything yet.
enum AuthorizedOperations {
    /// Describe, DescribeConfigs, AlterConfigs, Alter, Create, ClusterAction, IdempotentWrite, and the token's two.
    static let cluster: Int32 = bits([5, 7, 8, 9, 10, 11, 12])
    /// Read, Write, Create, Delete, Alter, Describe, DescribeConfigs, AlterConfigs.
    static let topic: Int32 = bits([3, 4, 5, 6, 7, 8, 10, 11])

    private static func bits(_ operations: [Int32]) -> Int32 { operations.reduce(0) { $0 | 1 << $1 } }
}
