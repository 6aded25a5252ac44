/// What the schema files say, checked: the one thing that every emitter reads.
struct Schema {
    var apis: [API] = []
    var headers: [Message] = []
    var records: [Message] = []
    var errors: [ErrorFact] = []

    /// Every message: requests and responses by API key, headers, records by name.
    var messages: [Message] { apis.flatMap { [$0.request, $0.response] } + headers + records }
}

struct API {
    let key: Int
    let name: String
    let listeners: [String]
    /// A version that Kafka has but does not advertise.
    let unstableVersion: Int?
    let request: Message
    let response: Message
}

struct ErrorFact {
    let code: Int
    /// As Kafka spells it: `OFFSET_OUT_OF_RANGE`.
    let name: String
    let isRetriable: Bool
}

struct Message {
    enum Role: Equatable {
        case request(apiKey: Int)
        case response(apiKey: Int)
        case header
        case record(Framing?)
    }

    /// What stands before the body of a stored record: `coordinator-value`, and the record type where it has one.
    struct Framing: Equatable {
        let name: String
        let recordType: Int?
    }

    /// `JoinGroupRequest`, `RequestHeader`, `TopicRecord`.
    let name: String
    let role: Role
    /// The file that it comes from, relative to the schema folder.
    let file: String
    let validVersions: ClosedRange<Int>
    let flexibleVersions: ClosedRange<Int>?
    /// Header versions that do not follow from `flexibleVersions`.
    let headerExceptions: [HeaderException]
    let fields: [Field]

    struct HeaderException {
        let headerVersion: Int
        let versions: ClosedRange<Int>
    }

    func headerVersion(for version: Int) -> Int {
        if let exception = headerExceptions.first(where: { $0.versions.contains(version) }) {
            return exception.headerVersion
        }
        let isFlexible = flexibleVersions?.contains(version) ?? false
        if case .request = role { return isFlexible ? 2 : 1 }
        return isFlexible ? 1 : 0
    }
}

struct Field {
    /// In Pascal case, as in Kafka's schemas.
    let name: String
    let type: FieldType
    /// Within the versions of the message; an open end is closed by the message's last version.
    let versions: ClosedRange<Int>
    let nullableVersions: ClosedRange<Int>?
    let tag: Tag?
    let defaultValue: DefaultValue?
    let isIgnorable: Bool
    let isKey: Bool
    let isNeverCompact: Bool
    /// The members, where the type is a struct or an array of structs.
    let members: [Field]

    struct Tag {
        let number: Int
        let versions: ClosedRange<Int>
    }
}

indirect enum FieldType: Equatable {
    case bool, int8, int16, uint16, int32, uint32, int64, float64, uuid, string, bytes, records
    case structure(String)
    case array(FieldType)

    init(_ text: String) {
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
        case _ where text.hasPrefix("[]"): self = .array(FieldType(String(text.dropFirst(2))))
        default: self = .structure(text)
        }
    }

    /// The struct that this is, or that this is an array of.
    var structName: String? {
        switch self {
        case .structure(let name): name
        case .array(let element): element.structName
        default: nil
        }
    }

    /// Bytes on the wire, where that does not depend on the value.
    var fixedSize: Int? {
        switch self {
        case .bool, .int8: 1
        case .int16, .uint16: 2
        case .int32, .uint32: 4
        case .int64, .float64: 8
        case .uuid: 16
        case .string, .bytes, .records, .structure, .array: nil
        }
    }
}

enum DefaultValue: Equatable {
    case null
    case bool(Bool)
    case number(String)
    case text(String)
}

/// A struct of a message, once for all places that use it.
struct MessageStruct {
    let name: String
    let fields: [Field]
    /// The versions in which some place uses it.
    var versions: ClosedRange<Int>
}

extension Message {
    /// The structs below the message, in the order in which they first appear.
    var structs: [MessageStruct] {
        var found: [MessageStruct] = []
        func collect(_ fields: [Field], within context: ClosedRange<Int>) {
            for field in fields {
                guard let name = field.type.structName, let versions = field.versions.intersection(context) else {
                    continue
                }
                if let index = found.firstIndex(where: { $0.name == name }) {
                    let known = found[index].versions
                    found[index].versions =
                        min(known.lowerBound, versions.lowerBound)...max(known.upperBound, versions.upperBound)
                } else {
                    found.append(MessageStruct(name: name, fields: field.members, versions: versions))
                }
                collect(field.members, within: versions)
            }
        }
        collect(fields, within: validVersions)
        return found
    }
}

extension ClosedRange<Int> {
    func intersection(_ other: ClosedRange<Int>) -> ClosedRange<Int>? {
        let lower = Swift.max(lowerBound, other.lowerBound)
        let upper = Swift.min(upperBound, other.upperBound)
        return lower <= upper ? lower...upper : nil
    }
}
