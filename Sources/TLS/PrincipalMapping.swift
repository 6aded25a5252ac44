internal import _StringProcessing

/// `ssl.principal.mapping.rules` (KIP-371): turns the subject of a client's certificate into the name that ACLs use.
/// `RULE:pattern/replacement/[LU]`, separated by commas, and `DEFAULT`; the first whose pattern fits the whole name counts.
package struct PrincipalMapping: @unchecked Sendable {  // a Regex does not change after it was made
    private enum Rule {
        case asItIs
        case rewrite(Regex<AnyRegexOutput>, replacement: String, letters: Letters)
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
                guard (try? pattern.wholeMatch(in: subject)) != nil else { continue }
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
        let pattern: Regex<AnyRegexOutput>
        do { pattern = try Regex(parts[0]).matchingSemantics(.unicodeScalar) } catch {
            throw TLSError(.configuration, "ssl.principal.mapping.rules: \(parts[0]) is no regular expression")
        }
        return .rewrite(pattern, replacement: parts[1], letters: parts[2] == "L" ? .lower : parts[2] == "U" ? .upper : .kept)
    }

    /// Java's replaceAll: every match gives way to the replacement, in which $1 is the first group.
    private static func replace(_ pattern: Regex<AnyRegexOutput>, in subject: String, by replacement: String) -> String {
        var result = ""
        var end = subject.startIndex
        for match in subject.matches(of: pattern) {
            result += subject[end..<match.range.lowerBound]
            result += expand(replacement, match.output)
            end = match.range.upperBound
        }
        return result + subject[end...]
    }

    private static func expand(_ replacement: String, _ match: AnyRegexOutput) -> String {
        var result = ""
        var rest = Substring(replacement)
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.popFirst() { result.append(next); continue }
            guard character == "$", let group = groupNumber(&rest, groups: match.count - 1) else {
                result.append(character)
                continue
            }
            result += match[group].substring ?? ""
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
