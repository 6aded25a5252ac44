internal import KafkaSchema

/// One line of the rules file: what may differ, how, and why.
package struct FieldRule: Sendable {
    package enum Kind: Sendable, Equatable {
        /// The recorded value was renamed; consistently within the domain, which counts anew for each value of the field `by`.
        case mapped(domain: String, by: String?)
        case masked
        /// Both values are among these.
        case oneOf([String])
        /// Order means nothing; elements meet by these members, or by their whole content where none is named.
        case unordered([String])
        /// Elements that only the recording has are let pass.
        case mayLack
        /// Elements that only the live broker has are let pass.
        case mayHaveMore
        /// SCRAM messages: nonces differ, and what follows from them must be right.
        case sasl
    }
    package var line: Int
    /// Name of an API, or `*`.
    package var api: String
    /// A path without element numbers; `*.name` is that name anywhere.
    package var path: String
    package var kind: Kind
    /// A member beside or around the field, and the values of it for which the rule holds.
    package var condition: (member: String, values: [String])?
    /// Fixtures that it holds for; nil for all.
    package var fixtures: String?
    package var reason: String

    package var text: String { "\(api) \(path) \(kind)" }
}

/// The rules file: see its own head for the grammar.
package struct Rules: Sendable {
    package private(set) var fields: [FieldRule] = []
    /// APIs whose request is sent again for a while when the answer differs: it changes nothing, and what it asks for comes by
    /// itself.
    package private(set) var settling: Set<String> = []
    /// Fixtures whose recorded pace is kept.
    package private(set) var paced: [String] = []
    /// Error codes that pass by themselves; a client asks again on them.
    package private(set) var transient: Set<Int64> = []

    package init() {}

    package init(reading path: String) throws {
        try self.init(parsing: String(decoding: try GzipFile.read(path), as: UTF8.self), file: path)
    }

    package init(parsing text: String, file: String) throws {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.drop { $0 == " " }
            if line.isEmpty || line.hasPrefix("#") { continue }
            do throws(RuleProblem) {
                try parse(line, number: index + 1)
            } catch {
                throw ConversationError(file: file, line: index + 1, reason: error.reason)
            }
        }
    }

    private struct RuleProblem: Error { var reason: String }

    private mutating func parse(_ line: Substring, number: Int) throws(RuleProblem) {
        let parts = line.split(separator: " -- ", maxSplits: 1)
        guard parts.count == 2 else { throw RuleProblem(reason: "a rule ends with ' -- ' and its reason") }
        let words = parts[0].split(separator: " ").map(String.init)
        switch words.first {
        case "settle": settling.formUnion(words.dropFirst())
        case "pace": paced += words.dropFirst()
        case "transient": transient.formUnion(words.dropFirst().compactMap { Int64($0) })
        case "field":
            var words = Array(words.dropFirst())
            var fixtures: String?
            if let index = words.firstIndex(of: "in") {
                guard index + 2 == words.count else { throw RuleProblem(reason: "'in' takes one pattern, at the end") }
                fixtures = words[index + 1]
                words.removeLast(2)
            }
            var condition: (member: String, values: [String])?
            if let index = words.firstIndex(of: "where") {
                let sides = index + 2 == words.count ? words[index + 1].split(separator: "=") : []
                guard sides.count == 2 else { throw RuleProblem(reason: "'where' takes MEMBER=VALUE,VALUE") }
                condition = (String(sides[0]), sides[1].split(separator: ",").map(String.init))
                words.removeLast(2)
            }
            guard words.count >= 3 else { throw RuleProblem(reason: "field API PATH RULE expected") }
            guard words[0] == "*" || Schema.shared.apiKey(named: words[0]) != nil else {
                throw RuleProblem(reason: "no API is called \(words[0])")
            }
            fields.append(
                FieldRule(
                    line: number, api: words[0], path: words[1], kind: try kind(words[2], Array(words.dropFirst(3))),
                    condition: condition, fixtures: fixtures, reason: String(parts[1])))
        default: throw RuleProblem(reason: "unknown: \(words.first ?? "")")
        }
    }

    private func kind(_ name: String, _ arguments: [String]) throws(RuleProblem) -> FieldRule.Kind {
        switch (name, arguments.count) {
        case ("mapped", 1): return .mapped(domain: arguments[0], by: nil)
        case ("mapped", 3) where arguments[1] == "by": return .mapped(domain: arguments[0], by: arguments[2])
        case ("masked", 0): return .masked
        case ("one-of", 1): return .oneOf(arguments[0].split(separator: ",").map(String.init))
        case ("unordered", 0): return .unordered([])
        case ("unordered", 1): return .unordered(arguments[0].split(separator: ",").map(String.init))
        case ("may-lack", 0): return .mayLack
        case ("may-have-more", 0): return .mayHaveMore
        case ("sasl", 0): return .sasl
        default: throw RuleProblem(reason: "no such rule: \(name) \(arguments.joined(separator: " "))")
        }
    }

    package func isPaced(_ fixture: String) -> Bool { paced.contains { Glob.matches(fixture, $0) } }
}

/// The rules of one fixture, looked up by API and path; what was found once is remembered.
struct RuleIndex {
    private let rules: [FieldRule]
    private var found: [String: [FieldRule]] = [:]

    init(_ rules: Rules, fixture: String) {
        self.rules = rules.fields.filter { rule in rule.fixtures.map { Glob.matches(fixture, $0) } ?? true }
    }

    mutating func rules(api: String, path: String) -> [FieldRule] {
        let key = "\(api) \(path)"
        if let known = found[key] { return known }
        let matching = rules.filter { rule in
            guard rule.api == "*" || rule.api == api else { return false }
            guard rule.path.hasPrefix("*.") else { return rule.path == path }
            let name = rule.path.dropFirst(2)
            return path == name || path.hasSuffix("." + name)
        }
        found[key] = matching
        return matching
    }
}

/// Patterns of file names: `*` stands for any characters, `?` for one.
package enum Glob {
    package static func matches(_ text: some StringProtocol, _ pattern: some StringProtocol) -> Bool {
        matches(Array(text.utf8)[...], Array(pattern.utf8)[...])
    }

    private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var text = text
        var pattern = pattern
        var retry: (text: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern = pattern.dropFirst()
                retry = (text, pattern)
            } else if let byte = text.first, let expected = pattern.first,
                expected == UInt8(ascii: "?") || expected == byte
            {
                text = text.dropFirst()
                pattern = pattern.dropFirst()
            } else if text.isEmpty, pattern.isEmpty {
                return true
            } else if let last = retry, !last.text.isEmpty {
                text = last.text.dropFirst()
                pattern = last.pattern
                retry = (text, pattern)
            } else {
                return false
            }
        }
    }
}
