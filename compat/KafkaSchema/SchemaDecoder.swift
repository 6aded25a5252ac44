/// What stopped a decoder: where, and why.
package struct SchemaDecodeProblem: Error, Sendable, CustomStringConvertible {
    package var message: String
    package var version: Int16
    package var path: String
    package var byte: Int
    package var reason: String

    package var description: String {
        "\(message) v\(version): \(path.isEmpty ? "" : path + ": ")\(reason) at byte \(byte)"
    }
}

/// Bytes into a field tree, by the schema. A broken message gives the tree of what could be read, and the problem beside it.
package struct SchemaDecoder {
    package private(set) var position: Int
    package private(set) var problem: SchemaDecodeProblem?

    private let bytes: [UInt8]
    private let end: Int
    private let schema: MessageSchema
    private let version: Int16
    private let isFlexible: Bool
    private var path = FieldPath()

    private init(_ bytes: [UInt8], from start: Int, schema: MessageSchema, version: Int16) {
        self.bytes = bytes
        self.schema = schema
        self.version = version
        position = start
        end = bytes.count
        isFlexible = schema.isFlexible(version)
    }

    package struct Result: Sendable {
        package var tree: FieldTree
        package var problem: SchemaDecodeProblem?
        /// Where the message ended; less than the count of the bytes if some are left over.
        package var end: Int
    }

    /// Decodes one message that begins at `start`. Bytes that follow it are left, not an error.
    package static func decode(
        _ bytes: [UInt8], from start: Int = 0, schema: MessageSchema, version: Int16
    ) -> Result {
        var decoder = SchemaDecoder(bytes, from: min(start, bytes.count), schema: schema, version: version)
        if !schema.validVersions.contains(version) {
            decoder.fail("this version is not known (\(schema.validVersions) are)")
            return Result(tree: FieldTree(.structure([]), range: start..<start), problem: decoder.problem, end: start)
        }
        let value = decoder.structure(schema.fields)
        let range = start..<max(start, decoder.position)
        return Result(tree: FieldTree(value, range: range), problem: decoder.problem, end: decoder.position)
    }

    // Every read returns some value once a problem is set, and every loop ends then: what was read until there is kept.

    private mutating func fail(_ reason: String) {
        guard problem == nil else { return }
        problem = SchemaDecodeProblem(
            message: schema.displayName, version: version, path: path.description, byte: position, reason: reason)
    }

    private mutating func structure(_ fields: [SchemaField]) -> FieldValue {
        var members: [FieldMember] = []
        for field in fields where field.versions.contains(version) && !field.isTagged(in: version) {
            members.append(member(field, isTagged: false))
            if problem != nil { return .structure(members) }
        }
        if isFlexible { taggedFields(fields, into: &members) }
        return .structure(members)
    }

    private mutating func member(_ field: SchemaField, isTagged: Bool) -> FieldMember {
        path.steps.append(.member(field.key))
        defer { path.steps.removeLast() }
        let start = position
        let isCompact = isFlexible && !field.isNeverCompact
        let isNullable = field.nullableVersions.contains(version)
        let value = value(field, field.type, isCompact: isCompact, isNullable: isNullable, isTagged: isTagged)
        return FieldMember(
            field: field, tag: isTagged ? field.tag : -1, tree: FieldTree(value, range: start..<position))
    }

    private mutating func taggedFields(_ fields: [SchemaField], into members: inout [FieldMember]) {
        let count = unsignedVarint()
        // A tagged field takes two bytes at the least.
        if problem == nil, count > (end - position) / 2 { fail("\(count) tagged fields in \(end - position) bytes") }
        var remaining = problem == nil ? count : 0
        while remaining > 0, problem == nil {
            remaining -= 1
            let tag = unsignedVarint()
            let size = unsignedVarint()
            if problem == nil, size > end - position {
                fail("tagged field \(tag) of \(size) bytes, \(end - position) left")
            }
            if problem != nil { return }
            let start = position
            let known = fields.first {
                $0.tag == tag && $0.isTagged(in: version) && $0.versions.contains(version)
            }
            if let known {
                members.append(member(known, isTagged: true))
                if problem == nil, position != start + size {
                    fail("tagged field \(known.name) takes \(position - start) bytes, its size says \(size)")
                }
            } else {
                position += size
                let tree = FieldTree(.bytes(Array(bytes[start..<position])), range: start..<position)
                members.append(FieldMember(field: nil, tag: tag, tree: tree))
            }
        }
    }

    private mutating func value(
        _ field: SchemaField, _ type: FieldType, isCompact: Bool, isNullable: Bool, isTagged: Bool
    ) -> FieldValue {
        switch type {
        case .bool: return .bool(integer(1) != 0)
        case .int8: return .int(integer(1))
        case .int16: return .int(integer(2))
        case .uint16: return .int(integer(2) & 0xffff)
        case .int32: return .int(integer(4))
        case .uint32: return .int(integer(4) & 0xffff_ffff)
        case .int64: return .int(integer(8))
        case .float64: return .double(Double(bitPattern: UInt64(bitPattern: integer(8))))
        case .uuid: return .uuid(take(16))
        case .string, .bytes, .records:
            guard let length = length(type == .string ? 2 : 4, isCompact, isNullable) else { return .null }
            let content = take(length)
            return type == .string ? .string(content) : type == .bytes ? .bytes(content) : .records(content)
        case .array(let element): return array(field, of: element, isCompact: isCompact, isNullable: isNullable)
        case .structure:
            // Whether a structure is null stands in one byte, but in a varint where it is a tagged field.
            if isNullable, isTagged ? unsignedVarint() == 0 : integer(1) < 0 { return .null }
            return problem == nil ? structure(field.fields) : .structure([])
        }
    }

    private mutating func array(_ field: SchemaField, of element: FieldType, isCompact: Bool, isNullable: Bool)
        -> FieldValue
    {
        guard let count = length(4, isCompact, isNullable) else { return .null }
        // Every element takes a byte at the least, so a count cannot ask for more memory than the frame has.
        if problem == nil, count > end - position { fail("an array of \(count) elements in \(end - position) bytes") }
        var elements: [FieldTree] = []
        var index = 0
        while problem == nil, index < count {
            path.steps.append(.element(index))
            let start = position
            let value = value(field, element, isCompact: isCompact, isNullable: false, isTagged: false)
            elements.append(FieldTree(value, range: start..<position))
            path.steps.removeLast()
            index += 1
        }
        return .array(elements)
    }

    /// The length or count before a string, bytes or an array; nil for null.
    private mutating func length(_ size: Int, _ isCompact: Bool, _ isNullable: Bool) -> Int? {
        let length = isCompact ? unsignedVarint() - 1 : Int(integer(size))
        if length < 0, problem == nil, !isNullable || length < -1 {
            fail(length == -1 ? "null where null is not allowed" : "length \(length)")
        }
        return length < 0 ? nil : length
    }

    private mutating func take(_ count: Int) -> [UInt8] {
        guard problem == nil else { return [] }
        guard count <= end - position else {
            fail("\(count) bytes wanted, \(end - position) left")
            return []
        }
        defer { position += count }
        return Array(bytes[position..<(position + count)])
    }

    private mutating func integer(_ size: Int) -> Int64 {
        guard problem == nil else { return 0 }
        guard size <= end - position else {
            fail("\(size) bytes wanted, \(end - position) left")
            return 0
        }
        var value = Int64(Int8(bitPattern: bytes[position]))
        for offset in 1..<max(size, 1) where offset < size { value = value << 8 | Int64(bytes[position + offset]) }
        position += size
        return value
    }

    private mutating func unsignedVarint() -> Int {
        guard problem == nil else { return 0 }
        let start = position
        var value = 0
        for shift in stride(from: 0, through: 28, by: 7) {
            guard position < end else {
                fail("a varint does not end")
                return 0
            }
            let byte = Int(bytes[position])
            position += 1
            value |= (byte & 0x7f) << shift
            if byte < 0x80 {
                guard value <= Int(UInt32.max) else { break }
                return value
            }
        }
        position = start
        fail("a varint is longer than 32 bits")
        return 0
    }
}

extension MessageSchema {
    /// `FetchRequest`, `TopicRecord`, `RequestHeader`.
    package var displayName: String {
        switch kind {
        case .request: name + "Request"
        case .response: name + "Response"
        case .header, .record: name
        }
    }
}
