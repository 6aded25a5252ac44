/// How a field is encoded. Names are the schema's.
package indirect enum FieldType: Sendable, Equatable {
    case bool, int8, int16, uint16, int32, uint32, int64, float64, uuid, string, bytes, records
    case structure(String)
    case array(FieldType)

    init(_ text: some StringProtocol) {
        switch text {
        case "bool": self = .bool
        case "int8": self = .int8
        case "int16": self = .int16
        case "uint16": self = .uint16
        case "int32": self = .int32
        case "uint32": self = .uint32
        case "int64": self = .int64
        case "float64": self = .float64
        case "uuid": self = .uuid
        case "string": self = .string
        case "bytes": self = .bytes
        case "records": self = .records
        default: self = text.hasPrefix("[]") ? .array(FieldType(text.dropFirst(2))) : .structure(String(text))
        }
    }
}

/// One field of a message, in every version of it.
package final class SchemaField: Sendable {
    /// Pascal case, as in Kafka's definitions; `key` is the same in the camel case of Kafka's JSON.
    package let name: String
    package let key: String
    package let type: FieldType
    package let versions: VersionRange
    package let nullableVersions: VersionRange
    package let taggedVersions: VersionRange
    package let tag: Int
    /// The value that it has where it is not given: text of the schema (`null`, `-1`, `true`), nil for the type's zero.
    package let defaultText: String?
    /// Part of the key of a keyed collection.
    package let isKey: Bool
    /// Never in compact form: only the client id of the request header.
    package let isNeverCompact: Bool
    package let fields: [SchemaField]

    init(_ line: SchemaLine, fields: [SchemaField]) {
        name = line.name
        key = line.name.prefix(1).lowercased() + line.name.dropFirst()
        type = line.type
        versions = line.versions
        nullableVersions = line.nullable
        taggedVersions = line.tagged
        tag = line.tag
        defaultText = line.defaultText
        isKey = line.isKey
        isNeverCompact = line.isNeverCompact
        self.fields = fields
    }

    package func isTagged(in version: Int16) -> Bool { taggedVersions.contains(version) }
}

/// One message: a request, a response, a header, or a stored record.
package final class MessageSchema: Sendable {
    package enum Kind: String, Sendable { case request, response, header, record }

    package let kind: Kind
    /// Of a request or response the API's key, of a record its type, where it has one.
    package let apiKey: Int16?
    package let name: String
    package let validVersions: VersionRange
    package let flexibleVersions: VersionRange
    package let fields: [SchemaField]

    init(kind: Kind, apiKey: Int16?, name: String, valid: VersionRange, flexible: VersionRange, fields: [SchemaField]) {
        self.kind = kind
        self.apiKey = apiKey
        self.name = name
        validVersions = valid
        flexibleVersions = flexible
        self.fields = fields
    }

    package func isFlexible(_ version: Int16) -> Bool { flexibleVersions.contains(version) }
}

/// Every message that Kafka knows, read once from the generated table.
package final class Schema: Sendable {
    package static let shared = Schema(table: schemaTable)

    package let requests: [Int16: MessageSchema]
    package let responses: [Int16: MessageSchema]
    package let records: [String: MessageSchema]
    package let requestHeader: MessageSchema
    package let responseHeader: MessageSchema
    private let errorNames: [Int64: String]

    package init(table: StaticString) {
        var reader = SchemaTableReader(table.description)
        let messages = reader.messages()
        errorNames = reader.errorNames()
        func byKey(_ kind: MessageSchema.Kind) -> [Int16: MessageSchema] {
            let pairs = messages.filter { $0.kind == kind }.compactMap { schema in schema.apiKey.map { ($0, schema) } }
            return Dictionary(uniqueKeysWithValues: pairs)
        }
        requests = byKey(.request)
        responses = byKey(.response)
        records = Dictionary(uniqueKeysWithValues: messages.filter { $0.kind == .record }.map { ($0.name, $0) })
        // The table is generated with the program: without headers it is not this program's.
        requestHeader = messages.first { $0.kind == .header && $0.name == "RequestHeader" }!
        responseHeader = messages.first { $0.kind == .header && $0.name == "ResponseHeader" }!
    }

    /// `OFFSET_OUT_OF_RANGE`; nil for a code that Kafka does not have.
    package func errorName(_ code: Int64) -> String? { errorNames[code] }

    package var apiKeys: [Int16] { requests.keys.sorted() }

    package func apiName(_ key: Int16) -> String { requests[key]?.name ?? "API \(key)" }

    package func apiKey(named name: some StringProtocol) -> Int16? {
        requests.first { $0.value.name.lowercased() == name.lowercased() }?.key
    }

    /// ControlledShutdown version 0 alone has a header without a client id.
    package func requestHeaderVersion(apiKey: Int16, version: Int16) -> Int16 {
        if apiKey == 7, version == 0 { return 0 }
        return requests[apiKey]?.isFlexible(version) == true ? 2 : 1
    }

    /// ApiVersions answers always have header version 0: a client reads them before it knows what the broker speaks.
    package func responseHeaderVersion(apiKey: Int16, version: Int16) -> Int16 {
        apiKey != 18 && responses[apiKey]?.isFlexible(version) == true ? 1 : 0
    }
}
