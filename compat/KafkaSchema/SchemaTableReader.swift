/// One line of the generated table, taken apart.
///
/// A message begins with `request 0 Produce 0-13 9+` (kind, key or `-`, name, valid and flexible versions). Its fields follow,
/// one a line, indented by their depth: name, type, versions, and then what applies of `null=RANGE`, `tag=N@RANGE`,
/// `default=TEXT`, `key`, `plain`. Behind the messages stand the error codes, `error 1 OFFSET_OUT_OF_RANGE`.
struct SchemaLine {
    var depth: Int
    var name: String
    var type: FieldType
    var versions: VersionRange
    var nullable = VersionRange.none
    var tagged = VersionRange.none
    var tag = -1
    var defaultText: String?
    var isKey = false
    var isNeverCompact = false

    init(_ line: Substring) {
        depth = line.prefix { $0 == " " }.count
        let words = line.split(separator: " ")
        precondition(words.count >= 3, "schema table: \(line)")
        name = String(words[0])
        type = FieldType(words[1])
        versions = VersionRange(words[2])!
        for word in words.dropFirst(3) {
            if word == "key" {
                isKey = true
            } else if word == "plain" {
                isNeverCompact = true
            } else if word.hasPrefix("null=") {
                nullable = VersionRange(word.dropFirst(5))!
            } else if word.hasPrefix("default=") {
                defaultText = String(word.dropFirst(8))
            } else if word.hasPrefix("tag=") {
                let parts = word.dropFirst(4).split(separator: "@")
                tag = Int(parts[0])!
                tagged = VersionRange(parts[1])!
            } else {
                preconditionFailure("schema table: \(line)")
            }
        }
    }
}

/// The table becomes messages. It is part of the program, so what is wrong in it is our bug and stops the program.
struct SchemaTableReader {
    private let lines: [Substring]
    private var position = 0

    init(_ text: String) { lines = text.split(separator: "\n") }

    mutating func messages() -> [MessageSchema] {
        var messages: [MessageSchema] = []
        while position < lines.count, !lines[position].hasPrefix("error ") { messages.append(message()) }
        return messages
    }

    mutating func errorNames() -> [Int64: String] {
        var names: [Int64: String] = [:]
        while position < lines.count {
            let words = lines[position].split(separator: " ")
            precondition(words.count == 3, "schema table: \(lines[position])")
            names[Int64(words[1])!] = String(words[2])
            position += 1
        }
        return names
    }

    private mutating func message() -> MessageSchema {
        let words = lines[position].split(separator: " ")
        precondition(words.count == 5, "schema table: \(lines[position])")
        position += 1
        return MessageSchema(
            kind: MessageSchema.Kind(rawValue: String(words[0]))!, apiKey: Int16(words[1]), name: String(words[2]),
            valid: VersionRange(words[3])!, flexible: VersionRange(words[4])!, fields: fields(depth: 1))
    }

    private mutating func fields(depth: Int) -> [SchemaField] {
        var fields: [SchemaField] = []
        while position < lines.count, lines[position].prefix(while: { $0 == " " }).count == depth {
            let line = SchemaLine(lines[position])
            position += 1
            fields.append(SchemaField(line, fields: self.fields(depth: depth + 1)))
        }
        return fields
    }
}
