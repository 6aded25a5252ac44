internal import KafkaMessages
package import KafkaWire

/// What a broker says of itself when it starts.
package struct BrokerRegistration: Sendable {
    package var nodeId: Int32
    package var endpoints: [BrokerImage.Endpoint]
    package var rack: String?
    package var logDirectories: [Uuid]

    package init(nodeId: Int32, endpoints: [BrokerImage.Endpoint], rack: String?, logDirectories: [Uuid]) {
        self.nodeId = nodeId
        self.endpoints = endpoints
        self.rack = rack
        self.logDirectories = logDirectories
    }

    /// Whether the cluster knows all of this already.
    func isKnown(as broker: BrokerImage?) -> Bool {
        guard let broker else { return false }
        return broker.endpoints == endpoints && broker.rack == rack && broker.logDirectories == logDirectories
            && !broker.isInControlledShutdown
    }

    /// A broker that is registered comes up (-1) or goes down (1).
    static func fence(_ broker: BrokerImage, _ fenced: Int8) -> [[UInt8]] {
        var list = RecordList()
        var record = BrokerRegistrationChangeRecord()
        record.brokerId = broker.id
        record.brokerEpoch = broker.epoch
        record.fenced = fenced
        list.append(record)
        return list.records
    }

    /// The record of it; a broker's epoch is the offset of its registration.
    func append(to list: inout RecordList, brokerEpoch: Int64, level: Int16) {
        let version = MetadataVersion.registerBrokerRecordVersion(level)
        var random = SystemRandomNumberGenerator()
        var record = RegisterBrokerRecord()
        record.brokerId = nodeId
        record.incarnationId = Uuid.random(using: &random)
        record.brokerEpoch = brokerEpoch
        record.fenced = false
        record.rack = rack.map { WireBytes(copying: $0, in: list.arena) }
        record.endPoints = WireArray(count: endpoints.count, in: list.arena) { index, endpoint in
            endpoint.name = WireBytes(copying: endpoints[index].name, in: list.arena)
            endpoint.host = WireBytes(copying: endpoints[index].host, in: list.arena)
            endpoint.port = UInt16(clamping: endpoints[index].port)
            endpoint.securityProtocol = endpoints[index].securityProtocol
        }
        record.features = WireArray(count: 1, in: list.arena) { _, feature in
            feature.name = WireBytes("metadata.version")
            feature.minSupportedVersion = MetadataVersion.oldest
            feature.maxSupportedVersion = max(MetadataVersion.fresh, level)
        }
        if version >= 3 { record.logDirs = WireArray(copying: logDirectories, in: list.arena) }
        list.append(record, version: version)
    }
}
