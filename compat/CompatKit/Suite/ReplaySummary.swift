package import KafkaSchema

/// Counts over many reports.
package struct ReplaySummary: Sendable {
    package private(set) var same = 0
    package private(set) var differs = 0
    package private(set) var cannot = 0
    package private(set) var exchanges = 0
    package private(set) var comparedFields = 0
    package private(set) var neededRules: Set<Int> = []

    package init(_ reports: [ReplayReport]) {
        for report in reports {
            switch report.outcome {
            case .same: same += 1
            case .differs: differs += 1
            case .cannot: cannot += 1
            }
            exchanges += report.exchanges
            comparedFields += report.comparedFields
            neededRules.formUnion(report.neededRules)
        }
    }

    package var line: String { "\(same) same, \(differs) differ, \(cannot) cannot" }

    package var json: JSONValue {
        .object([
            ("same", .integer(same)), ("differs", .integer(differs)), ("cannot", .integer(cannot)),
            ("exchanges", .integer(exchanges)), ("comparedFields", .integer(comparedFields)),
        ])
    }
}
