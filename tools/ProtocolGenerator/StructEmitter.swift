/// One struct, of a message or nested in it: its properties here, its coding in the extensions next door.
struct StructEmitter {
    let name: String
    let fields: [Field]
    /// The versions in which it occurs: what conditions are relative to.
    let versions: ClosedRange<Int>
    let message: Message

    var flexibleVersions: ClosedRange<Int>? { message.flexibleVersions?.intersection(versions) }

    /// Fields that are tagged in some version, ascending by tag.
    var taggedFields: [Field] {
        fields.filter { taggedVersions(of: $0) != nil }.sorted { $0.tag!.number < $1.tag!.number }
    }

    func taggedVersions(of field: Field) -> ClosedRange<Int>? {
        field.tag?.versions.intersection(versions)
    }

    /// The versions in which the field stands in its place, and not among the tagged ones.
    func plainVersions(of field: Field) -> ClosedRange<Int>? {
        guard let all = field.versions.intersection(versions) else { return nil }
        guard let tagged = taggedVersions(of: field) else { return all }
        // A field becomes tagged and stays it: what is left is what is below.
        return all.lowerBound < tagged.lowerBound ? all.lowerBound...(tagged.lowerBound - 1) : nil
    }

    /// The Swift condition for "the version is in `range`", given that it is in `context`; nil where it always is.
    func condition(_ range: ClosedRange<Int>, within context: ClosedRange<Int>? = nil) -> String? {
        let context = context ?? versions
        var parts: [String] = []
        if range.lowerBound > context.lowerBound {
            parts.append("version \(range.lowerBound == context.upperBound ? "==" : ">=") \(range.lowerBound)")
        }
        if range.upperBound < context.upperBound {
            parts.append("version \(range.upperBound == context.lowerBound ? "==" : "<=") \(range.upperBound)")
        }
        return parts.isEmpty ? nil : parts.joined(separator: " && ")
    }

    /// The condition for flexible versions: "true" and "false" where it does not depend on the version.
    var flexibleCondition: String {
        guard let flexible = flexibleVersions else { return "false" }
        return condition(flexible) ?? "true"
    }

    // MARK: Properties

    func emitProperties(into text: inout SwiftText) {
        text.line("package static var smallestSize: Int { \(smallestSize) }")
        text.line()
        for field in fields {
            let property = SwiftName.escaped(SwiftName.member(field.name))
            let versionNote = field.versions.intersection(versions).flatMap {
                condition($0) == nil ? nil : note(field.versions)
            }
            text.line(
                "package var \(property): \(swiftType(field)) = \(defaultValue(field))"
                    + (versionNote.map { "  // \($0)" } ?? ""))
        }
        if flexibleVersions != nil { text.line("package var unknownTags: UnknownTags = .none") }
        text.line()
        text.line("package init() {}")
    }

    private func note(_ range: ClosedRange<Int>) -> String {
        if range.upperBound == message.validVersions.upperBound { return "\(range.lowerBound)+" }
        return range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }

    func swiftType(_ field: Field) -> String {
        // Records are null by themselves.
        let optional = field.nullableVersions != nil && field.type != .records ? "?" : ""
        return swiftType(field.type) + optional
    }

    private func swiftType(_ type: FieldType) -> String {
        switch type {
        case .bool: "Bool"
        case .int8: "Int8"
        case .int16: "Int16"
        case .uint16: "UInt16"
        case .int32: "Int32"
        case .uint32: "UInt32"
        case .int64: "Int64"
        case .float64: "Double"
        case .uuid: "Uuid"
        case .string, .bytes: "WireBytes"
        case .records: "WireRecords"
        case .structure(let name): name
        case .array(let element): "\(isInteger(element) ? "WireIntegers" : "WireArray")<\(swiftType(element))>"
        }
    }

    func isInteger(_ type: FieldType) -> Bool {
        switch type {
        case .int8, .int16, .uint16, .int32, .uint32, .int64: true
        default: false
        }
    }

    func defaultValue(_ field: Field) -> String {
        switch field.defaultValue {
        case .null: return field.type == .records ? ".null" : "nil"
        case .bool(let value): return "\(value)"
        case .number(let value): return value
        case .text(let value) where !value.isEmpty: return "\"\(value)\""
        case .text, nil: break
        }
        switch field.type {
        case .bool: return "false"
        case .int8, .int16, .uint16, .int32, .uint32, .int64, .float64: return "0"
        case .uuid: return ".zero"
        case .string, .bytes, .records, .array: return ".empty"
        case .structure(let name): return "\(name)()"
        }
    }

    /// Swift that is true where the field holds something else than its default.
    func isSet(_ field: Field) -> String { comparison(field).isSet }

    /// Swift that is true where the field holds its default.
    func isUnset(_ field: Field) -> String { comparison(field).isUnset }

    private func comparison(_ field: Field) -> (isSet: String, isUnset: String) {
        let property = assignable(SwiftName.member(field.name))
        let value = defaultValue(field)
        let isOptional = field.nullableVersions != nil && field.type != .records
        func truth(_ member: String) -> (String, String) {
            isOptional
                ? ("\(property)?.\(member) != true", "\(property)?.\(member) == true")
                : ("!\(property).\(member)", "\(property).\(member)")
        }
        switch value {
        case "nil": return ("\(property) != nil", "\(property) == nil")
        case ".null": return truth("isNull")
        case "true": return ("!\(property)", property)
        case "false": return (property, "!\(property)")
        case ".empty": return truth("isEmpty")
        default: break
        }
        if case .structure = field.type { return truth("hasDefaultValues") }
        return ("\(property) != \(value)", "\(property) == \(value)")
    }

    // MARK: Sizes

    /// The fewest bytes that one takes, over all versions in which it occurs.
    var smallestSize: Int {
        max(1, versions.map { smallestSize(in: $0) }.min() ?? 1)
    }

    private func smallestSize(in version: Int) -> Int {
        let isFlexible = flexibleVersions?.contains(version) ?? false
        var size = isFlexible ? 1 : 0
        for field in fields where plainVersions(of: field)?.contains(version) ?? false {
            let isNullable = field.nullableVersions?.contains(version) ?? false
            switch field.type {
            case .string: size += isFlexible && !field.isNeverCompact ? 1 : 2
            case .bytes, .records, .array: size += isFlexible ? 1 : 4
            case .structure where isNullable: size += 1
            case .structure(let name):
                let nested = StructEmitter(
                    name: name, fields: field.members, versions: version...version, message: message)
                size += nested.smallestSize(in: version)
            default: size += field.type.fixedSize!
            }
        }
        return size
    }

    /// What the struct stores without a further check: numbers, and the lengths of everything else.
    var fixedPart: Int {
        let tagCount = 5
        return fields.filter { plainVersions(of: $0) != nil }.reduce(tagCount) { $0 + ($1.type.fixedSize ?? 5) }
    }

    func emitCoding(into text: inout SwiftText) throws {
        let limit = 320
        if fixedPart > limit {
            throw GeneratorError(
                "\(name): a fixed part of \(fixedPart) bytes; raise WireLimits.fixedPartBytes and this limit")
        }
        text.line()
        try text.block("extension \(name)") { text in
            try emitDecode(into: &text)
            text.line()
            try emitEncode(into: &text)
            if isComparedWithDefaults {
                text.line()
                emitHasDefaultValues(into: &text)
            }
        }
    }

    /// Single structs are compared with their defaults where they are tagged, or are lacking in some version.
    private var isComparedWithDefaults: Bool {
        func isUsedAlone(_ fields: [Field]) -> Bool {
            fields.contains { field in
                if case .structure(let type) = field.type, name == "\(message.name).\(type)" { return true }
                return isUsedAlone(field.members)
            }
        }
        return isUsedAlone(message.fields)
    }

    private func emitHasDefaultValues(into text: inout SwiftText) {
        text.block("package var hasDefaultValues: Bool") { text in
            let conditions = fields.map { isUnset($0) }
            text.line(conditions.isEmpty ? "true" : conditions[0])
            for condition in conditions.dropFirst() { text.line("    && \(condition)") }
        }
    }
}
