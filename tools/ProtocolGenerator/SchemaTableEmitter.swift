/// SchemaTable.swift: every message and error as lines of text, from which KafkaSchema makes its tables at run time. The tools
/// share no code with KafkaMessages, so that the two prove each other; this is all that they have in common.
struct SchemaTableEmitter: Emitter {
    let ownedFolders = ["compat/KafkaSchema/Generated"]

    func emit(_ schema: Schema) throws -> [GeneratedFile] {
        let file = try GeneratedFile.swift("compat/KafkaSchema/Generated/SchemaTable.swift", from: "Schema") { text in
            text.line("/// See SchemaTableReader for what a line says.")
            text.line("let schemaTable: StaticString = \"\"\"")
            for message in schema.messages {
                text.line("    " + head(message))
                for field in message.fields { try emit(field, of: message, depth: 1, into: &text) }
            }
            for error in schema.errors { text.line("    error \(error.code) \(error.name)") }
            text.line("    \"\"\"")
        }
        return [file]
    }

    private func head(_ message: Message) -> String {
        let flexible = message.flexibleVersions.map { range($0, within: message.validVersions) } ?? "none"
        let (kind, key, name) =
            switch message.role {
            case .request(let key): ("request", "\(key)", String(message.name.dropLast("Request".count)))
            case .response(let key): ("response", "\(key)", String(message.name.dropLast("Response".count)))
            case .header: ("header", "-", message.name)
            case .record(let framing): ("record", framing?.recordType.map { "\($0)" } ?? "-", message.name)
            }
        return
            "\(kind) \(key) \(name) \(message.validVersions.lowerBound)-\(message.validVersions.upperBound) \(flexible)"
    }

    private func emit(_ field: Field, of message: Message, depth: Int, into text: inout SwiftText) throws {
        var words = [field.name, typeText(field.type), range(field.versions, within: message.validVersions)]
        if let nullable = field.nullableVersions {
            words.append("null=\(range(nullable, within: message.validVersions))")
        }
        if let tag = field.tag {
            words.append("tag=\(tag.number)@\(range(tag.versions, within: message.validVersions))")
        }
        switch field.defaultValue {
        case .null: words.append("default=null")
        case .bool(let value): words.append("default=\(value)")
        case .number(let number): words.append("default=\(number)")
        case .text(let value):
            throw SchemaError(
                file: message.file, line: 0, problem: "\(field.name): the table has no form for default \(value)")
        case nil: break
        }
        if field.isKey { words.append("key") }
        if field.isNeverCompact { words.append("plain") }
        text.line("    " + String(repeating: " ", count: depth) + words.joined(separator: " "))
        for member in field.members { try emit(member, of: message, depth: depth + 1, into: &text) }
    }

    /// `3+` where the range goes on to the message's last version.
    private func range(_ range: ClosedRange<Int>, within valid: ClosedRange<Int>) -> String {
        if range.upperBound >= valid.upperBound { return "\(range.lowerBound)+" }
        return range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }

    private func typeText(_ type: FieldType) -> String {
        switch type {
        case .array(let element): "[]" + typeText(element)
        case .structure(let name): name
        default: "\(type)"
        }
    }
}
