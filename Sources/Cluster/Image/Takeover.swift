internal import KafkaWire

/// What a directory of another broker's may have that this one cannot take over. It is named before anything is written.
package struct Takeover: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Partitions that other brokers have copies of.
        case replicas
        /// Topics whose older data lie in a remote store.
        case tiered
        /// Share groups' state: which records are acquired, and how often they were delivered.
        case share
    }

    package struct Obstacle: Sendable, Equatable {
        package var kind: Kind
        /// Topics, partitions or groups, in order.
        package var what: [String]

        package init(kind: Kind, what: [String]) {
            self.kind = kind
            self.what = what
        }
    }

    /// What the metadata tell of; share groups' state lies in a topic of its own.
    package static func obstacles(in image: ClusterImage, nodeId: Int32) -> [Obstacle] {
        var elsewhere: [String] = [], tiered: [String] = []
        for topic in image.topics {
            if topic.overrides["remote.storage.enable"] == "true" { tiered.append(topic.name) }
            for partition in topic.partitions where !partition.replicas.elementsEqual([nodeId]) {
                elsewhere.append("\(topic.name)-\(partition.id)")
            }
        }
        return [Obstacle(kind: .replicas, what: elsewhere.sorted()), Obstacle(kind: .tiered, what: tiered.sorted())]
            .filter { !$0.what.isEmpty }
    }

    package static let shareStateTopic = "__share_group_state"
}

extension Takeover.Obstacle: CustomStringConvertible {
    package var description: String {
        let shown = what.prefix(5).joined(separator: ", ") + (what.count > 5 ? " and \(what.count - 5) more" : "")
        return switch kind {
        case .replicas: "partitions with replicas on other brokers: \(shown)"
        case .tiered: "topics with data in a remote store (remote.storage.enable): \(shown)"
        case .share: "share groups with state: \(shown)"
        }
    }
}
