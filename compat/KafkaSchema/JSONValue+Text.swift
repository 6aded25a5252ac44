extension JSONValue {
    /// One line, nothing between the tokens.
    package var text: String {
        var out: [UInt8] = []
        write(into: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// Indented, for people.
    package var indented: String {
        var out: [UInt8] = []
        write(into: &out, indentation: 0)
        return String(decoding: out, as: UTF8.self)
    }

    package func write(into out: inout [UInt8], indentation: Int? = nil) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let value): out += (value ? "true" : "false").utf8
        case .number(let text): out += text.utf8
        case .string(let text): Self.quote(text, into: &out)
        case .array(let elements):
            Self.list(elements, "[", "]", into: &out, indentation) { element, out, deeper in
                element.write(into: &out, indentation: deeper)
            }
        case .object(let members):
            Self.list(members, "{", "}", into: &out, indentation) { member, out, deeper in
                Self.quote(member.key, into: &out)
                out += (deeper == nil ? ":" : ": ").utf8
                member.value.write(into: &out, indentation: deeper)
            }
        }
    }

    private static func list<Element>(
        _ elements: [Element], _ open: String, _ close: String, into out: inout [UInt8], _ indentation: Int?,
        _ write: (Element, inout [UInt8], Int?) -> Void
    ) {
        out += open.utf8
        let deeper = indentation.map { $0 + 1 }
        for (index, element) in elements.enumerated() {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            if let deeper { newLine(deeper, into: &out) }
            write(element, &out, deeper)
        }
        if let indentation, !elements.isEmpty { newLine(indentation, into: &out) }
        out += close.utf8
    }

    private static func newLine(_ indentation: Int, into out: inout [UInt8]) {
        out.append(0x0a)
        for _ in 0..<indentation { out += "  ".utf8 }
    }

    private static func quote(_ text: String, into out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                out.append(UInt8(ascii: "\\"))
                out.append(byte)
            case 0x0a: out += "\\n".utf8
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                out += (digits.utf8.count == 1 ? "\\u000" : "\\u00").utf8
                out += digits.utf8
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }
}
