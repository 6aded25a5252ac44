internal import Cluster
internal import EventLoop
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

extension MetadataStore {
    /// Changes the metadata, then answers on the loop from which the request came: the answer says what is durable.
    func change<Outcome: Sendable>(
        for caller: Caller, _ reply: consuming Reply,
        deciding decide: @escaping @Sendable (ClusterImage) -> (records: [[UInt8]], outcome: Outcome),
        answer: @escaping @Sendable (Result<Outcome, MetadataError>, Arena, consuming Reply) -> Void
    ) {
        let desk = caller.desk
        let waiting = WaitingReply(reply)
        change(decide) { result in
            desk.loop.post { if let reply = waiting.take() { answer(result, desk.arena, reply) } }
        }
    }
}

extension MetadataError {
    /// What a client hears when the metadata cannot be stored.
    var refusal: ControllerError { ControllerError(.kafkaStorageError, message) }
}

/// The error of one result of an answer: code 0 and no message where there is none.
struct ResultError {
    let code: Int16
    let message: WireBytes?

    init(_ error: ControllerError?, in arena: Arena) {
        code = (error?.code ?? .none).rawValue
        message = error?.message.map { WireBytes(copying: $0, in: arena) }
    }
}

extension Result where Failure == ControllerError {
    var error: ControllerError? {
        if case .failure(let error) = self { return error }
        return nil
    }
}
