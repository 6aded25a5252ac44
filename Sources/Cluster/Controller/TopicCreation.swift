package import Configuration
internal import KafkaMessages
package import KafkaWire

/// A topic that somebody wants.
package struct NewTopic: Sendable {
    package var name: String
    /// -1: num.partitions.
    package var partitions: Int32
    /// -1: default.replication.factor.
    package var replicationFactor: Int16
    /// Replicas that the client has chosen, by partition.
    package var assignments: [(partition: Int32, replicas: [Int32])]
    package var overrides: [(name: String, value: String?)]

    package init(
        _ name: String, partitions: Int32 = -1, replicationFactor: Int16 = -1,
        assignments: [(partition: Int32, replicas: [Int32])] = [], overrides: [(name: String, value: String?)] = []
    ) {
        self.name = name
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.assignments = assignments
        self.overrides = overrides
    }
}

/// What was made of it.
package struct CreatedTopic: Sendable, Equatable {
    package var id: Uuid
    package var partitions: Int32
    package var replicationFactor: Int16
    package var overrides: [String: String]
}

/// Decides on new topics (Kafka's ReplicationControlManager.createTopics).
package struct TopicCreation: Sendable {
    package let configuration: BrokerConfiguration

    package init(configuration: BrokerConfiguration) { self.configuration = configuration }

    /// The records of all topics that may be made, and for each topic what comes of it.
    package func decide(
        _ topics: [NewTopic], in image: ClusterImage
    ) -> (records: [[UInt8]], outcomes: [Result<CreatedTopic, ControllerError>]) {
        var list = RecordList()
        var made = 0
        let repeated = topics.map(\.name).repeated
        let outcomes = topics.map { topic in
            Result { () throws(ControllerError) in
                if repeated.contains(topic.name) {
                    throw ControllerError(.invalidRequest, "Duplicate topic name.")
                }
                var one = RecordList()
                let created = try decide(topic, in: image, &one, partitionsSoFar: made)
                made += Int(created.partitions)
                list.append(contentsOf: one)
                return created
            }
        }
        return (list.records, outcomes)
    }

    private func decide(
        _ topic: NewTopic, in image: ClusterImage, _ list: inout RecordList, partitionsSoFar: Int
    ) throws(ControllerError) -> CreatedTopic {
        try checkName(topic.name, in: image)
        let overrides = try checkOverrides(topic)
        let placement = ReplicaPlacement(image)
        let replicas = try topic.assignments.isEmpty
            ? chosenReplicas(topic, placement, partitionsSoFar: partitionsSoFar)
            : assignedReplicas(topic, placement, partitionsSoFar: partitionsSoFar)
        var random = SystemRandomNumberGenerator()
        let id = Uuid.random(using: &random)
        list.topic(topic.name, id: id)
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) { list.configuration(.topic(topic.name), name, value) }
        for (number, replicas) in replicas.enumerated() {
            list.partition(
                Int32(number), of: id, replicas: replicas, isr: placement.isr(replicas),
                directories: placement.directories(replicas), level: image.metadataVersion)
        }
        return CreatedTopic(
            id: id, partitions: Int32(replicas.count), replicationFactor: Int16(replicas.first?.count ?? 0),
            overrides: overrides)
    }

    private func checkName(_ name: String, in image: ClusterImage) throws(ControllerError) {
        if let problem = TopicName.problem(name) { throw ControllerError(.invalidTopicException, problem) }
        if name == "__cluster_metadata" {
            throw ControllerError(.invalidRequest, "Creation of internal topic __cluster_metadata is prohibited.")
        }
        if image.topic(name) != nil { throw ControllerError(.topicAlreadyExists, "Topic '\(name)' already exists.") }
        guard TopicName.mayCollide(name) else { return }
        if let other = image.topics.first(where: { TopicName.collides($0.name, name) }) {
            throw ControllerError(.invalidTopicException, "Topic '\(name)' collides with existing topic: \(other.name)")
        }
    }

    private func checkOverrides(_ topic: NewTopic) throws(ControllerError) -> [String: String] {
        var overrides: [String: String] = [:]
        for (name, value) in topic.overrides {
            // A null value asks for the default, as Kafka takes it.
            if let value { overrides[name] = value }
            try ConfigurationAlteration.checkLength(name, value)
        }
        do {
            try TopicConfiguration.validate(overrides, broker: configuration)
        } catch {
            throw ControllerError(.invalidConfig, error.message)
        }
        return overrides
    }

    private func chosenReplicas(
        _ topic: NewTopic, _ placement: ReplicaPlacement, partitionsSoFar: Int
    ) throws(ControllerError) -> [[Int32]] {
        if topic.replicationFactor < -1 || topic.replicationFactor == 0 {
            throw ControllerError(
                .invalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
        }
        if topic.partitions < -1 || topic.partitions == 0 {
            throw ControllerError(
                .invalidPartitions, "Number of partitions was set to an invalid non-positive value.")
        }
        let partitions = topic.partitions == -1 ? configuration.numPartitions : Int(topic.partitions)
        try Self.checkTotal(partitionsSoFar + partitions)
        let factor = topic.replicationFactor == -1
            ? configuration.defaultReplicationFactor : Int(topic.replicationFactor)
        try placement.check(replicationFactor: factor, keys: configuration.keys)
        let start = Int.random(in: 0..<max(1, placement.brokers.count))
        return (0..<partitions).map { placement.replicas(partition: $0, replicationFactor: factor, start: start) }
    }

    private func assignedReplicas(
        _ topic: NewTopic, _ placement: ReplicaPlacement, partitionsSoFar: Int
    ) throws(ControllerError) -> [[Int32]] {
        if topic.replicationFactor != -1 {
            throw ControllerError(
                .invalidRequest,
                "A manual partition assignment was specified, but replication factor was not set to -1.")
        }
        if topic.partitions != -1 {
            throw ControllerError(
                .invalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
        }
        try Self.checkTotal(partitionsSoFar + topic.assignments.count)
        var byPartition: [Int32: [Int32]] = [:]
        var count: Int?
        for (partition, replicas) in topic.assignments {
            if byPartition[partition] != nil {
                throw ControllerError(
                    .invalidReplicaAssignment, "Found multiple manual partition assignments for partition \(partition)")
            }
            try placement.check(assigned: replicas, expectedCount: count)
            if placement.isr(replicas).isEmpty {
                throw ControllerError(
                    .invalidReplicaAssignment,
                    "All brokers specified in the manual partition assignment for partition \(partition) are fenced or in "
                        + "controlled shutdown.")
            }
            count = replicas.count
            byPartition[partition] = replicas
        }
        var result: [[Int32]] = []
        for number in 0..<Int32(byPartition.count) {
            guard let replicas = byPartition[number] else {
                throw ControllerError(
                    .invalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
            }
            result.append(replicas)
        }
        return result
    }

    static func checkTotal(_ partitions: Int) throws(ControllerError) {
        if partitions > ClusterLimits.recordsPerChange {
            throw ControllerError(.policyViolation, "Excessively large number of partitions per request.")
        }
    }
}
