package import Cluster
package import Configuration
internal import EventLoop
internal import KafkaMessages
internal import Replication
internal import Synchronization
internal import Telemetry

/// Makes topics that clients ask for and that are not there (`auto.create.topics.enable`), and the broker's own internal
/// ones at first need. A topic that is being made is not asked for again.
package final class TopicAutoCreation: Sendable {
    private let store: any MetadataStore
    private let live: LiveConfiguration
    private let inFlight = Mutex<Set<String>>([])
    /// A client that wants a topic asks for it many times a second.
    private let refusals = ProvokedLines(Logger("topics"), clock: Clock())

    /// A client that asks for names without end makes at most so many topics at a time.
    private static let inFlightLimit = 1000

    package init(store: any MetadataStore, live: LiveConfiguration) {
        self.store = store
        self.live = live
    }

    /// For clients: only where the broker's configuration allows it.
    func create(_ names: [String]) {
        guard live.current.autoCreateTopicsEnable else { return }
        for name in names { create(topic(name, live.current)) }
    }

    /// For the coordinators of this broker.
    package func createInternal(_ name: String) { create(topic(name, live.current)) }

    private func topic(_ name: String, _ configuration: BrokerConfiguration) -> NewTopic {
        switch name {
        case InternalTopics.consumerOffsets:
            NewTopic(
                name, partitions: Int32(configuration.offsetsTopicNumPartitions),
                replicationFactor: Int16(configuration.offsetsTopicReplicationFactor(brokers: 1)),
                overrides: [
                    ("cleanup.policy", "compact"), ("compression.type", "producer"),
                    ("segment.bytes", "\(configuration.offsetsTopicSegmentBytes)"),
                ])
        default: NewTopic(name)
        }
    }

    private func create(_ topic: NewTopic) {
        let mayStart = inFlight.withLock { $0.count < Self.inFlightLimit && $0.insert(topic.name).inserted }
        guard mayStart else { return }
        let creation = TopicCreation(configuration: live.current)
        store.change { image in
            let decision = creation.decide([topic], in: image)
            return (records: decision.records, outcome: decision.outcomes)
        } completion: { [self] result in
            _ = inFlight.withLock { $0.remove(topic.name) }
            switch result {
            case .success(let outcomes):
                for case .failure(let error) in outcomes where error.code != .topicAlreadyExists {
                    refusals.say(of: topic.name, "refused", "topic \(topic.name) was not created: \(error.message ?? "\(error.code)")")
                }
            case .failure(let error):
                refusals.say(.error, of: topic.name, "failed", "topic \(topic.name) was not created: \(error)")
            }
        }
    }
}
