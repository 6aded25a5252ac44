package import KafkaSchema

extension Conversation {
    /// The whole file: a header line, then a line an exchange.
    package var text: [UInt8] {
        var out: [UInt8] = []
        header.write(into: &out)
        out.append(0x0a)
        for exchange in exchanges {
            exchange.json.write(into: &out)
            out.append(0x0a)
        }
        return out
    }

    package func write(to path: String) throws { try GzipFile.write(text, to: path) }

    private var header: JSONValue {
        .object([
            ("format", .string(Self.format)),
            ("broker", .string(broker)),
            ("client", .string(client)),
            ("scenario", .string(scenario)),
            ("description", .string(about)),
            ("listener", .string(listener)),
            ("advertised", .string(advertised)),
            ("broker_config", .object(brokerConfig.map { ($0.key, .string($0.value)) })),
            ("setup", .array(setup)),
            ("client_exit", clientExit.map { .integer($0) } ?? .null),
            ("connections", .array(connections.map(\.json))),
        ])
    }
}

extension ConnectionLife {
    fileprivate var json: JSONValue {
        .object([
            ("conn", .integer(number)),
            ("opened_ms", .milliseconds(openedMs)),
            ("closed_ms", closedMs.map { .milliseconds($0) } ?? .null),
            ("closed_by", closedBy.map { .string($0.rawValue) } ?? .null),
        ])
    }
}

extension RecordedExchange {
    fileprivate var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("conn", .integer(connection)),
            ("seq", .integer(sequence)),
            ("api_key", apiKey.map { .integer($0) } ?? .null),
            ("api_version", apiVersion.map { .integer($0) } ?? .null),
            ("correlation_id", correlationId.map { .integer($0) } ?? .null),
            ("client_id", clientId.map { .string($0) } ?? .null),
            ("request", .string(Hex.encode(request))),
            ("response", response.map { .string(Hex.encode($0)) } ?? .null),
            ("t_ms", .milliseconds(timeMs)),
            ("rt_ms", roundTripMs.map { .milliseconds($0) } ?? .null),
        ]
        if isSaslRaw { members.append(("sasl_raw", .bool(true))) }
        if isMalformed { members.append(("malformed", .bool(true))) }
        return .object(members)
    }
}

extension JSONValue {
    /// Milliseconds with three digits behind the point.
    package static func milliseconds(_ value: Double) -> JSONValue { .number("\((value * 1000).rounded() / 1000)") }
}
