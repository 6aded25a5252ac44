internal import KafkaSchema

/// One connection of a conversation, live: what was sent on it and what has come.
final class ReplayConnection {
    let link: FrameLink
    var sasl: SaslTranscript?
    /// Exchanges whose answer has not come, oldest first, with the correlation id that the answer will carry.
    private(set) var pending: [(exchange: Int, correlationId: Int32?)] = []
    private var answers: [Int: [UInt8]] = [:]

    init(_ link: FrameLink) { self.link = link }

    func send(_ frame: [UInt8], exchange: Int, correlationId: Int32?, until deadline: Deadline) throws(LinkError) {
        try link.send(frame, until: deadline)
        pending.append((exchange, correlationId))
    }

    enum ReceiveError: Error {
        case link(LinkError)
        /// An answer to nothing that was asked.
        case unexpected(correlationId: Int32?)
    }

    /// The answer of that exchange. Answers of others that come before it are kept for their turn.
    func receive(_ exchange: Int, until deadline: Deadline) throws(ReceiveError) -> [UInt8] {
        while true {
            if let answer = answers.removeValue(forKey: exchange) { return answer }
            let frame: [UInt8]
            do throws(LinkError) {
                frame = try link.receive(until: deadline)
            } catch {
                throw .link(error)
            }
            try place(frame)
        }
    }

    /// Answers that came although none was recorded: exchanges and their frames.
    var unasked: [Int: [UInt8]] { answers }

    private func place(_ frame: [UInt8]) throws(ReceiveError) {
        let correlationId = frame.count < 4 ? nil : frame[0..<4].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        // A bare SASL token has no correlation id; it is the oldest request's.
        guard let index = pending.firstIndex(where: { $0.correlationId == nil || $0.correlationId == correlationId })
        else {
            throw .unexpected(correlationId: correlationId)
        }
        answers[pending[index].exchange] = frame
        // Answers keep the order of requests, so those before this one get none any more (acks=0).
        pending.removeSubrange(0...index)
    }
}
