internal import KafkaMessages
package import KafkaWire

/// A broker's registration.
package final class BrokerImage: Sendable {
    package struct Endpoint: Sendable, Equatable {
        package var name: String
        package var host: String
        package var port: Int32
        package var securityProtocol: Int16

        package init(name: String, host: String, port: Int32, securityProtocol: Int16) {
            self.name = name
            self.host = host
            self.port = port
            self.securityProtocol = securityProtocol
        }
    }

    package let id: Int32
    package let epoch: Int64
    package let incarnationId: Uuid
    package let endpoints: [Endpoint]
    package let rack: String?
    package let isFenced: Bool
    package let isInControlledShutdown: Bool
    package let logDirectories: [Uuid]
    let framed: [UInt8]

    /// Decodes a framed RegisterBrokerRecord.
    static func decode(_ framed: [UInt8]) throws(MetadataError) -> BrokerImage {
        try framed.withRecord(RegisterBrokerRecord.self) { record, _ in BrokerImage(record, framed: framed) }
    }

    private init(_ record: RegisterBrokerRecord, framed: [UInt8]) {
        id = record.brokerId
        epoch = record.brokerEpoch
        incarnationId = record.incarnationId
        endpoints = record.endPoints.map {
            Endpoint(
                name: $0.name.string, host: $0.host.string, port: Int32($0.port), securityProtocol: $0.securityProtocol)
        }
        rack = record.rack?.string
        isFenced = record.fenced
        isInControlledShutdown = record.inControlledShutdown
        logDirectories = Array(record.logDirs)
        self.framed = framed
    }

    package func endpoint(_ listener: String) -> Endpoint? { endpoints.first { $0.name == listener } }
}
