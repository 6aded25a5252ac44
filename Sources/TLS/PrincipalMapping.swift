/// `ssl.principal.mapping.rules` (KIP-371): turns the subject of a client's certificate into the name that ACLs use.
/// `RULE:pattern/replacement/[LU]`, separated by commas, and `DEFAULT`; the first whose pattern fits the whole name counts.
package struct PrincipalMapping: Sendable {
    private enum Rule {
        case asItIs
        case rewrite(Pattern, replacement: String, letters: Letters)
    }
    private enum Letters { case kept, lower, upper }
    private let rules: [Rule]

    package init(_ text: String) throws(TLSError) {
        var rules: [Rule] = []
        for part in try Self.split(text) {
            if part == "DEFAULT" { rules.append(.asItIs) } else { rules.append(try Self.parse(part)) }
        }
        self.rules = rules.isEmpty ? [.asItIs] : rules
    }

    /// Nil where no rule fits: Kafka refuses the connection then.
    package func name(for subject: String) -> String? {
        for rule in rules {
            switch rule {
            case .asItIs:
                return subject
            case .rewrite(let pattern, let replacement, let letters):
                let subject = Array(subject.utf8)
                guard pattern.matchesAll(of: subject) else { continue }
                let name = Self.replace(pattern, in: subject, by: replacement)
                switch letters {
                case .kept: return name
                case .lower: return name.lowercased()
                case .upper: return name.uppercased()
                }
            }
        }
        return nil
    }

    /// A rule ends at the comma after its last slash; commas inside pattern and replacement belong to them.
    private static func split(_ text: String) throws(TLSError) -> [String] {
        var parts: [String] = []
        var rest = Substring(text)
        func isSpace(_ character: Character) -> Bool { character == " " || character == "\n" || character == "\t" }
        while true {
            rest = rest.drop { isSpace($0) || $0 == "," }
            if rest.isEmpty { return parts }
            if rest.hasPrefix("DEFAULT") {
                rest = rest.dropFirst("DEFAULT".count)
                parts.append("DEFAULT")
            } else {
                let length = try ruleLength(rest, text)
                parts.append(String(rest.prefix(length)))
                rest = rest.dropFirst(length)
            }
            guard rest.drop(while: isSpace).first.map({ $0 == "," }) ?? true else { throw invalid(text) }
        }
    }

    private static func ruleLength(_ text: Substring, _ whole: String) throws(TLSError) -> Int {
        guard text.hasPrefix("RULE:") else { throw invalid(whole) }
        var slashes = 0
        var length = 0
        var isEscaped = false
        for character in text {
            if slashes == 2 {
                return character == "L" || character == "U" ? length + 1 : length
            }
            length += 1
            if isEscaped { isEscaped = false } else if character == "\\" { isEscaped = true } else if character == "/" { slashes += 1 }
        }
        guard slashes == 2 else { throw invalid(whole) }
        return length
    }

    private static func invalid(_ text: String) -> TLSError {
        TLSError(.configuration, "ssl.principal.mapping.rules=\(text): rules are DEFAULT or RULE:pattern/replacement/[LU], separated by commas")
    }

    private static func parse(_ rule: String) throws(TLSError) -> Rule {
        var parts: [String] = [""]
        var isEscaped = false
        for character in rule.dropFirst("RULE:".count) {
            if !isEscaped && character == "/" { parts.append(""); continue }
            isEscaped = !isEscaped && character == "\\"
            parts[parts.count - 1].append(character)
        }
        guard parts.count == 3 else { throw invalid(rule) }
        guard let pattern = Pattern(parts[0]) else {
            throw TLSError(.configuration, "ssl.principal.mapping.rules: \(parts[0]) is no regular expression")
        }
        return .rewrite(pattern, replacement: parts[1], letters: parts[2] == "L" ? .lower : parts[2] == "U" ? .upper : .kept)
    }

    /// Java's replaceAll: every match gives way to the replacement, in which $1 is the first group.
    private static func replace(_ pattern: Pattern, in subject: [UInt8], by replacement: String) -> String {
        var result: [UInt8] = []
        var end = 0, start = 0
        while start <= subject.count, let match = pattern.firstMatch(in: subject, from: start) {
            result += subject[end..<match.range.lowerBound]
            result += expand(replacement, match, subject)
            end = match.range.upperBound
            start = end
            guard match.range.isEmpty else { continue }
            // After an empty match the next one begins a letter later.
            repeat { start += 1 } while start < subject.count && subject[start] & 0xC0 == 0x80
        }
        return String(decoding: result + subject[end...], as: UTF8.self)
    }

    private static func expand(_ replacement: String, _ match: Pattern.Match, _ subject: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = Substring(replacement)
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.popFirst() {
                result += Array(String(next).utf8)
            } else if character == "$", let group = groupNumber(&rest, groups: match.groups.count - 1) {
                if let range = match.groups[group] { result += subject[range] }
            } else {
                result += Array(String(character).utf8)
            }
        }
        return result
    }

    /// As in Java, as many digits as still name a group; a number without a group is text.
    private static func groupNumber(_ rest: inout Substring, groups: Int) -> Int? {
        var number: Int?
        while let digit = rest.first?.wholeNumberValue, rest.first?.isASCII == true {
            let next = (number ?? 0) * 10 + digit
            guard next <= groups else { break }
            number = next
            rest = rest.dropFirst()
        }
        return number
    }
}
