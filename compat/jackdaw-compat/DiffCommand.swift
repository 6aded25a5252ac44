internal import CommandLineOptions
internal import CompatKit
internal import KafkaSchema

/// `jackdaw-compat diff`
enum DiffCommand {
    static let command = Command(
        "diff", summary: "shows how a broker differs from a recording, or two brokers from each other",
        details: """
            With one --to, the fixtures are replayed and every difference is shown. With two, each fixture is had with the first broker,
            and what that answers is expected of the second; without a fixture, both are asked questions that change nothing.
            Exit code 0: no difference; 1: differences; 2: something could not be compared.
            """,
        options: [
            CommandOption(
                "--to", .required("HOST:PORT"), repeatable: true, help: "a broker; twice for two",
                check: ReplayCommand.addressProblem),
            CommandOption("--tls", help: "speaks TLS to the brokers"),
            CommandOption(
                "--ca", .required("FILE"), help: "the authority that must have signed their certificates (PEM)"),
            CommandOption("--no-setup", help: "leaves the fixtures' setup: topics and records are there already"),
            CommandOption(
                "--rules", .required("FILE"), help: "what may differ and why (default: the rules of the project)"),
            CommandOption("--json", help: "one JSON object a fixture"),
        ],
        arguments: "[FIXTURE...]",
        examples: ["jackdaw-compat diff --to localhost:9092 --to localhost:9192"])

    static func run(_ options: ParsedOptions) throws -> Int32 {
        let addresses = options.values("--to").compactMap { Address($0) }
        let rules = try RulesFile.rules(options.value("--rules"))
        let dialer = options.has("--tls") ? try Dialer.tls(authorityFile: options.value("--ca")) : .plain
        let reports: [ReplayReport]
        switch addresses.count {
        case 1:
            guard !options.arguments.isEmpty else {
                throw UsageError("jackdaw-compat diff: one broker needs a FIXTURE")
            }
            var suite = ReplaySuite(target: .address(addresses[0]), rules: rules)
            suite.dialer = dialer
            suite.preparesBroker = !options.has("--no-setup")
            reports = suite.run(options.arguments) { _, _ in }
        case 2:
            let comparison = BrokerComparison(
                rules: rules, left: (addresses[0], dialer), right: (addresses[1], dialer),
                preparesBrokers: !options.has("--no-setup"))
            reports =
                options.arguments.isEmpty
                ? try comparison.probe()
                : try options.arguments.map {
                    comparison.compare(try Conversation(reading: $0), name: FixtureName.of($0))
                }
        default: throw UsageError("jackdaw-compat diff: one --to or two are needed")
        }
        for report in reports {
            if options.has("--json") { Output.line(report.json.text) } else { show(report) }
        }
        let summary = ReplaySummary(reports)
        Output.line(options.has("--json") ? summary.json.text : summary.line)
        return summary.cannot > 0 ? 2 : summary.differs > 0 ? 1 : 0
    }

    private static func show(_ report: ReplayReport) {
        guard report.outcome == .differs else { return Output.line(report.line) }
        Output.line("differs  \(report.fixture)")
        let rows = report.differences.map { [$0.place, $0.path, $0.expected, $0.got] }
        for line in Table.lines([["exchange", "field", "expected", "got"]] + rows, limits: [40, 60, 60, 60]) {
            Output.line("  " + line)
        }
    }
}

/// Columns as wide as what stands in them, within limits.
enum Table {
    static func lines(_ rows: [[String]], limits: [Int]) -> [String] {
        let cut = rows.map { row in
            zip(row, limits).map { cell, limit in cell.count > limit ? cell.prefix(limit - 1) + "…" : cell }
        }
        let widths = limits.indices.map { column in cut.map { $0[column].count }.max() ?? 0 }
        return cut.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                line += cell
                if index < row.count - 1 { line += String(repeating: " ", count: widths[index] - cell.count + 2) }
            }
            return line
        }
    }
}
