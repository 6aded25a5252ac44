package import KafkaSchema

extension FieldTree {
    /// How many values stand in the tree.
    package var leafCount: Int {
        switch value {
        case .array(let elements): elements.reduce(0) { $0 + $1.leafCount }
        case .structure(let members): members.reduce(0) { $0 + $1.tree.leafCount }
        default: 1
        }
    }

    /// Equal in kind and content.
    func isSameLeaf(as other: FieldTree) -> Bool {
        switch (value, other.value) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.int(let one), .int(let other)): one == other
        case (.double(let one), .double(let other)): one == other || one.isNaN && other.isNaN
        case (.string(let one), .string(let other)), (.bytes(let one), .bytes(let other)),
            (.uuid(let one), .uuid(let other)),
            (.records(let one), .records(let other)):
            one == other
        default: false
        }
    }

    /// What can be renamed: numbers, strings, uuids, bytes.
    var mappingValue: Mapping.Value? {
        switch value {
        case .int(let value): .int(value)
        case .string(let content), .bytes(let content), .uuid(let content): .bytes(content)
        default: nil
        }
    }

    /// The value as rules write it: text without quotes, a number.
    var plainText: String { string ?? json.text }

    /// A value for a line of a report, cut where it is long.
    package var shortText: String {
        let text =
            switch value {
            case .string(let content): "\"\(String(decoding: content, as: UTF8.self))\""
            case .bytes(let content), .records(let content): Text.readable(content)
            case .structure(let members) where members.count > 0:
                "{" + members.prefix(4).map { "\($0.key): \($0.tree.shortText)" }.joined(separator: ", ") + "}"
            default: json.text
            }
        return text.count > 200 ? "\(text.prefix(200))… (\(text.count) characters)" : text
    }
}

enum Text {
    /// As text where it is text, else in hexadecimal.
    static func readable(_ bytes: [UInt8]) -> String {
        let isText = !bytes.isEmpty && bytes.allSatisfy { (0x20..<0x7f).contains($0) }
        return isText ? "\"\(String(decoding: bytes, as: UTF8.self))\"" : "0x\(Hex.encode(bytes))"
    }
}

extension FieldTree {
    /// Whether any field for an error code (`errorCode`, `partitionErrorCode`) holds one of these.
    func hasErrorCode(in codes: Set<Int64>) -> Bool {
        switch value {
        case .array(let elements): elements.contains { $0.hasErrorCode(in: codes) }
        case .structure(let members):
            members.contains { member in
                if member.key.hasSuffix("rrorCode"), let code = member.tree.integer { return codes.contains(code) }
                return member.tree.hasErrorCode(in: codes)
            }
        default: false
        }
    }
}
