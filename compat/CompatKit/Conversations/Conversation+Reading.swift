internal import KafkaSchema

extension Conversation {
    package init(reading path: String) throws {
        try self.init(parsing: try GzipFile.read(path), file: path)
    }

    package init(parsing bytes: [UInt8], file: String) throws {
        self.init()
        try read(bytes, file: file)
    }

    /// What can be read of a file that is torn or broken further on, and what is wrong with it. Throws where not even its head
    /// can be read.
    package static func readable(_ path: String) throws -> (conversation: Conversation, problem: ConversationError?) {
        let (bytes, tear) = try GzipFile.readable(path)
        var conversation = Conversation()
        do {
            try conversation.read(bytes, file: path)
        } catch let error as ConversationError {
            guard !conversation.advertised.isEmpty else { throw tear ?? error }
            // A tear is the reason why its last line is cut.
            let line = error.line.map { "the last whole line is \($0 - 1): " } ?? ""
            return (conversation, tear.map { ConversationError(file: path, reason: line + $0.reason) } ?? error)
        }
        return (conversation, tear)
    }

    private mutating func read(_ bytes: [UInt8], file: String) throws {
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            if line.isEmpty, index > 0, index == lines.count - 1 { break }
            let reader: LineReader
            do {
                reader = LineReader(json: try JSONValue(parsing: Array(line)), file: file, line: index + 1)
            } catch let error as JSONValue.ParseError {
                throw ConversationError(file: file, line: index + 1, reason: "no JSON: \(error)")
            }
            if index == 0 { try readHeader(reader) } else { exchanges.append(try reader.exchange()) }
        }
    }

    private mutating func readHeader(_ reader: LineReader) throws {
        let format = reader.json["format"]?.string
        guard format == Self.format else {
            throw reader.error("format \(format ?? "missing") where \(Self.format) is expected")
        }
        broker = try reader.text("broker")
        client = try reader.text("client")
        scenario = try reader.text("scenario")
        about = reader.json["description"]?.string ?? ""
        listener = try reader.text("listener")
        advertised = try reader.text("advertised")
        guard advertisedPort != nil else { throw reader.error("advertised: \(advertised) is no host:port") }
        for (key, value) in reader.json["broker_config"]?.members ?? [] {
            guard let text = value.string else { throw reader.error("broker_config: \(key) is no string") }
            brokerConfig.append((key, text))
        }
        setup = reader.json["setup"]?.elements ?? []
        clientExit = reader.json["client_exit"]?.integer.map { Int($0) }
        connections = try (reader.json["connections"]?.elements ?? []).map { try reader.connection($0) }
    }
}

/// Fields of one line, with errors that name the line.
private struct LineReader {
    let json: JSONValue
    let file: String
    let line: Int

    func error(_ reason: String) -> ConversationError { ConversationError(file: file, line: line, reason: reason) }

    func text(_ name: String) throws -> String {
        guard let text = json[name]?.string else { throw error("\(name): a string expected") }
        return text
    }

    func number(_ name: String, in json: JSONValue) throws -> Double {
        guard let number = json[name]?.double else { throw error("\(name): a number expected") }
        return number
    }

    /// Nil where the field is null or missing; throws where it is a number that does not fit.
    func integer<Value: FixedWidthInteger>(_ name: String, in json: JSONValue, as: Value.Type) throws -> Value? {
        guard let value = json[name], !value.isNull else { return nil }
        guard let number = value.integer, let fitting = Value(exactly: number) else {
            throw error("\(name): \(value.text.prefix(40)) is no \(Value.self)")
        }
        return fitting
    }

    func connection(_ json: JSONValue) throws -> ConnectionLife {
        guard let number = try integer("conn", in: json, as: Int.self) else {
            throw error("connections: conn is missing")
        }
        var life = ConnectionLife(number: number, openedMs: try self.number("opened_ms", in: json))
        life.closedMs = json["closed_ms"]?.double
        if let closer = json["closed_by"]?.string {
            guard let known = ConnectionLife.Closer(rawValue: closer) else {
                throw error("closed_by: \(closer) is neither client nor broker")
            }
            life.closedBy = known
        }
        return life
    }

    func exchange() throws -> RecordedExchange {
        guard let connection = try integer("conn", in: json, as: Int.self),
            let sequence = try integer("seq", in: json, as: Int.self)
        else { throw error("conn and seq expected") }
        guard let request = Hex.decode(try text("request")) else { throw error("request: not hexadecimal") }
        var exchange = RecordedExchange(
            connection: connection, sequence: sequence, request: request, timeMs: try number("t_ms", in: json))
        exchange.apiKey = try integer("api_key", in: json, as: Int16.self)
        exchange.apiVersion = try integer("api_version", in: json, as: Int16.self)
        exchange.correlationId = try integer("correlation_id", in: json, as: Int32.self)
        exchange.clientId = json["client_id"]?.string
        if let text = json["response"]?.string {
            guard let response = Hex.decode(text) else { throw error("response: not hexadecimal") }
            exchange.response = response
        }
        exchange.roundTripMs = json["rt_ms"]?.double
        exchange.isSaslRaw = json["sasl_raw"]?.bool ?? false
        exchange.isMalformed = json["malformed"]?.bool ?? false
        return exchange
    }
}
