internal import Telemetry

/// What is shown of something: for people as `name=value`, for programs as JSON.
indirect enum Shown {
    case nothing
    case flag(Bool)
    case number(Int64)
    case real(Double)
    case text(String)
    case list([Shown])
    case fields([Field])
}

/// A name and what is shown under it.
struct Field {
    var name: String
    var value: Shown

    init(_ name: String, _ value: Shown) {
        self.name = name
        self.value = value
    }
}

extension Shown {
    var json: String {
        var text = ""
        writeJSON(to: &text)
        return text
    }

    private func writeJSON(to text: inout String) {
        switch self {
        case .nothing: text += "null"
        case .flag(let flag): text += flag ? "true" : "false"
        case .number(let number): text += String(number)
        // JSON has no word for what is no number.
        case .real(let real): text += real.isFinite ? String(real) : String(real).quotedJSON
        case .text(let value): text += value.quotedJSON
        case .list(let elements):
            text += "["
            for (place, element) in elements.enumerated() {
                if place > 0 { text += "," }
                element.writeJSON(to: &text)
            }
            text += "]"
        case .fields(let fields):
            text += "{"
            for (place, field) in fields.enumerated() {
                if place > 0 { text += "," }
                text += field.name.quotedJSON + ":"
                field.value.writeJSON(to: &text)
            }
            text += "}"
        }
    }

    /// For people: words stand as they are where they are words, and in quotes where they are not.
    func writeText(to text: inout String) {
        switch self {
        case .nothing, .flag, .number, .real: writeJSON(to: &text)
        case .text(let value): text += value.isPlainWord ? value : value.quotedJSON
        case .list(let elements):
            text += "["
            for (place, element) in elements.enumerated() {
                if place > 0 { text += ", " }
                element.writeText(to: &text)
            }
            text += "]"
        case .fields(let fields):
            text += "{"
            for (place, field) in fields.enumerated() {
                if place > 0 { text += ", " }
                text += field.name + "="
                field.value.writeText(to: &text)
            }
            text += "}"
        }
    }
}

extension String {
    /// Whether it can stand between others without being taken for something else.
    fileprivate var isPlainWord: Bool {
        !isEmpty && utf8.allSatisfy { $0 > 32 && $0 != 127 && !",=\"'[]{}".utf8.contains($0) } && self != "null"
    }
}

/// One thing that was found: a batch, a record, a partition, a fault.
package struct Fact {
    /// `batch`, `record`, `problem`
    var kind: String
    /// How far in it stands in the text form; JSON does not show it.
    var depth = 0
    var fields: [Field]

    init(_ kind: String, depth: Int = 0, _ fields: KeyValuePairs<String, Shown>) {
        self.kind = kind
        self.depth = depth
        self.fields = fields.map { Field($0.key, $0.value) }
    }

    mutating func add(_ name: String, _ value: Shown) { fields.append(Field(name, value)) }

    /// A JSON object on a line of its own.
    var json: String { Shown.fields([Field("kind", .text(kind))] + fields).json + "\n" }

    var text: String {
        var line = String(repeating: "  ", count: depth) + kind
        for field in fields {
            // The words of a fault or of a note are the line.
            if field.name == "text", case .text(let words) = field.value {
                line += ": " + words.replacing(controlCharacters: " ")
                continue
            }
            line += " \(field.name)="
            field.value.writeText(to: &line)
        }
        return line + "\n"
    }
}

extension Shown {
    init(_ number: some BinaryInteger) { self = .number(Int64(clamping: number)) }
}
