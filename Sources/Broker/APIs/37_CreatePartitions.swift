internal import Cluster
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// CreatePartitions, versions 0-3: adds partitions to topics, each by itself.
//   2  flexible

struct CreatePartitions: APIHandler {
    static let versions: ClosedRange<Int16> = 0...3

    let store: any MetadataStore

    func handle(_ request: CreatePartitionsRequest, from caller: Caller, reply: consuming Reply) {
        let wanted = request.topics.map { topic in
            MorePartitions(
                topic.name.string, count: topic.count, assignments: topic.assignments.map { $0.map { Array($0.brokerIds) } })
        }
        // What is named twice is refused, and answered once.
        let shown = wanted.firstMentions { $0.topic }
        let validateOnly = request.validateOnly
        store.change(for: caller, reply) { image in
            let decision = PartitionAddition.decide(wanted, in: image)
            return (validateOnly ? [] : decision.records, decision.outcomes)
        } answer: { result, arena, reply in
            var response = CreatePartitionsResponse()
            response.results = WireArray(count: shown.count, in: arena) { place, answer in
                let index = shown[place]
                answer.name = WireBytes(copying: wanted[index].topic, in: arena)
                let refusal: ControllerError? =
                    switch result {
                    case .success(let outcomes): outcomes[index].error
                    case .failure(let error): error.refusal
                    }
                let error = ResultError(refusal, in: arena)
                answer.errorCode = error.code
                answer.errorMessage = error.message
            }
            reply.send(response)
        }
    }
}
