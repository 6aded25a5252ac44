package import KafkaSchema

/// A field tree as lines that people read: `topics[0].name = "orders"`, with the bytes that it stands in where asked for.
package struct FieldLines {
    package private(set) var lines: [String] = []
    private let showsRanges: Bool
    private let message: String
    private var path = FieldPath()
    /// Inside bytes that are a message of their own, where ranges would count from another start.
    private var isEmbedded = false

    package static func of(_ tree: FieldTree, message: String, showsRanges: Bool) -> [String] {
        var lines = FieldLines(message: message, showsRanges: showsRanges)
        lines.add(tree)
        return lines.lines
    }

    private init(message: String, showsRanges: Bool) {
        self.message = message
        self.showsRanges = showsRanges
    }

    private mutating func add(_ tree: FieldTree) {
        switch tree.value {
        case .structure(let members) where !members.isEmpty:
            for member in members {
                path.steps.append(.member(member.key))
                add(member.tree)
                path.steps.removeLast()
            }
        case .array(let elements) where !elements.isEmpty:
            if elements.allSatisfy({ $0.integer != nil }) {
                return line(tree, elements.map(\.shortText).joined(separator: ", "))
            }
            for (index, element) in elements.enumerated() {
                path.steps.append(.element(index))
                add(element)
                path.steps.removeLast()
            }
        case .records(let bytes):
            line(tree, "\(bytes.count) bytes of records")
            embed(RecordsTree.read(bytes))
        case .bytes(let bytes):
            line(tree, tree.shortText)
            if let known = EmbeddedMessages.decode(bytes, message: message, path: path.pattern) { embed(known) }
        default: line(tree, tree.shortText)
        }
    }

    private mutating func embed(_ tree: FieldTree) {
        isEmbedded = true
        add(tree)
        isEmbedded = false
    }

    private mutating func line(_ tree: FieldTree, _ text: String) {
        var line = "\(path) = \(text)"
        if case .member(let name)? = path.steps.last, name.hasSuffix("rrorCode"), let code = tree.integer, code != 0,
            let error = Schema.shared.errorName(code)
        {
            line += " \(error)"
        }
        if showsRanges, !isEmbedded, !tree.range.isEmpty { line += "  @\(tree.range.lowerBound)+\(tree.range.count)" }
        lines.append(line)
    }
}

/// Bytes fields whose content is a message of its own, of which Kafka's clients and coordinators know the schema.
enum EmbeddedMessages {
    static func decode(_ bytes: [UInt8], message: String, path: String) -> FieldTree? {
        guard let schema = schema(message, path), bytes.count >= 2 else { return nil }
        let version = Int16(bitPattern: UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
        guard schema.validVersions.contains(version) else { return nil }
        let decoded = SchemaDecoder.decode(bytes, from: 2, schema: schema, version: version)
        return decoded.problem == nil ? decoded.tree : nil
    }

    private static func schema(_ message: String, _ path: String) -> MessageSchema? {
        switch (message, path) {
        case ("JoinGroupRequest", "protocols[].metadata"), ("JoinGroupResponse", "members[].metadata"),
            ("DescribeGroupsResponse", "groups[].members[].memberMetadata"):
            Schema.shared.records["ConsumerProtocolSubscription"]
        case ("SyncGroupRequest", "assignments[].assignment"), ("SyncGroupResponse", "assignment"),
            ("DescribeGroupsResponse", "groups[].members[].memberAssignment"):
            Schema.shared.records["ConsumerProtocolAssignment"]
        default: nil
        }
    }
}
