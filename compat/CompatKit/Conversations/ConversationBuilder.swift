internal import KafkaSchema

/// Makes a conversation out of what is seen, event by event.
struct ConversationBuilder {
    private(set) var conversation: Conversation
    private var nextConnection = 1
    private var sequences: [Int: Int] = [:]

    init(_ conversation: Conversation) { self.conversation = conversation }

    mutating func opened(atMs time: Double) -> Int {
        defer { nextConnection += 1 }
        conversation.connections.append(ConnectionLife(number: nextConnection, openedMs: time))
        return nextConnection
    }

    mutating func closed(_ connection: Int, by closer: ConnectionLife.Closer, atMs time: Double) {
        guard let index = conversation.connections.firstIndex(where: { $0.number == connection }),
            conversation.connections[index].closedMs == nil
        else { return }
        conversation.connections[index].closedMs = time
        conversation.connections[index].closedBy = closer
    }

    /// `packet` is the decoded frame, nil for one that is too short or a bare SASL token. The exchange's place comes back.
    mutating func request(_ frame: [UInt8], _ packet: Packet?, on connection: Int, isSaslRaw: Bool, atMs time: Double)
        -> Int
    {
        let sequence = sequences[connection, default: 0]
        sequences[connection] = sequence + 1
        var exchange = RecordedExchange(connection: connection, sequence: sequence, request: frame, timeMs: time)
        exchange.isSaslRaw = isSaslRaw
        if let packet {
            exchange.apiKey = packet.apiKey
            exchange.apiVersion = packet.version
            exchange.correlationId = packet.correlationId
            exchange.clientId = packet.header["clientId"]?.string
        } else {
            exchange.isMalformed = !isSaslRaw
        }
        conversation.exchanges.append(exchange)
        return conversation.exchanges.count - 1
    }

    mutating func response(_ frame: [UInt8], to index: Int, atMs time: Double) {
        conversation.exchanges[index].response = frame
        conversation.exchanges[index].roundTripMs = time - conversation.exchanges[index].timeMs
    }
}
