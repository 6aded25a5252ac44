internal import Cluster
internal import Configuration
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// CreateTopics, versions 0-7: makes topics, each by itself: one that cannot be made does not hold up the others.
//   1  validation alone; error messages          4  -1 for the default number of partitions and replicas (KIP-464)
//   5  flexible; the answer has the topic's numbers and its configuration in force (KIP-525)      7  topic ids
// Answered once the topics are durable and their partitions can be written to.

struct CreateTopics: APIHandler {
    static let versions: ClosedRange<Int16> = 0...7

    let store: any MetadataStore
    let live: LiveConfiguration

    func handle(_ request: CreateTopicsRequest, from caller: Caller, reply: consuming Reply) {
        let topics = request.topics.map(NewTopic.init)
        // What is named twice is refused, and answered once.
        let shown = topics.firstMentions { $0.name }
        let validateOnly = request.validateOnly
        let live = live
        store.change(for: caller, reply) { image in
            let decision = TopicCreation(configuration: live.current).decide(topics, in: image)
            return (validateOnly ? [] : decision.records, decision.outcomes)
        } answer: { result, arena, reply in
            let outcomes = switch result {
            case .success(let outcomes): outcomes
            case .failure(let error): [Result<CreatedTopic, ControllerError>](repeating: .failure(error.refusal), count: topics.count)
            }
            var response = CreateTopicsResponse()
            let broker = live.current
            response.topics = WireArray(count: shown.count, in: arena) { place, answer in
                let index = shown[place]
                answer.name = WireBytes(copying: topics[index].name, in: arena)
                let error = ResultError(outcomes[index].error, in: arena)
                answer.errorCode = error.code
                answer.errorMessage = error.message
                guard case .success(let topic) = outcomes[index] else { return }
                answer.topicId = topic.id
                answer.numPartitions = topic.partitions
                answer.replicationFactor = topic.replicationFactor
                guard reply.version >= 5 else { return }
                answer.configs = Self.configurations(of: topic, broker, arena)
            }
            reply.send(response)
        }
    }

    private static func configurations(
        of topic: CreatedTopic, _ broker: BrokerConfiguration, _ arena: Arena
    ) -> WireArray<CreateTopicsResponse.CreatableTopicConfigs> {
        let entries = TopicConfiguration.entries(overrides: topic.overrides, broker: broker)
        return WireArray(count: entries.count, in: arena) { index, answer in
            let entry = entries[index]
            answer.name = WireBytes(copying: entry.name, in: arena)
            answer.value = entry.value.map { WireBytes(copying: $0, in: arena) }
            answer.readOnly = entry.isReadOnly
            answer.configSource = entry.source.rawValue
            answer.isSensitive = entry.isSensitive
        }
    }
}

extension NewTopic {
    /// A copy: the request's bytes are gone when the topic is made.
    fileprivate init(_ topic: CreateTopicsRequest.CreatableTopic) {
        self.init(
            topic.name.string, partitions: topic.numPartitions, replicationFactor: topic.replicationFactor,
            assignments: topic.assignments.map { ($0.partitionIndex, Array($0.brokerIds)) },
            overrides: topic.configs.map { ($0.name.string, $0.value?.string) })
    }
}
