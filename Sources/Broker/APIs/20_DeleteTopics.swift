internal import Cluster
internal import Configuration
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// DeleteTopics, versions 0-6: removes topics; their files go file.delete.delay.ms later.
//   3  TOPIC_DELETION_DISABLED where delete.topic.enable says so; INVALID_REQUEST before
//   4  flexible          5  error messages          6  topics by id as well (KIP-516)

struct DeleteTopics: APIHandler {
    static let versions: ClosedRange<Int16> = 0...6

    let store: any MetadataStore
    let live: LiveConfiguration

    /// One thing asked for: what it names, or why it names nothing.
    private struct Wanted: Sendable {
        var name: String?
        var id = Uuid.zero
        var target: Result<TopicDeletion.Target, ControllerError>
    }

    func handle(_ request: DeleteTopicsRequest, from caller: Caller, reply: consuming Reply) {
        var wanted = caller.version >= 6 ? request.topics.map(Self.wanted) : request.topicNames.map(Self.wanted)
        if !live.current.deleteTopicEnable {
            let refusal: ControllerError =
                caller.version < 3 ? ControllerError(.invalidRequest) : ControllerError(.topicDeletionDisabled)
            for index in wanted.indices { wanted[index].target = .failure(refusal) }
        }
        let asked = wanted
        store.change(for: caller, reply) { image in
            let decision = TopicDeletion.decide(asked.compactMap { try? $0.target.get() }, in: image)
            return (decision.records, decision.outcomes)
        } answer: { result, arena, reply in
            var decided = ((try? result.get()) ?? []).makeIterator()
            let outcomes: [Result<TopicImage, ControllerError>] = asked.map { wanted in
                switch (result, wanted.target) {
                case (.failure(let error), _): .failure(error.refusal)
                case (_, .failure(let error)): .failure(error)
                default: decided.next() ?? .failure(ControllerError(.unknownServerError))
                }
            }
            // What is named twice is refused, and answered once; what names nothing each time.
            var seen: Set<TopicDeletion.Target> = []
            let shown = asked.indices.filter { index in
                guard case .success(let target) = asked[index].target else { return true }
                return seen.insert(target).inserted
            }
            var response = DeleteTopicsResponse()
            response.responses = WireArray(count: shown.count, in: arena) { place, answer in
                Self.fill(&answer, asked[shown[place]], outcomes[shown[place]], arena)
            }
            reply.send(response)
        }
    }

    private static func fill(
        _ answer: inout DeleteTopicsResponse.DeletableTopicResult, _ wanted: Wanted,
        _ outcome: Result<TopicImage, ControllerError>, _ arena: Arena
    ) {
        let error = ResultError(outcome.error, in: arena)
        answer.errorCode = error.code
        answer.errorMessage = error.message
        answer.topicId = wanted.id
        answer.name = wanted.name.map { WireBytes(copying: $0, in: arena) }
        if case .success(let topic) = outcome {
            answer.topicId = topic.id
            answer.name = WireBytes(copying: topic.name, in: arena)
        }
    }

    private static func wanted(_ name: WireBytes) -> Wanted {
        Wanted(name: name.string, target: .success(.name(name.string)))
    }

    private static func wanted(_ topic: DeleteTopicsRequest.DeleteTopicState) -> Wanted {
        let name = topic.name?.string
        let target: Result<TopicDeletion.Target, ControllerError> =
            switch (name, topic.topicId == .zero) {
            case (let name?, true): .success(.name(name))
            case (nil, false): .success(.id(topic.topicId))
            case (nil, true): .failure(ControllerError(.invalidRequest, "Neither topic name nor id were specified."))
            case (.some, false): .failure(ControllerError(.invalidRequest, "You may not specify both topic name and topic id."))
            }
        return Wanted(name: name, id: topic.topicId, target: target)
    }
}
