internal import KafkaSchema

/// What happens in a conversation, one after another, as the recording proxy saw it.
enum ReplayStep: Sendable {
    case open(connection: Int)
    case send(exchange: Int)
    /// The answer of that exchange had come before anything later was sent; so it is awaited here.
    case receive(exchange: Int)
    case closeByClient(connection: Int)
    case closeByBroker(connection: Int)

    /// In order of time. What has the same time stays in the order of cause: open, send, receive, close.
    static func steps(of conversation: Conversation) -> [(timeMs: Double, step: ReplayStep)] {
        var steps: [(timeMs: Double, rank: Int, step: ReplayStep)] = []
        var lastMs: [Int: Double] = [:]
        for (index, exchange) in conversation.exchanges.enumerated() {
            steps.append((exchange.timeMs, 1, .send(exchange: index)))
            var end = exchange.timeMs
            if exchange.response != nil {
                end += exchange.roundTripMs ?? 0
                steps.append((end, 2, .receive(exchange: index)))
            }
            lastMs[exchange.connection] = max(lastMs[exchange.connection] ?? 0, end)
        }
        for life in conversation.connections {
            steps.append((life.openedMs, 0, .open(connection: life.number)))
            guard let closedMs = life.closedMs else { continue }
            // A close is noted after what was read before it, whatever the clock's last digits say.
            let time = max(closedMs, lastMs[life.number] ?? 0)
            let isBroker = life.closedBy == .broker
            steps.append(
                (time, 3, isBroker ? .closeByBroker(connection: life.number) : .closeByClient(connection: life.number)))
        }
        // Requests are kept in the order in which they were read, which is the order of the file: times may tie.
        let ordered = steps.enumerated().sorted { one, other in
            (one.element.timeMs, one.element.rank, one.offset) < (
                other.element.timeMs, other.element.rank, other.offset
            )
        }
        return ordered.map { ($0.element.timeMs, $0.element.step) }
    }
}

/// Exchanges that are not sent: the recorded broker was not ready, and the client asked the same again. The later request stands
/// for them, repeated until the live broker is ready.
enum TransientExchanges {
    static func find(in conversation: Conversation, codes: Set<Int64>) -> Set<Int> {
        var found: Set<Int> = []
        // By API and request body, the latest exchange that was answered without such a code.
        var settled: Set<[UInt8]> = []
        for (index, exchange) in conversation.exchanges.enumerated().reversed() {
            guard let response = exchange.response, let request = Packet(request: exchange.request),
                request.problem == nil,
                let apiKey = exchange.apiKey, let version = exchange.apiVersion
            else { continue }
            let key = Array(exchange.request[0..<4]) + Array(exchange.request[request.header.range.upperBound...])
            let answer = Packet(response: response, apiKey: apiKey, version: version)
            if !answer.body.hasErrorCode(in: codes) {
                settled.insert(key)
            } else if settled.contains(key) {
                found.insert(index)
            }
        }
        return found
    }
}
