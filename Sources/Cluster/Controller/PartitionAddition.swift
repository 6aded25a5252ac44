internal import KafkaMessages
internal import KafkaWire

/// More partitions for a topic.
package struct MorePartitions: Sendable {
    package var topic: String
    /// How many there shall be in the end.
    package var count: Int32
    /// Replicas of each new partition, where the client has chosen them.
    package var assignments: [[Int32]]?

    package init(_ topic: String, count: Int32, assignments: [[Int32]]? = nil) {
        self.topic = topic
        self.count = count
        self.assignments = assignments
    }
}

/// Decides on new partitions of topics that exist (Kafka's ReplicationControlManager.createPartitions).
package enum PartitionAddition {
    package static func decide(
        _ requests: [MorePartitions], in image: ClusterImage
    ) -> (records: [[UInt8]], outcomes: [Result<Void, ControllerError>]) {
        var list = RecordList()
        var added = 0
        let repeated = requests.map(\.topic).repeated
        let outcomes = requests.map { request in
            Result { () throws(ControllerError) in
                if repeated.contains(request.topic) {
                    throw ControllerError(.invalidRequest, "Duplicate topic name.")
                }
                try decide(request, in: image, &list, &added)
            }
        }
        return (list.records, outcomes)
    }

    private static func decide(
        _ request: MorePartitions, in image: ClusterImage, _ list: inout RecordList, _ added: inout Int
    ) throws(ControllerError) {
        guard let topic = image.topic(request.topic) else { throw ControllerError(.unknownTopicOrPartition) }
        let present = topic.partitions.count
        if Int(request.count) == present {
            throw ControllerError(.invalidPartitions, "Topic already has \(present) partition(s).")
        }
        if Int(request.count) < present {
            throw ControllerError(
                .invalidPartitions,
                "The topic \(request.topic) currently has \(present) partition(s); \(request.count) would not be an increase.")
        }
        let more = Int(request.count) - present
        try TopicCreation.checkTotal(added + more)
        let placement = ReplicaPlacement(image)
        let replicas = try replicas(request, topic, more: more, placement)
        added += more
        for (index, replicas) in replicas.enumerated() {
            list.partition(
                Int32(present + index), of: topic.id, replicas: replicas, isr: placement.isr(replicas),
                directories: placement.directories(replicas), level: image.metadataVersion)
        }
    }

    private static func replicas(
        _ request: MorePartitions, _ topic: TopicImage, more: Int, _ placement: ReplicaPlacement
    ) throws(ControllerError) -> [[Int32]] {
        let factor = topic.partitions.first?.replicas.count ?? 1
        if let assignments = request.assignments {
            if assignments.count != more {
                throw ControllerError(
                    .invalidReplicaAssignment,
                    "Attempted to add \(more) additional partition(s), but only \(assignments.count) assignment(s) "
                        + "were specified.")
            }
            for replicas in assignments {
                try placement.check(assigned: replicas, expectedCount: factor)
                if placement.isr(replicas).isEmpty {
                    throw ControllerError(
                        .invalidReplicaAssignment,
                        "All brokers specified in the manual partition assignment are fenced or in controlled shutdown.")
                }
            }
            return assignments
        }
        try placement.check(replicationFactor: factor)
        let present = topic.partitions.count
        return (0..<more).map { placement.replicas(partition: present + $0, replicationFactor: factor, start: 0) }
    }
}
