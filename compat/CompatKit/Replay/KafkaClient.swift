package import KafkaSchema

/// A client that speaks JSON: requests as Kafka's JSON of them, answers the same way. For the tools' own questions to a broker.
package final class KafkaClient {
    package struct Failure: Error, CustomStringConvertible {
        package var api: String
        package var reason: String
        /// The broker, where the message has to say which.
        package var broker: Address?
        package var description: String { "\(broker.map { "\($0): " } ?? "")\(api): \(reason)" }
    }

    private let link: FrameLink
    private let broker: Address?
    private let timeoutMs: Int
    private var correlationId: Int32 = 0

    /// Failures name the broker if it is given.
    package init(_ link: FrameLink, to broker: Address? = nil, timeoutMs: Int = 20_000) {
        self.link = link
        self.broker = broker
        self.timeoutMs = timeoutMs
    }

    package func close() { link.close() }

    package func call(_ api: String, version: Int16, _ body: JSONValue) throws -> FieldTree {
        guard let key = Schema.shared.apiKey(named: api), let schema = Schema.shared.requests[key] else {
            throw Failure(api: api, reason: "no such API")
        }
        correlationId += 1
        let headerVersion = Schema.shared.requestHeaderVersion(apiKey: key, version: version)
        let header = JSONValue.object([
            ("requestApiKey", .integer(key)), ("requestApiVersion", .integer(version)),
            ("correlationId", .integer(correlationId)), ("clientId", .string("jackdaw-compat")),
        ])
        let headerSchema = Schema.shared.requestHeader
        var frame = try SchemaEncoder.encode(
            FieldTree(json: header, schema: headerSchema, version: headerVersion), schema: headerSchema,
            version: headerVersion)
        frame += try SchemaEncoder.encode(
            FieldTree(json: body, schema: schema, version: version), schema: schema, version: version)
        func failure(_ reason: String) -> Failure { Failure(api: "\(api) v\(version)", reason: reason, broker: broker) }
        let deadline = Deadline.after(milliseconds: timeoutMs)
        do {
            try link.send(frame, until: deadline)
            let answer = Packet(response: try link.receive(until: deadline), apiKey: key, version: version)
            guard answer.correlationId == correlationId else {
                throw failure("the answer has another correlation id than the request")
            }
            if let problem = answer.problem { throw failure(problem) }
            if answer.leftOver > 0 { throw failure("\(answer.leftOver) bytes after the answer's last field") }
            return answer.body
        } catch let error as LinkError {
            throw failure("\(error)")
        }
    }

    /// Authenticates by PLAIN.
    package func authenticate(user: String, password: String) throws {
        let handshake = try call("SaslHandshake", version: 1, .object([("mechanism", .string("PLAIN"))]))
        try Self.check(handshake, "SaslHandshake")
        let token = [0] + Array(user.utf8) + [0] + Array(password.utf8)
        let answer = try call("SaslAuthenticate", version: 1, .object([("authBytes", .string(Base64.encode(token)))]))
        try Self.check(answer, "SaslAuthenticate")
    }

    /// Throws where a structure's error code says so.
    package static func check(_ tree: FieldTree, _ api: String, allowing allowed: Set<Int64> = []) throws {
        guard let code = tree["errorCode"]?.integer, code != 0, !allowed.contains(code) else { return }
        let message = tree["errorMessage"]?.string.map { ": \($0)" } ?? ""
        throw Failure(api: api, reason: "error \(code)\(message)")
    }
}
