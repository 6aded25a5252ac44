extension FieldTree {
    /// Kafka's own JSON: camel case keys, bytes as base64, uuids as URL-safe base64 without padding, unknown tagged fields left
    /// out, records always the empty string.
    package var json: JSONValue {
        switch value {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .integer(value)
        case .double(let value): .number("\(value)")
        case .string(let content): .string(String(decoding: content, as: UTF8.self))
        case .bytes(let content): .string(Base64.encode(content))
        case .uuid(let content): .string(Base64.encodeURL(content))
        case .records: .string("")
        case .array(let elements): .array(elements.map(\.json))
        case .structure(let members):
            .object(members.filter { $0.field != nil }.map { (key: $0.key, value: $0.tree.json) })
        }
    }

    /// What a message of that version holds where JSON says nothing about it: the schema's defaults. Throws on a key that the
    /// schema does not have in this version, and on a value that does not fit.
    package init(json: JSONValue, schema: MessageSchema, version: Int16) throws {
        self = try Self.structure(json, schema.fields, version, at: schema.displayName)
    }

    private static func structure(
        _ json: JSONValue, _ fields: [SchemaField], _ version: Int16, at place: String
    ) throws -> FieldTree {
        guard case .object(let given) = json else {
            throw SchemaEncoder.Problem(place: place, reason: "an object expected")
        }
        for (key, _) in given where !fields.contains(where: { $0.key == key && $0.versions.contains(version) }) {
            throw SchemaEncoder.Problem(place: "\(place).\(key)", reason: "no such field in version \(version)")
        }
        var members: [FieldMember] = []
        for field in fields where field.versions.contains(version) {
            let isTagged = field.isTagged(in: version)
            let place = "\(place).\(field.key)"
            if let value = json[field.key] {
                let tree = try Self.value(value, field, field.type, version, at: place)
                members.append(FieldMember(field: field, tag: isTagged ? field.tag : -1, tree: tree))
            } else if !isTagged {
                members.append(FieldMember(field: field, tree: defaultTree(field, version)))
            }
        }
        return FieldTree(.structure(members))
    }

    private static func value(
        _ json: JSONValue, _ field: SchemaField, _ type: FieldType, _ version: Int16, at place: String
    ) throws -> FieldTree {
        if json.isNull { return FieldTree(.null) }
        switch (type, json) {
        case (.bool, .bool(let value)): return FieldTree(.bool(value))
        case (.float64, .number(let text)): return FieldTree(.double(Double(text) ?? 0))
        case (.string, .string(let text)): return FieldTree(.string(Array(text.utf8)))
        case (.bytes, .string(let text)), (.records, .string(let text)), (.uuid, .string(let text)):
            guard let content = Base64.decode(text) else { break }
            return FieldTree(type == .bytes ? .bytes(content) : type == .uuid ? .uuid(content) : .records(content))
        case (.array(let element), .array(let elements)):
            return FieldTree(
                .array(
                    try elements.enumerated().map { index, json in
                        try Self.value(json, field, element, version, at: "\(place)[\(index)]")
                    }))
        case (.structure, .object): return try structure(json, field.fields, version, at: place)
        case (_, .number(let text)):
            if let value = Int64(text) { return FieldTree(.int(value)) }
        default: break
        }
        throw SchemaEncoder.Problem(place: place, reason: "\(json.text.prefix(60)) does not fit \(type)")
    }

    private static func defaultTree(_ field: SchemaField, _ version: Int16) -> FieldTree {
        let text = field.defaultText
        if text == "null" { return FieldTree(.null) }
        let value: FieldValue =
            switch field.type {
            case .bool: .bool(text == "true")
            case .int8, .int16, .uint16, .int32, .uint32, .int64: .int(text.flatMap { Int64($0) } ?? 0)
            case .float64: .double(text.flatMap { Double($0) } ?? 0)
            case .uuid: .uuid([UInt8](repeating: 0, count: 16))
            case .string: .string([])
            case .bytes: .bytes([])
            case .records: .records([])
            case .array: .array([])
            case .structure:
                .structure(
                    field.fields.filter { $0.versions.contains(version) && !$0.isTagged(in: version) }
                        .map { FieldMember(field: $0, tree: defaultTree($0, version)) })
            }
        return FieldTree(value)
    }
}

/// Both alphabets of base64.
package enum Base64 {
    private static let plain = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let url = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func encode(_ bytes: [UInt8]) -> String { encode(bytes, plain, isPadded: true) }

    /// Kafka's text form of a uuid.
    package static func encodeURL(_ bytes: [UInt8]) -> String { encode(bytes, url, isPadded: false) }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], isPadded: Bool) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let count = min(3, bytes.count - start)
            var bits: UInt32 = 0
            for offset in 0..<3 { bits = bits << 8 | (offset < count ? UInt32(bytes[start + offset]) : 0) }
            for digit in 0..<4 {
                if digit <= count {
                    text.append(alphabet[Int(bits >> UInt32(18 - 6 * digit)) & 63])
                } else if isPadded {
                    text.append(UInt8(ascii: "="))
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Either alphabet, with or without padding; nil for anything else.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var out: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let digit = plain.firstIndex(of: byte) ?? url.firstIndex(of: byte) else { return nil }
            bits = bits << 6 | UInt32(digit)
            count += 1
            if count % 4 == 0 {
                out += [UInt8(bits >> 16 & 255), UInt8(bits >> 8 & 255), UInt8(bits & 255)]
                bits = 0
            }
        }
        switch count % 4 {
        case 1: return nil
        case 2: out.append(UInt8(bits >> 4 & 255))
        case 3: out += [UInt8(bits >> 10 & 255), UInt8(bits >> 2 & 255)]
        default: break
        }
        return out
    }
}
