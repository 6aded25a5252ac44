internal import KafkaSchema

/// Which answer belongs to which request, on one connection that is watched from outside.
struct Dialogue {
    struct Request {
        /// Its place in the conversation; nil where it is not recorded.
        var exchange: Int?
        var correlationId: Int32?
        var apiKey: Int16?
        var version: Int16
    }

    /// After SaslHandshake version 0 the tokens come without Kafka's header.
    private enum SaslPhase { case none, handshake, raw }

    private var requests: [Request] = []
    private var sasl = SaslPhase.none

    /// `record` gets the decoded frame (nil for a bare token, or a frame too short for a header) and gives its place in the
    /// conversation. What is odd about the frame comes back.
    mutating func request(_ frame: [UInt8], record: (_ packet: Packet?, _ isSaslRaw: Bool) -> Int?) -> String? {
        let packet = Packet(request: frame)
        let isKnown = packet.map { $0.problem == nil } ?? false
        if sasl == .raw, isKnown { sasl = .none }
        guard let packet, sasl != .raw else {
            let isRaw = sasl == .raw
            requests.append(Request(exchange: record(nil, isRaw), correlationId: nil, apiKey: nil, version: 0))
            return isRaw ? nil : "a request of \(frame.count) bytes has no header"
        }
        let exchange = record(packet, false)
        if packet.apiKey == 17, packet.version == 0 { sasl = .handshake }
        // With acks=0 the broker says nothing.
        if packet.apiKey != 0 || packet.body["acks"]?.integer != 0 || packet.problem != nil {
            requests.append(
                Request(
                    exchange: exchange, correlationId: packet.correlationId, apiKey: packet.apiKey,
                    version: packet.version))
        }
        return packet.problem
    }

    /// A request that passed unread.
    mutating func unreadRequest() {
        requests.append(Request(exchange: nil, correlationId: nil, apiKey: nil, version: 0))
    }

    /// The request that an answer with this correlation id belongs to: the oldest, or a later one where those before it get none.
    func pending(_ correlationId: Int32) -> Request? { index(correlationId).map { requests[$0] } }

    /// Nil for an answer to nothing that was asked.
    mutating func response(_ frame: [UInt8]) -> Request? {
        guard let index = index(Self.correlationId(of: frame)) else { return nil }
        let request = requests[index]
        requests.removeSubrange(0...index)
        if sasl == .handshake, request.apiKey == 17 { sasl = .raw }
        return request
    }

    static func correlationId(of frame: [UInt8]) -> Int32 { frame.prefix(4).reduce(Int32(0)) { $0 << 8 | Int32($1) } }

    private func index(_ correlationId: Int32) -> Int? {
        requests.firstIndex { $0.correlationId == nil || $0.correlationId == correlationId }
    }
}
