import Cluster
import Configuration
import KafkaMessages
import KafkaWire
import Testing

/// What Kafka's controller answers, as recorded from 4.4.0.
struct DecisionTests {
    private let place: Place
    private let store: EmbeddedMetadataStore
    private let creation = TopicCreation(configuration: BrokerConfiguration())

    init() throws {
        place = try Place()
        store = try place.started()
    }

    private func create(_ topics: NewTopic...) throws -> [Result<CreatedTopic, ControllerError>] {
        try store.decided(at: place) { [creation] image in
            let decision = creation.decide(topics, in: image)
            return (decision.records, decision.outcomes)
        }
    }

    private func refusal(_ topic: NewTopic) throws -> ControllerError? {
        if case .failure(let error) = try create(topic)[0] { return error }
        return nil
    }

    @Test func `a topic with defaults, with numbers, with chosen replicas`() throws {
        let outcomes = try create(
            NewTopic("defaults"), NewTopic("made", partitions: 2, replicationFactor: 1, overrides: [("cleanup.policy", "compact")]),
            NewTopic("assigned", assignments: [(1, [1]), (0, [1])]))
        let made = try outcomes.map { try $0.get() }
        #expect(made.map(\.partitions) == [1, 2, 2])
        #expect(made.map(\.replicationFactor) == [1, 1, 1])
        #expect(made[1].overrides == ["cleanup.policy": "compact"])
        let topic = try #require(store.image.topic("made"))
        #expect(topic.id == made[1].id)
        #expect(topic.partitions.map(\.leader) == [1, 1])
        #expect(topic.partitions.map(\.leaderEpoch) == [0, 0])
        #expect(store.image.topic(made[2].id)?.name == "assigned")
    }

    @Test func `topics that cannot be are refused in Kafka's words`() throws {
        _ = try create(NewTopic("made", partitions: 1), NewTopic("dot.ted", partitions: 1))
        func expect(_ topic: NewTopic, _ code: ErrorCode, _ message: String) throws {
            #expect(try refusal(topic) == ControllerError(code, message))
        }
        try expect(NewTopic("made"), .topicAlreadyExists, "Topic 'made' already exists.")
        try expect(
            NewTopic("bad name!"), .invalidTopicException,
            "Topic name is invalid: 'bad name!' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'")
        try expect(NewTopic(""), .invalidTopicException, "Topic name is invalid: the empty string is not allowed")
        try expect(NewTopic(".."), .invalidTopicException, "Topic name is invalid: '.' or '..' is not allowed")
        try expect(NewTopic("dot_ted"), .invalidTopicException, "Topic 'dot_ted' collides with existing topic: dot.ted")
        try expect(
            NewTopic("three", partitions: 1, replicationFactor: 3), .invalidReplicationFactor,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.")
        try expect(
            NewTopic("zero", partitions: 0, replicationFactor: 1), .invalidPartitions,
            "Number of partitions was set to an invalid non-positive value.")
        try expect(
            NewTopic("zero", partitions: 1, replicationFactor: 0), .invalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.")
        try expect(
            NewTopic("badconf", overrides: [("no.such.config", "1")]), .invalidConfig, "Unknown topic config name: no.such.config")
        try expect(
            NewTopic("badconf", overrides: [("retention.ms", "soon")]), .invalidConfig,
            "Invalid value soon for configuration retention.ms: Not a number of type LONG")
        try expect(
            NewTopic("lost", assignments: [(0, [9])]), .invalidReplicaAssignment,
            "The manual partition assignment includes broker 9, but no such broker is registered.")
        try expect(
            NewTopic("hole", assignments: [(0, [1]), (2, [1])]), .invalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence")
        #expect(store.image.topicCount == 2)
    }

    @Test func `one topic's refusal leaves the others of its request alone`() throws {
        let outcomes = try create(NewTopic("a"), NewTopic("b", partitions: 0), NewTopic("twice"), NewTopic("twice"))
        #expect(throws: Never.self) { try outcomes[0].get() }
        for outcome in outcomes[1...] { #expect(throws: ControllerError.self) { try outcome.get() } }
        #expect(store.image.topics.map(\.name) == ["a"])
    }

    @Test func `more partitions`() throws {
        _ = try create(NewTopic("made", partitions: 2))
        func add(_ request: MorePartitions) throws -> ControllerError? {
            let outcomes = try store.decided(at: place) { image in
                let decision = PartitionAddition.decide([request], in: image)
                return (decision.records, decision.outcomes)
            }
            if case .failure(let error) = outcomes[0] { return error }
            return nil
        }
        #expect(try add(MorePartitions("made", count: 4)) == nil)
        #expect(store.image.topic("made")?.partitions.map(\.id) == [0, 1, 2, 3])
        #expect(try add(MorePartitions("made", count: 3))
            == ControllerError(.invalidPartitions, "The topic made currently has 4 partition(s); 3 would not be an increase."))
        #expect(try add(MorePartitions("made", count: 4))
            == ControllerError(.invalidPartitions, "Topic already has 4 partition(s)."))
        #expect(try add(MorePartitions("no-such-topic", count: 4)) == ControllerError(.unknownTopicOrPartition, nil))
        #expect(try add(MorePartitions("made", count: 5, assignments: [[2]]))?.code == .invalidReplicaAssignment)
        #expect(try add(MorePartitions("made", count: 5, assignments: [[1]])) == nil)
    }

    @Test func `deletion by name and by id`() throws {
        let id = try create(NewTopic("a"), NewTopic("b"))[1].get().id
        let targets: [TopicDeletion.Target] = [.name("a"), .id(id), .name("no-such-topic"), .id(Uuid(1, 1))]
        let outcomes = try store.decided(at: place) { image in
            let decision = TopicDeletion.decide(targets, in: image)
            return (decision.records, decision.outcomes.map { outcome in outcome.map(\.name) })
        }
        #expect(try outcomes[0].get() == "a")
        #expect(try outcomes[1].get() == "b")
        #expect(outcomes[2] == .failure(ControllerError(.unknownTopicOrPartition, "This server does not host this topic-partition.")))
        #expect(outcomes[3] == .failure(ControllerError(.unknownTopicId, "This server does not host this topic ID.")))
        #expect(store.image.topicCount == 0)
    }

    @Test func `configurations are altered as Kafka does`() throws {
        _ = try create(NewTopic("conf", overrides: [("flush.ms", "3")]))
        func alter(_ resource: ConfigurationResource, _ edit: ConfigurationAlteration.Edit) throws -> ControllerError? {
            let alteration = ConfigurationAlteration(resource, edit)
            let outcomes = try store.decided(at: place) { image in
                let decision = ConfigurationAlteration.decide([alteration], in: image, configuration: BrokerConfiguration())
                return (decision.records, decision.outcomes)
            }
            if case .failure(let error) = outcomes[0] { return error }
            return nil
        }
        let topic = ConfigurationResource.topic("conf")
        #expect(try alter(topic, .change([.init(.set, "retention.ms", "3600000"), .init(.append, "cleanup.policy", "compact")])) == nil)
        #expect(store.image.topic("conf")?.overrides
            == ["flush.ms": "3", "retention.ms": "3600000", "cleanup.policy": "delete,compact"])
        #expect(try alter(topic, .change([.init(.subtract, "cleanup.policy", "delete"), .init(.delete, "retention.ms", "")])) == nil)
        #expect(store.image.topic("conf")?.overrides == ["flush.ms": "3", "cleanup.policy": "compact"])
        #expect(try alter(topic, .replace([("segment.ms", "9")])) == nil)
        #expect(store.image.topic("conf")?.overrides == ["segment.ms": "9"])
        #expect(try alter(topic, .change([.init(.set, "retention.ms", "soon")]))
            == ControllerError(.invalidConfig, "Invalid value soon for configuration retention.ms: Not a number of type LONG"))
        #expect(try alter(topic, .change([.init(.set, "no.such", "1")]))
            == ControllerError(.invalidConfig, "Unknown topic config name: no.such"))
        #expect(try alter(.topic("no-such-topic"), .change([.init(.set, "retention.ms", "1")]))
            == ControllerError(.unknownTopicOrPartition, "The topic 'no-such-topic' does not exist."))
        #expect(try alter(.broker(1), .change([.init(.set, "log.cleaner.threads", "2")])) == nil)
        #expect(try alter(.allBrokers, .change([.init(.set, "message.max.bytes", "2000000")])) == nil)
        #expect(try alter(.broker(1), .change([.init(.set, "num.partitions", "2")]))
            == ControllerError(.invalidRequest, "Cannot update these configs dynamically: [num.partitions]"))
        #expect(store.image.configuration(.broker(1)) == ["log.cleaner.threads": "2"])
        #expect(store.image.configuration(.allBrokers) == ["message.max.bytes": "2000000"])
    }

    @Test func `a request with very many parts is decided without comparing each with each`() throws {
        let topics = (0..<200_000).map { NewTopic("bad name \($0)") }
        let outcomes = try store.decided(at: place) { [creation] image in
            let decision = creation.decide(topics, in: image)
            return (decision.records, decision.outcomes)
        }
        #expect(outcomes.count == 200_000)
        let long = String(repeating: "a,", count: 20_000)
        let refusal = try refusal(NewTopic("long", overrides: [("follower.replication.throttled.replicas", long)]))
        #expect(refusal?.code == .invalidConfig)
    }
}
