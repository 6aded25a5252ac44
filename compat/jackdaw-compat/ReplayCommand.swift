internal import CommandLineOptions
internal import CompatKit
internal import Glibc
internal import KafkaSchema
internal import Synchronization

/// `jackdaw-compat replay`
enum ReplayCommand {
    static let command = Command(
        "replay", summary: "has recorded conversations again with a live broker and compares its answers",
        details: """
            Prints one line a fixture: `same`, `differs` with the first difference, or `cannot` with why; and last how many of each.
            With --to the fixture's setup is done over the wire first; the broker should be a fresh one. With --start a COMMAND is run
            for each fixture: it starts a fresh broker with the properties in the file BROKER_CONFIG (BROKER_RELEASE: the release that
            was recorded; BROKER_LISTENER: the listener's security protocol), prints HOST:PORT when it is ready, and ends on SIGTERM.
            Exit code 0: all the same; 1: something differs; 2: something could not be replayed.
            """,
        options: [
            CommandOption("--to", .required("HOST:PORT"), help: "the broker to replay against", check: addressProblem),
            CommandOption("--tls", help: "speaks TLS to the broker"),
            CommandOption(
                "--ca", .required("FILE"), help: "the authority that must have signed the broker's certificate (PEM)"),
            CommandOption("--start", .required("COMMAND"), help: "starts a fresh broker for each fixture"),
            CommandOption(
                "--jobs", .required("N"), help: "fixtures at a time, with --start (default: 1)", check: countProblem),
            CommandOption("--no-setup", help: "leaves the fixture's setup: topics and records are there already"),
            CommandOption(
                "--rules", .required("FILE"), help: "what may differ and why (default: the rules of the project)"),
            CommandOption(
                "--patience", .required("MS"),
                help: "how long an answer may take beyond the recorded time (default: 10000)", check: countProblem),
            CommandOption(
                "--expect", .required("FILE"),
                help: "what the broker is known not to do: anything else is an error, and so is less"),
            CommandOption("--json", help: "one JSON object a fixture, with every difference"),
            CommandOption("--unused-rules", help: "names at the end the rules that nothing needed"),
        ],
        arguments: "FIXTURE...",
        examples: [
            "jackdaw-compat replay --to localhost:9092 compat/fixtures/kafka-4.4.0/kcat-1.7.1/bootstrap-metadata.jsonl.gz"
        ])

    static func addressProblem(_ text: String) -> String? { Address(text) == nil ? "HOST:PORT expected" : nil }
    static func countProblem(_ text: String) -> String? { (Int(text) ?? 0) < 1 ? "a positive number expected" : nil }

    static func run(_ options: ParsedOptions) throws -> Int32 {
        guard !options.arguments.isEmpty else { throw UsageError("jackdaw-compat replay: no FIXTURE given") }
        let target: ReplaySuite.Target
        switch (options.value("--to").flatMap { Address($0) }, options.value("--start")) {
        case (let address?, nil): target = .address(address)
        case (nil, let command?): target = .command(command)
        default: throw UsageError("jackdaw-compat replay: either --to or --start is needed")
        }
        let rules = try RulesFile.rules(options.value("--rules"))
        var suite = ReplaySuite(target: target, rules: rules)
        if options.has("--tls") { suite.dialer = try .tls(authorityFile: options.value("--ca")) }
        suite.preparesBroker = !options.has("--no-setup")
        if case .command = target { suite.jobs = options.integer("--jobs") ?? 1 }
        suite.patienceMs = options.integer("--patience") ?? suite.patienceMs
        let paths = options.arguments
        let isJSON = options.has("--json")
        let isJudged = options.has("--expect")
        let finished = Mutex(0)
        let reports = suite.run(paths) { _, report in
            finished.withLock { count in
                count += 1
                Output.progress("")
                if !isJudged { Output.line(isJSON ? report.json.text : report.line) }
                if count < paths.count { Output.progress("\(count) of \(paths.count)") }
            }
        }
        let summary = ReplaySummary(reports)
        if options.has("--unused-rules") { reportUnused(rules, summary) }
        if let file = options.value("--expect") { return try judge(reports, summary, by: Expectations(reading: file)) }
        Output.line(isJSON ? summary.json.text : summary.line)
        return summary.cannot > 0 ? 2 : summary.differs > 0 ? 1 : 0
    }

    /// Held against the list of what is known: only what is not on it is shown, and what is on it without need.
    private static func judge(
        _ reports: [ReplayReport], _ summary: ReplaySummary, by expectations: Expectations
    ) -> Int32 {
        let verdicts = reports.map { expectations.judge($0) }
        var surprises = 0
        for (report, verdict) in zip(reports, verdicts) where verdict.kind == .surprise {
            surprises += 1
            Output.line("surprise \(report.fixture): \(verdict.text)")
        }
        let unused = expectations.unused(verdicts)
        for line in unused { Output.line("unneeded \(line)") }
        let same = verdicts.filter { $0.kind == .same }.count
        let expected = verdicts.filter { $0.kind == .expected }.count
        Output.line(
            "\(same) same, \(expected) as known, \(surprises) surprises; \(reports.count) conversations, \(summary.exchanges) exchanges, "
                + "\(summary.comparedFields) fields compared")
        return surprises > 0 || !unused.isEmpty ? 1 : 0
    }

    private static func reportUnused(_ rules: Rules, _ summary: ReplaySummary) {
        for rule in rules.fields where !summary.neededRules.contains(rule.line) {
            Output.complain("unused rule, line \(rule.line): \(rule.text)")
        }
    }
}
