/// A decoded field: what it holds and where in the frame it stood. `range` counts from the frame's first byte and covers a
/// length before the content too.
package struct FieldTree: Sendable {
    package var value: FieldValue
    package var range: Range<Int>

    package init(_ value: FieldValue, range: Range<Int> = 0..<0) {
        self.value = value
        self.range = range
    }
}

package indirect enum FieldValue: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string([UInt8])
    case bytes([UInt8])
    case uuid([UInt8])
    case records([UInt8])
    case array([FieldTree])
    case structure([FieldMember])
}

/// A member of a structure. A tagged field that this schema does not know has no `field`; its content is `bytes`.
package struct FieldMember: Sendable {
    package var field: SchemaField?
    package var tag: Int
    package var tree: FieldTree
    /// As in Kafka's JSON; an unknown tagged field is named by its number.
    package var key: String

    package init(field: SchemaField?, tag: Int = -1, tree: FieldTree) {
        self.field = field
        self.tag = tag
        self.tree = tree
        key = field?.key ?? "tag\(tag)"
    }

    /// A member of something that has no schema: a record batch.
    package init(_ key: String, _ value: FieldValue, range: Range<Int> = 0..<0) {
        self.key = key
        tag = -1
        tree = FieldTree(value, range: range)
    }
}

extension FieldTree {
    /// The member of that name in camel case; nil if there is none or this is no structure.
    package subscript(_ key: String) -> FieldTree? {
        get {
            guard case .structure(let members) = value else { return nil }
            return members.first { $0.key == key }?.tree
        }
        set {
            guard case .structure(var members) = value, let newValue,
                let index = members.firstIndex(where: { $0.key == key })
            else { return }
            members[index].tree = newValue
            value = .structure(members)
        }
    }

    package var elements: [FieldTree] { if case .array(let elements) = value { elements } else { [] } }
    package var members: [FieldMember] { if case .structure(let members) = value { members } else { [] } }
    package var integer: Int64? { if case .int(let value) = value { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = value { value } else { nil } }
    package var isNull: Bool { if case .null = value { true } else { false } }

    package var string: String? {
        if case .string(let bytes) = value { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    /// The bytes of a string, bytes, uuid or records field.
    package var content: [UInt8]? {
        switch value {
        case .string(let content), .bytes(let content), .uuid(let content), .records(let content): content
        default: nil
        }
    }
}

/// A place in a message, as people write it: `topics[0].partitions[2].errorCode`.
package struct FieldPath: Sendable, CustomStringConvertible {
    package enum Step: Sendable, Equatable { case member(String), element(Int) }
    package var steps: [Step] = []

    package init() {}

    package var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .member(let name): text += text.isEmpty ? name : ".\(name)"
            case .element(let index): text += "[\(index)]"
            }
        }
        return text
    }

    /// The same without the elements' numbers, as rules name it: `topics[].partitions[].errorCode`.
    package var pattern: String {
        var text = ""
        for step in steps {
            switch step {
            case .member(let name): text += text.isEmpty ? name : ".\(name)"
            case .element: text += "[]"
            }
        }
        return text
    }
}
