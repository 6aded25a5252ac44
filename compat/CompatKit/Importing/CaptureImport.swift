internal import KafkaSchema

/// A packet capture becomes a conversation. tshark reads it, puts TCP together and decrypts TLS where it has the keys.
package struct CaptureImport {
    package struct Options: Sendable {
        /// The broker's port; nil takes every stream whose first bytes are a Kafka request.
        package var brokerPort: Int?
        /// TLS keys in NSS format.
        package var keyLog: String?
        package init() {}
    }

    package private(set) var notes: [String] = []
    private var builder: ConversationBuilder
    private var streams: [Int: Stream] = [:]
    private var startMs: Double?
    private let options: Options

    /// One TCP stream of the capture.
    private struct Stream {
        var client: Address
        var connection: Int?
        var dialogue = Dialogue()
        var fromClient = FrameCutter()
        var fromBroker = FrameCutter()
        /// The sequence number that comes next, by direction; nil before the first packet with content.
        var nextFromClient: UInt32?
        var nextFromBroker: UInt32?
        var openedMs: Double
        var isLost = false
    }

    private init(_ conversation: Conversation, options: Options) {
        builder = ConversationBuilder(conversation)
        self.options = options
    }

    /// What came of a capture.
    package struct Result {
        package var conversation: Conversation
        /// What of the streams is no Kafka, or was lost.
        package var notes: [String]
        /// Why the capture could not be read to its end; nil where it could.
        package var tear: ConversationError?
    }

    /// Throws where tshark is missing or cannot read the file at all.
    package static func read(_ path: String, into conversation: Conversation, options: Options) throws -> Result {
        var reader = CaptureImport(conversation, options: options)
        let (lines, complaint) = try Tshark.lines(of: path, keyLog: options.keyLog)
        for line in lines {
            if let packet = CaptureLine(line) { reader.take(packet) }
        }
        reader.finish()
        var result = reader.builder.conversation
        if result.exchanges.isEmpty {
            throw ConversationError(
                file: path, reason: "no Kafka request in it\(reader.notes.isEmpty ? "" : ": " + reader.notes[0])")
        }
        if let broker = reader.broker, result.advertised.isEmpty { result.advertised = "\(broker)" }
        let tear = complaint.map { ConversationError(file: path, reason: "torn after \(lines.count) packets: \($0)") }
        return Result(conversation: result, notes: reader.notes, tear: tear)
    }

    private var broker: Address?

    private mutating func take(_ packet: CaptureLine) {
        if let port = options.brokerPort, packet.source.port != port, packet.destination.port != port { return }
        if startMs == nil { startMs = packet.timeMs }
        let time = packet.timeMs - (startMs ?? 0)
        var stream = streams[packet.stream] ?? begin(packet, time)
        defer { streams[packet.stream] = stream }
        let isFromClient = packet.source == stream.client
        if let content = packet.content, !content.isEmpty, let fresh = inOrder(packet, content, isFromClient, &stream) {
            feed(fresh, isFromClient, &stream, packet, time)
        }
        if packet.isClosing, let connection = stream.connection {
            builder.closed(connection, by: isFromClient ? .client : .broker, atMs: time)
        }
    }

    /// Who opened the connection, or spoke first, is the client.
    private func begin(_ packet: CaptureLine, _ time: Double) -> Stream {
        let isFromClient = options.brokerPort.map { packet.destination.port == $0 } ?? true
        return Stream(client: isFromClient ? packet.source : packet.destination, openedMs: time)
    }

    /// The part of the content that is new. TLS comes in order from tshark; plain TCP may come twice or torn.
    private mutating func inOrder(
        _ packet: CaptureLine, _ content: [UInt8], _ isFromClient: Bool, _ stream: inout Stream
    ) -> [UInt8]? {
        guard !packet.isTLS else { return content }
        guard !stream.isLost else { return nil }
        let next = (isFromClient ? stream.nextFromClient : stream.nextFromBroker) ?? packet.sequence
        let ahead = Int32(bitPattern: packet.sequence &- next)
        guard ahead <= 0 else {
            stream.isLost = true
            notes.append("stream \(packet.stream): \(ahead) bytes are missing in the capture; what follows is left out")
            return nil
        }
        let known = Int(-ahead)
        guard known < content.count else { return nil }
        let end = packet.sequence &+ UInt32(content.count)
        if isFromClient { stream.nextFromClient = end } else { stream.nextFromBroker = end }
        return Array(content[known...])
    }

    private mutating func feed(
        _ bytes: [UInt8], _ isFromClient: Bool, _ stream: inout Stream, _ packet: CaptureLine, _ time: Double
    ) {
        var pieces: [FrameCutter.Piece] = []
        bytes.withUnsafeBytes { raw in
            if isFromClient {
                stream.fromClient.feed(raw, holds: { _, _ in true }) { pieces.append($0) }
            } else {
                stream.fromBroker.feed(raw, holds: { _, _ in true }) { pieces.append($0) }
            }
        }
        for piece in pieces {
            switch piece {
            case .frame(let frame, _): take(frame, isFromClient, &stream, packet, time)
            case .skipped(let length):
                notes.append("stream \(packet.stream): a frame of \(length) bytes is left out")
                if isFromClient { stream.dialogue.unreadRequest() }
            case .notKafka(let length):
                notes.append(
                    "stream \(packet.stream): no Kafka frame (its length would be \(length)); what follows is left out")
            case .head, .pass: break
            }
        }
    }

    private mutating func take(
        _ frame: [UInt8], _ isFromClient: Bool, _ stream: inout Stream, _ packet: CaptureLine, _ time: Double
    ) {
        guard isFromClient else {
            guard let request = stream.dialogue.response(frame) else {
                return notes.append("stream \(packet.stream): an answer to a request that the capture does not have")
            }
            if let exchange = request.exchange { builder.response(frame, to: exchange, atMs: time) }
            return
        }
        if stream.connection == nil {
            // Without a port to go by, only what begins as Kafka does is taken.
            guard options.brokerPort != nil || Packet(request: frame)?.problem == nil else {
                return notes.append("stream \(packet.stream): \(packet.source) does not speak Kafka")
            }
            stream.connection = builder.opened(atMs: stream.openedMs)
            broker = broker ?? packet.destination
        }
        guard let connection = stream.connection else { return }
        let problem = stream.dialogue.request(frame) { decoded, isSaslRaw in
            builder.request(frame, decoded, on: connection, isSaslRaw: isSaslRaw, atMs: time)
        }
        if let problem { notes.append("stream \(packet.stream): \(problem)") }
    }

    private mutating func finish() {
        for (number, stream) in streams.sorted(by: { $0.key < $1.key }) where stream.connection == nil && !stream.isLost
        {
            notes.append(
                "stream \(number): nothing readable\(options.keyLog == nil ? "; TLS needs the keys (--keylog)" : "")")
        }
    }
}
