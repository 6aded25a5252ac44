internal import Cluster
package import Configuration
internal import EventLoop
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

/// What AlterConfigs and IncrementalAlterConfigs do alike.
struct ConfigurationAlterer: Sendable {
    let store: any MetadataStore
    let live: LiveConfiguration
    let workers: WorkerPool
    let listeners: ListenerSecurity?

    typealias Answer = @Sendable ([ControllerError?], Arena, consuming Reply) -> Void

    /// Stores what may be changed, and answers with the error of each alteration.
    func alter(
        _ alterations: [ConfigurationAlteration], validateOnly: Bool, for caller: Caller, _ reply: consuming Reply,
        answer: @escaping Answer
    ) {
        let desk = caller.desk
        let waiting = WaitingReply(reply)
        let respond: @Sendable (Result<Outcomes, MetadataError>) -> Void = { result in
            let errors = Self.errors(result, count: alterations.count)
            desk.loop.post { if let reply = waiting.take() { answer(errors, desk.arena, reply) } }
        }
        guard let listeners, alterations.contains(where: \.mayConcernListeners) else {
            return store.change(decide(alterations, validateOnly: validateOnly), completion: respond)
        }
        onWorker {
            let judged = judge(alterations, listeners)
            store.change(decide(judged, validateOnly: validateOnly)) { result in
                // Whoever hears of the success finds the new certificate on the next connection.
                onWorker {
                    if !validateOnly { listeners.takeUp() }
                    respond(result)
                }
            }
        }
    }

    private func onWorker(_ job: @escaping @Sendable () -> Void) { if !workers.submit(job) { job() } }

    /// A certificate that cannot be served is refused before anything is stored.
    private func judge(_ alterations: [ConfigurationAlteration], _ listeners: ListenerSecurity) -> [ConfigurationAlteration] {
        let image = store.image
        return alterations.map { alteration in
            var judged = alteration
            if alteration.mayConcernListeners, let whole = alteration.brokerConfiguration(in: image, live.current),
                let reason = listeners.refusal(whole)
            {
                judged.refusal = ControllerError(.invalidRequest, reason)
            }
            return judged
        }
    }

    private typealias Outcomes = [Result<Void, ControllerError>]

    private func decide(
        _ alterations: [ConfigurationAlteration], validateOnly: Bool
    ) -> @Sendable (ClusterImage) -> (records: [[UInt8]], outcome: Outcomes) {
        { [live] image in
            let decision = ConfigurationAlteration.decide(alterations, in: image, configuration: live.current)
            return (validateOnly ? [] : decision.records, decision.outcomes)
        }
    }

    /// The error of each resource: its own, or the store's for all.
    private static func errors(_ result: Result<Outcomes, MetadataError>, count: Int) -> [ControllerError?] {
        switch result {
        case .success(let outcomes): outcomes.map(\.error)
        case .failure(let error): Array(repeating: error.refusal, count: count)
        }
    }
}

extension KeyList {
    /// The keys that the emulated release has.
    package init(_ release: EmulatedRelease?) { self = release?.isBefore4 == true ? .before4 : .since4 }
}
