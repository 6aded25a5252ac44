package import KafkaSchema

/// A frame taken apart: header, body, and what is odd about it. Nothing is thrown: of a broken frame the readable part stays.
package struct Packet: Sendable {
    package var frame: [UInt8]
    package var apiKey: Int16
    package var version: Int16
    package var header: FieldTree
    package var body: FieldTree
    /// Nil for an API that the schema does not know.
    package var schema: MessageSchema?
    package var headerSchema: MessageSchema
    package var headerVersion: Int16
    package var problem: String?
    /// Bytes after the last field. Brokers accept them in a request.
    package var leftOver: Int

    package var correlationId: Int32? { header["correlationId"]?.integer.map { Int32(truncatingIfNeeded: $0) } }

    /// Header and body again, with what was left over behind them.
    package func encoded() throws -> [UInt8] {
        guard let schema, problem == nil else { return frame }
        return try SchemaEncoder.encode(header, schema: headerSchema, version: headerVersion)
            + SchemaEncoder.encode(body, schema: schema, version: version) + frame.suffix(leftOver)
    }

    /// Nil if the frame is too short even for API, version and correlation id.
    package init?(request frame: [UInt8]) {
        guard frame.count >= 8 else { return nil }
        let apiKey = Int16(bitPattern: UInt16(frame[0]) << 8 | UInt16(frame[1]))
        let version = Int16(bitPattern: UInt16(frame[2]) << 8 | UInt16(frame[3]))
        let headerVersion = Schema.shared.requestHeaderVersion(apiKey: apiKey, version: version)
        self.init(
            frame, apiKey: apiKey, version: version, schema: Schema.shared.requests[apiKey],
            headerSchema: Schema.shared.requestHeader, headerVersion: headerVersion)
    }

    package init(response frame: [UInt8], apiKey: Int16, version: Int16) {
        // An ApiVersions request of a version that the broker does not know is answered in version 0, which all read.
        var version = version
        if apiKey == 18, frame.count >= 6, version > 0, frame[4] == 0, frame[5] == 35 { version = 0 }
        let headerVersion = Schema.shared.responseHeaderVersion(apiKey: apiKey, version: version)
        self.init(
            frame, apiKey: apiKey, version: version, schema: Schema.shared.responses[apiKey],
            headerSchema: Schema.shared.responseHeader, headerVersion: headerVersion)
    }

    private init(
        _ frame: [UInt8], apiKey: Int16, version: Int16, schema: MessageSchema?, headerSchema: MessageSchema,
        headerVersion: Int16
    ) {
        self.frame = frame
        self.apiKey = apiKey
        self.version = version
        self.schema = schema
        self.headerSchema = headerSchema
        self.headerVersion = headerVersion
        let header = SchemaDecoder.decode(frame, schema: headerSchema, version: headerVersion)
        self.header = header.tree
        body = FieldTree(.structure([]), range: header.end..<header.end)
        leftOver = frame.count - header.end
        if let problem = header.problem {
            self.problem = problem.description
        } else if let schema {
            let decoded = SchemaDecoder.decode(frame, from: header.end, schema: schema, version: version)
            body = decoded.tree
            problem = decoded.problem?.description
            leftOver = frame.count - decoded.end
        } else {
            problem = "API \(apiKey) is not known"
        }
    }
}
