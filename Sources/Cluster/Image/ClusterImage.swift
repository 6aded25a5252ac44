package import KafkaWire

/// What a configuration belongs to. `type` is the wire's: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
package struct ConfigurationResource: Hashable, Sendable {
    package var type: Int8
    package var name: String

    package init(type: Int8, name: String) {
        self.type = type
        self.name = name
    }

    package static let topicType: Int8 = 2
    package static let brokerType: Int8 = 4
    package static let brokerLoggerType: Int8 = 8
    package static let clientMetricsType: Int8 = 16
    package static let groupType: Int8 = 32
    package static func topic(_ name: String) -> Self { Self(type: topicType, name: name) }
    package static func broker(_ id: Int32) -> Self { Self(type: brokerType, name: "\(id)") }
    /// What holds for all brokers.
    package static let allBrokers = Self(type: brokerType, name: "")
}

/// The cluster's metadata after a certain record. Immutable; images share what did not change between them.
package final class ClusterImage: Sendable {
    /// Offset of the last record in it; -1: none.
    package let offset: Int64
    /// The metadata log's epoch at that record.
    package let epoch: Int32
    let topicTable: TopicTable
    /// By id, ascending.
    package let brokers: [BrokerImage]
    package let configurations: [ConfigurationResource: [String: String]]
    /// Finalized features: `metadata.version` and its like.
    package let features: [String: Int16]
    package let nextProducerId: Int64
    /// Everything that nobody here reads: ACLs, SCRAM users, quotas, tokens, controllers.
    let kept: KeptRecords
    /// The producer ids' record as it was written; empty: none.
    let producerIdsRecord: [UInt8]

    init(
        offset: Int64, epoch: Int32, topicTable: TopicTable, brokers: [BrokerImage],
        configurations: [ConfigurationResource: [String: String]], features: [String: Int16], nextProducerId: Int64,
        producerIdsRecord: [UInt8], kept: KeptRecords
    ) {
        self.offset = offset
        self.epoch = epoch
        self.topicTable = topicTable
        self.brokers = brokers
        self.configurations = configurations
        self.features = features
        self.nextProducerId = nextProducerId
        self.producerIdsRecord = producerIdsRecord
        self.kept = kept
    }

    package static let empty = ClusterImage(
        offset: -1, epoch: 0, topicTable: TopicTable(), brokers: [], configurations: [:], features: [:], nextProducerId: 0,
        producerIdsRecord: [], kept: KeptRecords())

    // MARK: Topics

    /// By the bytes of a name in a frame; makes no string.
    package func topic(_ name: WireBytes) -> TopicImage? { topicTable.find(name) }
    package func topic(_ name: String) -> TopicImage? { topicTable.find(name) }
    package func topic(_ id: Uuid) -> TopicImage? { topicTable.find(id) }
    /// In no order.
    package var topics: Topics { topicTable.all }
    package var topicCount: Int { topicTable.count }

    // MARK: The rest

    package func broker(_ id: Int32) -> BrokerImage? { brokers.first { $0.id == id } }

    package func configuration(_ resource: ConfigurationResource) -> [String: String] { configurations[resource] ?? [:] }

    /// The level of `metadata.version`; 0: not set yet.
    package var metadataVersion: Int16 { features[MetadataVersion.featureName] ?? 0 }
}
