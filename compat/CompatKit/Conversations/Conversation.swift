package import KafkaSchema

/// One recorded conversation of a client with a broker: what FORMAT.md calls `kafka-conversation/1`.
package struct Conversation: Sendable {
    package static let format = "kafka-conversation/1"

    package var broker = ""
    package var client = ""
    package var scenario = ""
    package var about = ""
    /// Security protocol of the listener: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
    package var listener = "PLAINTEXT"
    /// The address that the broker's answers name, `host:port`.
    package var advertised = ""
    package var brokerConfig: [(key: String, value: String)] = []
    /// What stood on the broker before the client came, in order.
    package var setup: [JSONValue] = []
    package var clientExit: Int?
    package var connections: [ConnectionLife] = []
    package var exchanges: [RecordedExchange] = []

    package init() {}

    /// `4.4.0` of `apache-kafka 4.4.0`; empty if the broker's name has no release.
    package var release: String {
        broker.split(separator: " ").last.map(String.init).flatMap { $0.contains(".") ? $0 : nil } ?? ""
    }

    package var advertisedPort: Int? { advertised.split(separator: ":").last.flatMap { Int($0) } }
}

package struct ConnectionLife: Sendable {
    package enum Closer: String, Sendable { case client, broker }
    package var number: Int
    package var openedMs: Double
    package var closedMs: Double?
    package var closedBy: Closer?

    package init(number: Int, openedMs: Double, closedMs: Double? = nil, closedBy: Closer? = nil) {
        self.number = number
        self.openedMs = openedMs
        self.closedMs = closedMs
        self.closedBy = closedBy
    }
}

/// One request of a connection, and its answer if one came.
package struct RecordedExchange: Sendable {
    package var connection: Int
    package var sequence: Int
    package var apiKey: Int16?
    package var apiVersion: Int16?
    package var correlationId: Int32?
    package var clientId: String?
    /// Frames without their four bytes of length.
    package var request: [UInt8]
    package var response: [UInt8]?
    /// When the request was read, from the start, and how long its answer took.
    package var timeMs: Double
    package var roundTripMs: Double?
    /// A bare SASL token after SaslHandshake v0: neither side has a Kafka header.
    package var isSaslRaw = false
    /// Too short for a header, on purpose.
    package var isMalformed = false

    package init(connection: Int, sequence: Int, request: [UInt8], timeMs: Double) {
        self.connection = connection
        self.sequence = sequence
        self.request = request
        self.timeMs = timeMs
    }

    /// `3/1 Metadata v12`: connection, request in it, API and version.
    package var place: String {
        "\(connection)/\(sequence) \(apiText)"
    }

    package var apiText: String {
        if isSaslRaw { return "SASL token" }
        guard let apiKey, let apiVersion else { return "frame without a header" }
        return "\(Schema.shared.apiName(apiKey)) v\(apiVersion)"
    }
}

/// What is wrong with a file: always says which file and line.
package struct ConversationError: Error, Sendable, CustomStringConvertible {
    package var file: String
    package var line: Int?
    package var reason: String

    package init(file: String, line: Int? = nil, reason: String) {
        self.file = file
        self.line = line
        self.reason = reason
    }

    package var description: String { line.map { "\(file):\($0): \(reason)" } ?? "\(file): \(reason)" }
}
