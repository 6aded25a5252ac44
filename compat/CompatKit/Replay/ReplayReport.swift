package import KafkaSchema

/// What came of replaying one conversation.
package struct ReplayReport: Sendable {
    package enum Outcome: String, Sendable { case same, differs, cannot }

    package struct Difference: Sendable {
        package var exchange: Int
        /// `3/1 Metadata v12`.
        package var place: String
        package var path: String
        package var expected: String
        package var got: String

        package var text: String {
            "\(place) (exchange \(exchange + 1))\(path.isEmpty ? "" : " " + path): expected \(expected), got \(got)"
        }
    }

    package var fixture: String
    package var outcome: Outcome = .same
    package var differences: [Difference] = []
    /// Why the replay could not be done.
    package var reason = ""
    package var exchanges = 0
    package var skippedExchanges = 0
    package var comparedFields = 0
    package var neededRules: Set<Int> = []
    package var milliseconds = 0

    package init(fixture: String) { self.fixture = fixture }

    package static func cannot(_ fixture: String, _ reason: String) -> ReplayReport {
        var report = ReplayReport(fixture: fixture)
        report.outcome = .cannot
        report.reason = reason
        return report
    }

    /// One line: `same`, `differs` with the first difference, or `cannot` with why.
    package var line: String {
        switch outcome {
        case .same: "same     \(fixture)"
        case .differs:
            "differs  \(fixture): \(differences[0].text)\(differences.count > 1 ? " (and \(differences.count - 1) more)" : "")"
        case .cannot: "cannot   \(fixture): \(reason)"
        }
    }

    package var json: JSONValue {
        .object([
            ("fixture", .string(fixture)),
            ("outcome", .string(outcome.rawValue)),
            ("reason", reason.isEmpty ? .null : .string(reason)),
            ("exchanges", .integer(exchanges)),
            ("skippedExchanges", .integer(skippedExchanges)),
            ("comparedFields", .integer(comparedFields)),
            ("milliseconds", .integer(milliseconds)),
            (
                "differences",
                .array(
                    differences.map { difference in
                        .object([
                            ("exchange", .integer(difference.exchange + 1)), ("place", .string(difference.place)),
                            ("path", .string(difference.path)), ("expected", .string(difference.expected)),
                            ("got", .string(difference.got)),
                        ])
                    })
            ),
        ])
    }
}
