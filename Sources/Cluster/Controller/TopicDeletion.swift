internal import KafkaMessages
package import KafkaWire

/// Decides on topics to delete (Kafka's ReplicationControlManager.deleteTopics).
package enum TopicDeletion {
    /// By name, or, since version 6 of the request, by id.
    package enum Target: Sendable, Hashable {
        case name(String)
        case id(Uuid)
    }

    package static func decide(
        _ targets: [Target], in image: ClusterImage
    ) -> (records: [[UInt8]], outcomes: [Result<TopicImage, ControllerError>]) {
        var list = RecordList()
        var removed: Set<Uuid> = []
        let repeated = targets.repeated
        let namedIds = Set(targets.compactMap { if case .name(let name) = $0 { image.topic(name)?.id } else { nil } })
        let ids = Set(targets.compactMap { if case .id(let id) = $0 { id } else { nil } })
        let outcomes = targets.map { target in
            Result { () throws(ControllerError) in
                if repeated.contains(target) {
                    let what = if case .name = target { "name" } else { "id" }
                    throw ControllerError(.invalidRequest, "Duplicate topic \(what).")
                }
                let topic = try find(target, in: image)
                if namedIds.contains(topic.id), ids.contains(topic.id) {
                    throw ControllerError(
                        .invalidRequest, "The provided topic name maps to an ID that was already supplied.")
                }
                if removed.insert(topic.id).inserted { list.removeTopic(topic.id) }
                return topic
            }
        }
        return (list.records, outcomes)
    }

    package static func find(_ target: Target, in image: ClusterImage) throws(ControllerError) -> TopicImage {
        switch target {
        case .name(let name):
            guard let topic = image.topic(name) else {
                throw ControllerError(.unknownTopicOrPartition, "This server does not host this topic-partition.")
            }
            return topic
        case .id(let id):
            guard let topic = image.topic(id) else {
                throw ControllerError(.unknownTopicId, "This server does not host this topic ID.")
            }
            return topic
        }
    }
}
