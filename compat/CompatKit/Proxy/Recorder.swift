internal import KafkaSchema
internal import Synchronization

/// Collects what passes through a proxy into a conversation. All of its calls may come from any thread.
package final class Recorder: Sendable {
    private struct State {
        var conversation: Conversation
        var nextConnection = 1
        /// By connection: the next request's number, and where in the conversation its unanswered requests stand.
        var sequences: [Int: Int] = [:]
        var keptBytes = 0
        var isFull = false
    }
    private let state: Mutex<State>
    private let started = ContinuousClock.now
    private let maximumBytes: Int

    /// No more than `maximumBytes` of frames are kept; what comes after that passes without being recorded.
    package init(_ conversation: Conversation, maximumBytes: Int) {
        state = Mutex(State(conversation: conversation))
        self.maximumBytes = maximumBytes
    }

    private var nowMs: Double { started.duration(to: .now) / .milliseconds(1) }

    package var conversation: Conversation { state.withLock { $0.conversation } }
    package var isFull: Bool { state.withLock { $0.isFull } }
    package var exchangeCount: Int { state.withLock { $0.conversation.exchanges.count } }

    func opened() -> Int {
        let time = nowMs
        return state.withLock { state in
            let number = state.nextConnection
            state.nextConnection += 1
            state.conversation.connections.append(ConnectionLife(number: number, openedMs: time))
            return number
        }
    }

    func closed(_ connection: Int, by closer: ConnectionLife.Closer) {
        let time = nowMs
        state.withLock { state in
            guard let index = state.conversation.connections.firstIndex(where: { $0.number == connection }),
                state.conversation.connections[index].closedMs == nil
            else { return }
            state.conversation.connections[index].closedMs = time
            state.conversation.connections[index].closedBy = closer
        }
    }

    /// The place of the exchange in the conversation, for its answer; nil when nothing more is recorded. `header` is the decoded
    /// frame, nil for one that is too short or a bare SASL token.
    func request(_ frame: [UInt8], _ header: Packet?, on connection: Int, isSaslRaw: Bool) -> Int? {
        let time = nowMs
        return state.withLock { state in
            state.keptBytes += frame.count
            if state.keptBytes > maximumBytes { state.isFull = true }
            guard !state.isFull else { return nil }
            let sequence = state.sequences[connection, default: 0]
            state.sequences[connection] = sequence + 1
            var exchange = RecordedExchange(connection: connection, sequence: sequence, request: frame, timeMs: time)
            exchange.isSaslRaw = isSaslRaw
            if let header {
                exchange.apiKey = header.apiKey
                exchange.apiVersion = header.version
                exchange.correlationId = header.correlationId
                exchange.clientId = header.header["clientId"]?.string
            } else {
                exchange.isMalformed = !isSaslRaw
            }
            state.conversation.exchanges.append(exchange)
            return state.conversation.exchanges.count - 1
        }
    }

    func response(_ frame: [UInt8], to index: Int) {
        let time = nowMs
        state.withLock { state in
            state.keptBytes += frame.count
            state.conversation.exchanges[index].response = frame
            state.conversation.exchanges[index].roundTripMs = time - state.conversation.exchanges[index].timeMs
        }
    }
}
