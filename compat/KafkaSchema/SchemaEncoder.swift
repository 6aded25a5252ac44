/// A field tree back into bytes. What a decoder read is written as it stood: unknown tagged fields too, and a tagged field
/// exactly if the tree has it.
package struct SchemaEncoder {
    package private(set) var bytes: [UInt8] = []
    private let version: Int16
    private let isFlexible: Bool

    private init(schema: MessageSchema, version: Int16) {
        self.version = version
        isFlexible = schema.isFlexible(version)
    }

    /// Throws if the tree does not fit the schema: a null where none may be, a member that is missing or of another type.
    package static func encode(_ tree: FieldTree, schema: MessageSchema, version: Int16) throws -> [UInt8] {
        var encoder = SchemaEncoder(schema: schema, version: version)
        try encoder.structure(schema.fields, tree, at: schema.displayName)
        return encoder.bytes
    }

    package struct Problem: Error, CustomStringConvertible {
        package var place: String
        package var reason: String
        package var description: String { "\(place): \(reason)" }
    }

    private mutating func structure(_ fields: [SchemaField], _ tree: FieldTree, at place: String) throws {
        guard case .structure(let members) = tree.value else {
            throw Problem(place: place, reason: "a structure expected")
        }
        for field in fields where field.versions.contains(version) && !field.isTagged(in: version) {
            guard let member = members.first(where: { $0.field === field }) else {
                throw Problem(place: "\(place).\(field.key)", reason: "no value")
            }
            try write(field, member.tree, at: place, isTagged: false)
        }
        guard isFlexible else { return }
        let tagged = members.filter { $0.tag >= 0 }.sorted { $0.tag < $1.tag }
        unsignedVarint(tagged.count)
        for member in tagged {
            var content = self
            content.bytes = []
            if let field = member.field {
                try content.write(field, member.tree, at: place, isTagged: true)
            } else {
                content.bytes = member.tree.content ?? []
            }
            unsignedVarint(member.tag)
            unsignedVarint(content.bytes.count)
            bytes += content.bytes
        }
    }

    private mutating func write(_ field: SchemaField, _ tree: FieldTree, at place: String, isTagged: Bool) throws {
        try value(
            field, field.type, tree, at: "\(place).\(field.key)", isCompact: isFlexible && !field.isNeverCompact,
            isNullable: field.nullableVersions.contains(version), isTagged: isTagged)
    }

    private mutating func value(
        _ field: SchemaField, _ type: FieldType, _ tree: FieldTree, at place: String, isCompact: Bool, isNullable: Bool,
        isTagged: Bool
    ) throws {
        if tree.isNull {
            guard isNullable else { throw Problem(place: place, reason: "null where null is not allowed") }
            return null(type, isCompact: isCompact, isTagged: isTagged)
        }
        switch (type, tree.value) {
        case (.bool, .bool(let value)): bytes.append(value ? 1 : 0)
        case (.int8, .int(let value)): integer(value, 1)
        case (.int16, .int(let value)), (.uint16, .int(let value)): integer(value, 2)
        case (.int32, .int(let value)), (.uint32, .int(let value)): integer(value, 4)
        case (.int64, .int(let value)): integer(value, 8)
        case (.float64, .double(let value)): integer(Int64(bitPattern: value.bitPattern), 8)
        case (.uuid, .uuid(let content)) where content.count == 16: bytes += content
        case (.string, .string(let content)):
            length(content.count, 2, isCompact)
            bytes += content
        case (.bytes, .bytes(let content)), (.records, .records(let content)):
            length(content.count, 4, isCompact)
            bytes += content
        case (.array(let element), .array(let elements)):
            length(elements.count, 4, isCompact)
            for (index, tree) in elements.enumerated() {
                try value(
                    field, element, tree, at: "\(place)[\(index)]", isCompact: isCompact, isNullable: false,
                    isTagged: false)
            }
        case (.structure, .structure):
            if isNullable, isTagged { unsignedVarint(1) } else if isNullable { bytes.append(1) }
            try structure(field.fields, tree, at: place)
        default: throw Problem(place: place, reason: "the value does not fit \(type)")
        }
    }

    private mutating func null(_ type: FieldType, isCompact: Bool, isTagged: Bool) {
        switch type {
        case .structure: if isTagged { unsignedVarint(0) } else { bytes.append(0xff) }
        default: length(-1, type == .string ? 2 : 4, isCompact)
        }
    }

    private mutating func length(_ length: Int, _ size: Int, _ isCompact: Bool) {
        if isCompact { unsignedVarint(length + 1) } else { integer(Int64(length), size) }
    }

    private mutating func integer(_ value: Int64, _ size: Int) {
        for shift in stride(from: (size - 1) * 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private mutating func unsignedVarint(_ value: Int) {
        var rest = UInt32(truncatingIfNeeded: value)
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
