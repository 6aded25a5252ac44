/// A Java properties file: `key=value` a line, `#` and `!` comments, lines continued by a backslash.
package struct Properties: Sendable {
    /// In the order of the file; where a key stands twice, its last value.
    package private(set) var entries: [(key: String, value: String)] = []
    private var positions: [String: Int] = [:]

    /// Longer files are refused: no server.properties has a megabyte.
    package static let maximumBytes = 1 << 20

    package init(parsing text: String) throws(ConfigurationError) {
        var scanner = Scanner(bytes: Array(text.utf8))
        while let (key, value) = try scanner.next() { set(key, value) }
    }

    package init() {}

    package mutating func set(_ key: String, _ value: String) {
        if let position = positions[key] {
            entries[position].value = value
        } else {
            positions[key] = entries.count
            entries.append((key, value))
        }
    }

    package mutating func remove(_ key: String) {
        guard positions[key] != nil else { return }
        entries.removeAll { $0.key == key }
        positions = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($0.element.key, $0.offset) })
    }

    package subscript(key: String) -> String? { positions[key].map { entries[$0].value } }

    private struct Scanner {
        let bytes: [UInt8]
        var position = 0
        var line = 1

        init(bytes: [UInt8]) { self.bytes = bytes }

        var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

        mutating func next() throws(ConfigurationError) -> (String, String)? {
            skipBlankLinesAndComments()
            guard byte != nil else { return nil }
            let key = try text { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ":") || Self.isBlank($0) }
            skipBlanks()
            if let byte, byte == UInt8(ascii: "=") || byte == UInt8(ascii: ":") {
                position += 1
                skipBlanks()
            }
            return (key, try text { _ in false })
        }

        static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0C }
        static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

        mutating func skipBlanks() {
            while let byte {
                if Self.isBlank(byte) {
                    position += 1
                } else if byte != UInt8(ascii: "\\") || !skipContinuation() {
                    return
                }
            }
        }

        mutating func skipBlankLinesAndComments() {
            while let byte {
                if byte == UInt8(ascii: "#") || byte == UInt8(ascii: "!") {
                    while let byte = self.byte, !Self.isLineEnd(byte) { position += 1 }
                } else if Self.isBlank(byte) || Self.isLineEnd(byte) {
                    if byte == 0x0A { line += 1 }
                    position += 1
                } else {
                    return
                }
            }
        }

        /// Past a backslash at a line's end and the blanks that begin the next line.
        mutating func skipContinuation() -> Bool {
            guard position + 1 < bytes.count, Self.isLineEnd(bytes[position + 1]) else { return false }
            position += bytes[position + 1] == 0x0D && position + 2 < bytes.count && bytes[position + 2] == 0x0A ? 3 : 2
            line += 1
            while let byte, Self.isBlank(byte) { position += 1 }
            return true
        }

        mutating func text(until ends: (UInt8) -> Bool) throws(ConfigurationError) -> String {
            var result: [UInt8] = []
            while let byte, !ends(byte), !Self.isLineEnd(byte) {
                if byte != UInt8(ascii: "\\") {
                    result.append(byte)
                    position += 1
                } else if !skipContinuation() {
                    position += 1
                    try escape(into: &result)
                }
            }
            return String(decoding: result, as: UTF8.self)
        }

        mutating func escape(into result: inout [UInt8]) throws(ConfigurationError) {
            guard let byte else { return }
            position += 1
            switch byte {
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "u"):
                let digits = String(decoding: bytes[position..<min(position + 4, bytes.count)], as: UTF8.self)
                guard digits.utf8.count == 4, let number = UInt16(digits, radix: 16) else {
                    throw ConfigurationError(key: "", message: "line \(line): \\u needs four hexadecimal digits")
                }
                position += 4
                result += Array(String(decoding: [number], as: UTF16.self).utf8)
            default: result.append(byte)
            }
        }
    }
}
