import Foundation

/// A line of a schema file that cannot be right.
struct SchemaError: Error, CustomStringConvertible {
    let file: String
    let line: Int
    let problem: String

    var description: String { "\(file):\(line): \(problem)" }
}

/// Reads the schema folder; its README has the form.
struct SchemaParser {
    static func parse(folder: URL) throws -> Schema {
        var schema = Schema()
        for file in try schemaFiles(in: folder, "Messages") + schemaFiles(in: folder, "Records") {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            var parser = SchemaParser(file: file, text: text)
            try parser.parseFile(into: &schema)
        }
        schema.apis.sort { $0.key < $1.key }
        schema.errors = try parseErrors(folder.appendingPathComponent("errors.tsv"))
        return schema
    }

    private static func schemaFiles(in folder: URL, _ subfolder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(subfolder).path)
            .filter { $0.hasSuffix(".schema") }
            .sorted()
            .map { "\(subfolder)/\($0)" }
    }

    private static func parseErrors(_ file: URL) throws -> [ErrorFact] {
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").dropFirst()
        return try rows.enumerated().map { index, row in
            let columns = row.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count >= 3, let code = Int(columns[0]) else {
                throw SchemaError(file: "errors.tsv", line: index + 2, problem: "code, name and retriable are wanted")
            }
            return ErrorFact(code: code, name: String(columns[1]), isRetriable: columns[2] == "true")
        }
    }

    // MARK: One file

    private struct Line {
        let number: Int
        let depth: Int
        let text: String
    }

    private let file: String
    private let lines: [Line]
    private var next = 0

    private init(file: String, text: String) {
        self.file = file
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
            let content = line.trimmingCharacters(in: .whitespaces)
            if content.isEmpty || content.hasPrefix("#") { return nil }
            return Line(number: index + 1, depth: line.prefix { $0 == " " }.count / 2, text: content)
        }
    }

    private func failure(_ problem: String, at line: Line? = nil) -> SchemaError {
        SchemaError(file: file, line: (line ?? lines.last)?.number ?? 0, problem: problem)
    }

    private mutating func takeLine(_ keyword: String) -> String? {
        guard next < lines.count, lines[next].depth == 0, lines[next].text.hasPrefix(keyword + " ") else { return nil }
        defer { next += 1 }
        return String(lines[next].text.dropFirst(keyword.count + 1))
    }

    private mutating func parseFile(into schema: inout Schema) throws {
        if let head = takeLine("api") {
            schema.apis.append(try parseAPI(head))
        } else if let name = takeLine("header") {
            schema.headers.append(try parseMessage("body", name: name, role: .header))
        } else if let name = takeLine("record") {
            let framing = takeLine("framing").map { text in
                let words = text.split(separator: " ")
                return Message.Framing(name: String(words[0]), recordType: words.count > 1 ? Int(words[1]) : nil)
            }
            schema.records.append(try parseMessage("body", name: name, role: .record(framing)))
        } else {
            throw failure("a file begins with api, header or record", at: lines.first)
        }
        if next < lines.count { throw failure("nothing can come here", at: lines[next]) }
    }

    private mutating func parseAPI(_ head: String) throws -> API {
        let words = head.split(separator: " ")
        guard words.count == 2, let key = Int(words[0]) else { throw failure("api KEY NAME is wanted", at: lines[0]) }
        let name = String(words[1])
        guard let listeners = takeLine("listeners") else { throw failure("listeners are wanted") }
        let unstable = takeLine("unstable").flatMap { Int($0) }
        return API(
            key: key, name: name,
            listeners: listeners.components(separatedBy: ", "),
            unstableVersion: unstable,
            request: try parseMessage("request", name: name + "Request", role: .request(apiKey: key)),
            response: try parseMessage("response", name: name + "Response", role: .response(apiKey: key)))
    }

    private mutating func parseMessage(_ keyword: String, name: String, role: Message.Role) throws -> Message {
        guard let head = takeLine(keyword) else { throw failure("\(keyword) VERSIONS is wanted") }
        let line = lines[next - 1]
        var parts = head.components(separatedBy: ", ")
        guard let valid = range(parts.removeFirst(), last: nil) else { throw failure("bad versions", at: line) }
        var flexible: ClosedRange<Int>?
        var exceptions: [Message.HeaderException] = []
        for part in parts {
            let words = part.split(separator: " ").map(String.init)
            if words.count == 2, words[0] == "flexible", let versions = range(words[1], last: valid.upperBound) {
                flexible = versions.intersection(valid)
            } else if words.count == 4, words[0] == "header", let header = Int(words[1]),
                let versions = range(words[3], last: valid.upperBound)
            {
                exceptions.append(Message.HeaderException(headerVersion: header, versions: versions))
            } else {
                throw failure("what is \"\(part)\"?", at: line)
            }
        }
        let fields = try parseFields(depth: 1, last: valid.upperBound)
        return Message(
            name: name, role: role, file: file, validVersions: valid, flexibleVersions: flexible,
            headerExceptions: exceptions, fields: fields)
    }

    private mutating func parseFields(depth: Int, last: Int) throws -> [Field] {
        var fields: [Field] = []
        while next < lines.count, lines[next].depth == depth {
            let line = lines[next]
            next += 1
            let members = try parseFields(depth: depth + 1, last: last)
            fields.append(try parseField(line, members: members, last: last))
        }
        return fields
    }

    private func parseField(_ line: Line, members: [Field], last: Int) throws -> Field {
        let words = line.text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: true).map(String.init)
        guard words.count >= 3, let versions = range(words[2], last: last) else {
            throw failure("a field is NAME TYPE VERSIONS ATTRIBUTES", at: line)
        }
        var attributes = Attributes()
        if words.count == 4 {
            for text in words[3].trimmingCharacters(in: .whitespaces).components(separatedBy: ", ") {
                guard attributes.take(text, versions: versions, last: last) else {
                    throw failure("unknown attribute \"\(text)\"", at: line)
                }
            }
        }
        let type = FieldType(words[1])
        if (type.structName == nil) != members.isEmpty {
            throw failure("a struct, and only a struct, has members", at: line)
        }
        return Field(
            name: words[0], type: type, versions: versions, nullableVersions: attributes.nullable,
            tag: attributes.tag, defaultValue: attributes.defaultValue, isIgnorable: attributes.isIgnorable,
            isKey: attributes.isKey, isNeverCompact: attributes.isNeverCompact, members: members)
    }

    private struct Attributes {
        var nullable: ClosedRange<Int>?
        var tag: Field.Tag?
        var defaultValue: DefaultValue?
        var isIgnorable = false
        var isKey = false
        var isNeverCompact = false

        mutating func take(_ text: String, versions: ClosedRange<Int>, last: Int) -> Bool {
            let words = text.split(separator: " ").map(String.init)
            switch (words.first, words.count) {
            case ("ignorable", 1): isIgnorable = true
            case ("key", 1): isKey = true
            case ("never", 2) where words[1] == "compact": isNeverCompact = true
            case ("nullable", 1): nullable = versions
            case ("nullable", 2):
                nullable = range(words[1], last: last)?.intersection(versions)
                return nullable != nil
            case ("tag", 2), ("tag", 4):
                let tagged = words.count == 4 ? range(words[3], last: last)?.intersection(versions) : versions
                guard let number = Int(words[1]), let tagged, number < 64 else { return false }
                tag = Field.Tag(number: number, versions: tagged)
            case ("default", 2): defaultValue = parseDefault(words[1])
            default: return false
            }
            return true
        }

        private func parseDefault(_ text: String) -> DefaultValue {
            switch text {
            case "null": .null
            case "true", "false": .bool(text == "true")
            case _ where text.hasPrefix("\""): .text(String(text.dropFirst().dropLast()))
            default: .number(text)
            }
        }
    }
}

/// `3`, `3-5` or `3+`, which ends with `last`.
private func range(_ text: String, last: Int?) -> ClosedRange<Int>? {
    if text.hasSuffix("+") {
        guard let last, let lower = Int(text.dropLast()), lower <= last else { return nil }
        return lower...last
    }
    let ends = text.split(separator: "-").compactMap { Int($0) }
    switch ends.count {
    case 1: return ends[0]...ends[0]
    case 2 where ends[0] <= ends[1]: return ends[0]...ends[1]
    default: return nil
    }
}
