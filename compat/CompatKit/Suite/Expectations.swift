/// What a broker is known not to do, with the reason: a file that the suite is held to in both directions. See its own head.
package struct Expectations: Sendable {
    /// Fixtures that cannot pass until something is built.
    struct ToCome: Sendable {
        var line: Int
        var capability: String
        /// APIs at which such a fixture may fail first; `start` where the broker does not start with such a configuration.
        var apis: Set<String>
        var fixtures: [String]
        var reason: String
    }
    /// One difference that is meant.
    struct Deviation: Sendable {
        var line: Int
        var fixture: String
        /// As reports write it: connection and request, API and version, `2/7 Produce v8`; without the version for all.
        var exchange: String
        var path: String
        var reason: String
    }
    private var toCome: [ToCome] = []
    private var deviations: [Deviation] = []

    package init(reading path: String) throws {
        try self.init(parsing: String(decoding: try GzipFile.read(path), as: UTF8.self), file: path)
    }

    package init(parsing text: String, file: String) throws {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty || line.hasPrefix("#") { continue }
            func problem(_ reason: String) -> ConversationError {
                ConversationError(file: file, line: index + 1, reason: reason)
            }
            let parts = line.split(separator: " -- ", maxSplits: 1)
            guard parts.count == 2 else { throw problem("a line ends with ' -- ' and its reason") }
            let words = parts[0].split(separator: " ").map(String.init)
            switch (words.first, words.count) {
            case ("to-come", 4...):
                toCome.append(
                    ToCome(
                        line: index + 1, capability: words[1],
                        apis: Set(words[2].split(separator: ",").map(String.init)),
                        fixtures: Array(words.dropFirst(3)), reason: String(parts[1])))
            case ("deviates", 5):
                deviations.append(
                    Deviation(
                        line: index + 1, fixture: words[1], exchange: "\(words[2]) \(words[3])", path: words[4],
                        reason: String(parts[1])))
            default:
                throw problem(
                    "`to-come CAPABILITY API,API FIXTURE...` or `deviates FIXTURE CONN/SEQ API PATH` expected")
            }
        }
    }

    /// How a report is to be taken.
    package struct Verdict: Sendable {
        package enum Kind: Sendable { case same, expected, surprise }
        package var kind: Kind
        package var text: String
        /// Lines of the file that spoke.
        package var lines: Set<Int>
    }

    package func judge(_ report: ReplayReport) -> Verdict {
        var lines: Set<Int> = []
        var rest = report.differences
        for deviation in deviations where Glob.matches(report.fixture, deviation.fixture) {
            let before = rest.count
            rest.removeAll { difference in
                (difference.place == deviation.exchange || difference.place.hasPrefix(deviation.exchange + " "))
                    && Glob.matches(difference.path, deviation.path)
            }
            if rest.count < before { lines.insert(deviation.line) }
        }
        let isSame = report.outcome == .same || report.outcome == .differs && rest.isEmpty
        let known = toCome.filter { entry in entry.fixtures.contains { Glob.matches(report.fixture, $0) } }
        if isSame {
            if let entry = known.first {
                return Verdict(
                    kind: .surprise, text: "passes: line \(entry.line) (\(entry.capability)) says that it cannot",
                    lines: lines)
            }
            return Verdict(kind: .same, text: "", lines: lines)
        }
        let api = report.outcome == .cannot ? "start" : Self.api(of: rest[0])
        if let entry = known.first(where: { $0.apis.contains(api) }) {
            return Verdict(
                kind: .expected, text: "\(entry.capability): \(entry.reason)", lines: lines.union([entry.line]))
        }
        if let entry = known.first {
            let expected = entry.apis.sorted().joined(separator: ", ")
            return Verdict(
                kind: .surprise, text: "fails at \(api), where line \(entry.line) expects \(expected): \(report.line)",
                lines: lines)
        }
        return Verdict(kind: .surprise, text: report.line, lines: lines)
    }

    private static func api(of difference: ReplayReport.Difference) -> String {
        let words = difference.place.split(separator: " ")
        return words.count > 1 ? String(words[1]) : ""
    }

    /// Lines that no report needed: what they speak of has been built, or is gone.
    package func unused(_ verdicts: [Verdict]) -> [String] {
        let used = verdicts.reduce(into: Set<Int>()) { $0.formUnion($1.lines) }
        return toCome.filter { !used.contains($0.line) }.map {
            "line \($0.line): to-come \($0.capability) is needed no more"
        }
            + deviations.filter { !used.contains($0.line) }.map {
                "line \($0.line): deviates \($0.fixture) is needed no more"
            }
    }
}
