extension StructEmitter {
    func emitDecode(into text: inout SwiftText) throws {
        let head = "package mutating func decode(from reader: inout WireReader, version: Int16) throws(DecodeError)"
        try text.block(head) { text in
            if usesFlexible { text.line("let flexible = \(flexibleCondition)") }
            for field in fields {
                guard let plain = plainVersions(of: field) else { continue }
                let statement = try readStatement(field, in: plain, isTagged: false)
                if let condition = condition(plain) {
                    text.shortBlock("if \(condition)", statement)
                } else {
                    text.line(statement)
                }
            }
            try emitTagDecoding(into: &text)
        }
    }

    /// Whether the coding asks if the version is flexible: for a compact length, or for a tagged section.
    var usesFlexible: Bool {
        if flexibleVersions != nil && flexibleCondition != "true" { return true }
        return fields.contains { $0.type.usesCompactLength && !$0.isNeverCompact }
    }

    private func emitTagDecoding(into text: inout SwiftText) throws {
        guard let flexible = flexibleVersions else { return }
        let guardText = flexibleCondition == "true" ? "" : "flexible"
        if taggedFields.isEmpty {
            let statement = "unknownTags = try reader.unknownTags()"
            if guardText.isEmpty { text.line(statement) } else { text.shortBlock("if \(guardText)", statement) }
            return
        }
        try text.block("if \(guardText.isEmpty ? "" : guardText + ", ")try reader.hasTags()") { text in
            text.line("var section = try reader.beginTags()")
            try text.block("while let tag = try reader.nextTag(&section)") { text in
                text.line("switch tag {")
                for field in taggedFields {
                    let tagged = taggedVersions(of: field)!
                    let condition = condition(tagged, within: flexible).map { " where \($0)" } ?? ""
                    text.line("case \(field.tag!.number)\(condition):")
                    text.line("    " + (try readStatement(field, in: tagged, isTagged: true)))
                }
                text.line("default: reader.skipTag(section, into: &unknownTags)")
                text.line("}")
                text.line("try reader.endTag(section)")
            }
        }
    }

    /// `members = try reader.structs("members", version, flexible)`
    private func readStatement(
        _ field: Field, in context: ClosedRange<Int>, isTagged: Bool
    ) throws -> String {
        let member = SwiftName.member(field.name)
        let target = assignable(member)
        if case .structure = field.type {
            return try readStructStatement(field, target: target, in: context, isTagged: isTagged)
        }
        let flexible = field.isNeverCompact ? "false" : "flexible"
        let call =
            switch field.type {
            case .bool, .int8, .int16, .uint16, .int32, .uint32, .int64, .float64, .uuid:
                "\(field.type.wireName)(\"\(member)\")"
            case .records:
                "records(\"\(member)\", \(flexible), nullAllowed: \(recordsNullAllowed(field, in: context)))"
            default:
                try nullableCall(field, in: context, flexible: flexible)
            }
        return "\(target) = try reader.\(call)"
    }

    private func nullableCall(
        _ field: Field, in context: ClosedRange<Int>, flexible: String
    ) throws -> String {
        let kind = try valueKind(field)
        let version = kind == "structs" ? "version, " : ""
        let arguments = "(\"\(SwiftName.member(field.name))\", \(version)\(flexible)"
        guard let nullable = field.nullableVersions?.intersection(context) else { return kind + arguments + ")" }
        let name = "nullable" + kind.prefix(1).uppercased() + kind.dropFirst()
        return name + arguments + (condition(nullable, within: context).map { ", nullAllowed: \($0)" } ?? "") + ")"
    }

    private func readStructStatement(
        _ field: Field, target: String, in context: ClosedRange<Int>, isTagged: Bool
    ) throws -> String {
        let member = SwiftName.member(field.name)
        guard let nullable = field.nullableVersions?.intersection(context) else {
            return "try reader.read(&\(target), \"\(member)\", version)"
        }
        if isTagged { return "\(target) = try reader.nullableTaggedStruct(\"\(member)\", version)" }
        let allowed = condition(nullable, within: context).map { ", nullAllowed: \($0)" } ?? ""
        return "\(target) = try reader.nullableStruct(\"\(member)\", version\(allowed))"
    }

    func recordsNullAllowed(_ field: Field, in context: ClosedRange<Int>) -> String {
        guard let nullable = field.nullableVersions?.intersection(context) else { return "false" }
        return condition(nullable, within: context) ?? "true"
    }

    /// The reader's and the writer's name for a value with a length in front.
    func valueKind(_ field: Field) throws -> String {
        switch field.type {
        case .string: return "string"
        case .bytes: return "bytes"
        case .array(.string): return "strings"
        case .array(.uuid): return "uuids"
        case .array(.structure): return "structs"
        case .array(let element) where isInteger(element): return "integers"
        default: throw GeneratorError("\(name).\(field.name): no reader for its type")
        }
    }

    /// A property whose name is also that of something local is reached by `self`.
    func assignable(_ member: String) -> String {
        let locals: Set<String> = [
            "version", "reader", "writer", "flexible", "tag", "section", "tagCount", "known", "start",
        ]
        return locals.contains(member) ? "self.\(member)" : SwiftName.escaped(member)
    }
}

extension FieldType {
    /// The name of a primitive in the schema, which is also that of its methods.
    var wireName: String {
        switch self {
        case .bool: "bool"
        case .int8: "int8"
        case .int16: "int16"
        case .uint16: "uint16"
        case .int32: "int32"
        case .uint32: "uint32"
        case .int64: "int64"
        case .float64: "float64"
        case .uuid: "uuid"
        case .string: "string"
        case .bytes: "bytes"
        case .records: "records"
        case .structure(let name): name
        case .array(let element): "[]" + element.wireName
        }
    }

    var usesCompactLength: Bool {
        switch self {
        case .string, .bytes, .records, .array: true
        default: false
        }
    }
}
