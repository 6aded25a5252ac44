package import KafkaSchema

/// A conversation for people, and as JSON for programs.
package struct ConversationText {
    package var showsFields = true
    package var showsRanges = false

    package init() {}

    package func head(_ conversation: Conversation) -> [String] {
        var lines = [
            "\(conversation.client) with \(conversation.broker): \(conversation.scenario) (\(conversation.listener))"
        ]
        if !conversation.about.isEmpty { lines.append("  \(conversation.about)") }
        for step in conversation.setup { lines.append("  setup: \(step.text.prefix(160))") }
        for life in conversation.connections {
            let end = life.closedMs.map { " to \($0) ms, closed by the \(life.closedBy?.rawValue ?? "?")" } ?? ""
            lines.append("  connection \(life.number): \(life.openedMs)\(end)")
        }
        return lines
    }

    package func lines(_ exchange: RecordedExchange) -> [String] {
        var lines = [
            "\(exchange.timeMs) ms  \(exchange.place)  \(exchange.request.count) bytes"
                + (exchange.correlationId.map { ", correlation \($0)" } ?? "")
                + (exchange.clientId.map { ", client \"\($0)\"" } ?? "")
        ]
        if let request = Packet(request: exchange.request), !exchange.isSaslRaw, !exchange.isMalformed {
            lines += fields(request)
        } else {
            lines.append("    \(Text.readable(exchange.request))")
        }
        guard let response = exchange.response else { return lines + ["  no answer"] }
        lines.append("  answer after \(exchange.roundTripMs ?? 0) ms, \(response.count) bytes")
        if !exchange.isSaslRaw, let key = exchange.apiKey, let version = exchange.apiVersion {
            lines += fields(Packet(response: response, apiKey: key, version: version))
        } else {
            lines.append("    \(Text.readable(response))")
        }
        return lines
    }

    private func fields(_ packet: Packet) -> [String] {
        var lines: [String] = []
        if showsFields {
            let name = packet.schema?.displayName ?? ""
            lines = FieldLines.of(packet.body, message: name, showsRanges: showsRanges).map { "    " + $0 }
        }
        if let problem = packet.problem { lines.append("    broken: \(problem)") }
        if packet.leftOver > 0 {
            lines.append(
                "    \(packet.leftOver) bytes after the last field: \(Hex.encode(packet.frame.suffix(min(64, packet.leftOver))))"
            )
        }
        return lines
    }

    /// What of the exchange could not be read; a frame that was sent broken on purpose is none of it.
    package func problems(_ exchange: RecordedExchange) -> [String] {
        guard !exchange.isSaslRaw, !exchange.isMalformed else { return [] }
        var problems: [String] = []
        guard let request = Packet(request: exchange.request) else { return ["the request is too short for a header"] }
        if let problem = request.problem { problems.append("request: \(problem)") }
        if let response = exchange.response, request.schema != nil {
            let answer = Packet(response: response, apiKey: request.apiKey, version: request.version)
            if let problem = answer.problem { problems.append("answer: \(problem)") }
        }
        return problems
    }

    package func json(_ exchange: RecordedExchange) -> JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("connection", .integer(exchange.connection)), ("sequence", .integer(exchange.sequence)),
            ("timeMs", .milliseconds(exchange.timeMs)), ("api", .string(exchange.apiText)),
        ]
        if let request = Packet(request: exchange.request), !exchange.isSaslRaw, !exchange.isMalformed {
            members.append(("request", request.body.json))
            if let problem = request.problem { members.append(("requestProblem", .string(problem))) }
        }
        guard let response = exchange.response else { return .object(members + [("response", .null)]) }
        members.append(("roundTripMs", exchange.roundTripMs.map { .milliseconds($0) } ?? .null))
        if !exchange.isSaslRaw, let key = exchange.apiKey, let version = exchange.apiVersion {
            let packet = Packet(response: response, apiKey: key, version: version)
            members.append(("response", packet.body.json))
            if let problem = packet.problem { members.append(("responseProblem", .string(problem))) }
        }
        return .object(members)
    }
}
