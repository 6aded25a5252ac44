extension StructEmitter {
    func emitEncode(into text: inout SwiftText) throws {
        let head = "package func encode(into writer: inout WireWriter, version: Int16) throws(EncodeError)"
        try text.block(head) { text in
            if usesFlexible { text.line("let flexible = \(flexibleCondition)") }
            text.line("writer.reserve(\(fixedPart))")
            for field in fields { try emitFieldEncoding(field, into: &text) }
            try emitTagEncoding(into: &text)
        }
    }

    private func emitFieldEncoding(_ field: Field, into text: inout SwiftText) throws {
        let mayBeLost = isLacking(field) && !field.isIgnorable
        let lost = "throw EncodeError(.notInVersion, field: \"\(SwiftName.member(field.name))\")"
        guard let plain = plainVersions(of: field) else {
            if mayBeLost, let present = field.versions.intersection(versions) {
                text.block("if version < \(present.lowerBound) && \(isSet(field))") { $0.line(lost) }
            }
            return
        }
        let statement = try writeStatement(field, in: plain, isTagged: false)
        guard let condition = condition(plain) else {
            text.line(statement)
            return
        }
        if mayBeLost {
            // Nothing of value may be dropped in silence: the peer would act on a request that was never made.
            let elseCondition = self.condition(field.versions.intersection(versions)!) == condition ? isSet(field) : nil
            guard let elseCondition else {
                throw GeneratorError("\(name).\(field.name): tagged later and not ignorable")
            }
            text.block("if \(condition)") { $0.line(statement) }
            text.elseBlock("else if \(elseCondition)") { $0.line(lost) }
        } else {
            text.shortBlock("if \(condition)", statement)
        }
    }

    private func isLacking(_ field: Field) -> Bool {
        field.versions.intersection(versions) != versions
    }

    /// `try writer.structs(members, "members", version, flexible)`
    private func writeStatement(
        _ field: Field, in context: ClosedRange<Int>, isTagged: Bool
    ) throws -> String {
        let member = SwiftName.member(field.name)
        let value = assignable(member)
        let flexible = field.isNeverCompact ? "false" : "flexible"
        switch field.type {
        case .bool, .int8, .int16, .uint16, .int32, .uint32, .int64, .float64, .uuid:
            return "writer.\(field.type.wireName)(\(value))"
        case .records:
            let allowed = recordsNullAllowed(field, in: context)
            return "try writer.records(\(value), \"\(member)\", \(flexible), nullAllowed: \(allowed))"
        case .structure:
            return try writeStructStatement(field, value: value, in: context, isTagged: isTagged)
        default:
            break
        }
        let kind = try valueKind(field)
        let version = kind == "structs" ? "version, " : ""
        let arguments = "(\(value), \"\(member)\", \(version)\(flexible)"
        // An optional is written by the nullable form even where this version has no null: it reports it.
        guard let nullableVersions = field.nullableVersions else { return "try writer.\(kind)\(arguments))" }
        let name = "nullable" + kind.prefix(1).uppercased() + kind.dropFirst()
        return "try writer.\(name)\(arguments)\(nullAllowed(nullableVersions, in: context)))"
    }

    private func writeStructStatement(
        _ field: Field, value: String, in context: ClosedRange<Int>, isTagged: Bool
    ) throws -> String {
        let arguments = "(\(value), \"\(SwiftName.member(field.name))\", version"
        guard let nullable = field.nullableVersions else { return "try writer.write\(arguments))" }
        if isTagged { return "try writer.nullableTaggedStruct\(arguments))" }
        return "try writer.nullableStruct\(arguments)\(nullAllowed(nullable, in: context)))"
    }

    private func nullAllowed(_ nullable: ClosedRange<Int>, in context: ClosedRange<Int>) -> String {
        guard let here = nullable.intersection(context) else { return ", nullAllowed: false" }
        return condition(here, within: context).map { ", nullAllowed: \($0)" } ?? ""
    }

    // MARK: Tags

    private func emitTagEncoding(into text: inout SwiftText) throws {
        guard let flexible = flexibleVersions else { return }
        let isAlways = flexibleCondition == "true"
        if taggedFields.isEmpty {
            let statement = "writer.unknownTags(unknownTags)"
            if isAlways { text.line(statement) } else { text.shortBlock("if flexible", statement) }
            return
        }
        if isAlways {
            try emitKnownTags(within: flexible, into: &text)
        } else {
            try text.block("if flexible") { try emitKnownTags(within: flexible, into: &$0) }
        }
    }

    private func emitKnownTags(within flexible: ClosedRange<Int>, into text: inout SwiftText) throws {
        text.line("var tagCount = 0")
        for field in taggedFields {
            let inVersion = condition(taggedVersions(of: field)!, within: flexible).map { "\($0) && " } ?? ""
            text.line("let has\(field.name) = \(inVersion)\(isSet(field))")
            text.line("if has\(field.name) { tagCount += 1 }")
        }
        let known = knownTags(within: flexible)
        text.line("\(known.count > 1 ? "var" : "let") known: UInt64 = \(known[0])")
        for more in known.dropFirst() { text.line(more) }
        text.line("var section = writer.beginTags(tagCount, unknownTags, known: known)")
        for field in taggedFields {
            try text.block("if has\(field.name)") { text in
                text.line("let start = writer.beginTag(\(field.tag!.number), &section)")
                text.line(try writeStatement(field, in: taggedVersions(of: field)!, isTagged: true))
                text.line("writer.endTag(start)")
            }
        }
        text.line("writer.endTags(section)")
    }

    /// Bit n for each tag n that is known in the version: the value for all versions, then what some versions add.
    private func knownTags(within flexible: ClosedRange<Int>) -> [String] {
        var always = 0
        var additions: [String] = []
        for field in taggedFields {
            let bit = 1 << field.tag!.number
            if let condition = condition(taggedVersions(of: field)!, within: flexible) {
                additions.append("if \(condition) { known |= 0b\(String(bit, radix: 2)) }")
            } else {
                always |= bit
            }
        }
        return ["0b\(String(always, radix: 2))"] + additions
    }
}
