internal import CommandLineOptions
internal import CompatKit
internal import KafkaSchema

/// `jackdaw-compat audit`
enum AuditCommand {
    static let command = Command(
        "audit", summary: "says what a client uses, and what of that a given broker does not serve",
        details: """
            Reads conversations (.jsonl, .jsonl.gz) and captures (.pcap, .pcapng). With --live it stands between clients and that broker
            as `record` does, until the COMMAND ends or a signal comes. The target is a release of Apache Kafka or a broker that is asked.
            Exit code 0: nothing breaks; 1: something does; 2: something could not be read.
            """,
        options: [
            CommandOption("--release", .required("RELEASE"), help: "the target: 3.9 to 4.4", check: releaseProblem),
            CommandOption(
                "--target", .required("HOST:PORT"), help: "the target: a broker that is asked what it serves",
                check: ReplayCommand.addressProblem),
            CommandOption(
                "--live", .required("HOST:PORT"), help: "listens before this broker",
                check: ReplayCommand.addressProblem),
            CommandOption(
                "--listen", .required("HOST:PORT"), help: "where clients connect (default: 127.0.0.1:19092)",
                check: ReplayCommand.addressProblem),
            CommandOption("--keylog", .required("FILE"), help: "TLS keys of a capture in NSS format"),
            CommandOption("--json", help: "one JSON object"),
        ],
        arguments: "[FILE...] [-- COMMAND...]",
        examples: [
            "jackdaw-compat audit --release 4.4 compat/fixtures/kafka-3.9.1/kafka-java-0.10.2.2/produce-consume.jsonl.gz"
        ])

    static func releaseProblem(_ text: String) -> String? {
        KafkaReleases.versions(of: text) == nil ? "one of \(KafkaReleases.names.joined(separator: ", ")) expected" : nil
    }

    static func run(_ options: ParsedOptions) throws -> Int32 {
        var audit = Audit()
        var isWhole = true
        if let broker = options.value("--live").flatMap({ Address($0) }) {
            audit.add(try RecordCommand.capture(broker, options).conversation)
        } else {
            guard !options.arguments.isEmpty else { throw UsageError("jackdaw-compat audit: no FILE given") }
            for path in options.arguments {
                let (conversation, problem) = try read(path, keyLog: options.value("--keylog"))
                audit.add(conversation)
                guard let problem else { continue }
                Output.complain("jackdaw-compat: \(problem)")
                isWhole = false
            }
        }
        var findings: [Audit.Finding] = []
        var target: String?
        if let release = options.value("--release"), let versions = KafkaReleases.versions(of: release) {
            target = "Kafka \(release)"
            findings = audit.findings(against: versions, called: "Kafka \(release)")
        } else if let address = options.value("--target").flatMap({ Address($0) }) {
            target = "\(address)"
            findings = audit.findings(against: try served(by: address), called: "\(address)")
        }
        if options.has("--json") {
            Output.line(json(audit, target, findings).text)
        } else {
            show(audit, target, findings)
        }
        return !isWhole ? 2 : findings.contains { $0.gravity == .breaks } ? 1 : 0
    }

    /// What can be read of a file, and what is wrong with the rest.
    private static func read(
        _ path: String, keyLog: String?
    ) throws -> (conversation: Conversation, problem: ConversationError?) {
        guard path.hasSuffix(".pcap") || path.hasSuffix(".pcapng") else { return try Conversation.readable(path) }
        var importing = CaptureImport.Options()
        importing.keyLog = keyLog
        let result = try CaptureImport.read(path, into: Conversation(), options: importing)
        for note in result.notes { Output.complain("\(path): \(note)") }
        return (result.conversation, result.tear)
    }

    static func served(by address: Address) throws -> [Int16: ClosedRange<Int16>] {
        let client = KafkaClient(
            FrameLink(try Socket.connect(to: address, until: .after(milliseconds: 10_000))), to: address)
        defer { client.close() }
        let answer = try client.call("ApiVersions", version: 0, .object([]))
        var versions: [Int16: ClosedRange<Int16>] = [:]
        for entry in answer["apiKeys"]?.elements ?? [] {
            guard let key = entry["apiKey"]?.integer, let low = entry["minVersion"]?.integer,
                let high = entry["maxVersion"]?.integer,
                low <= high
            else { continue }
            versions[Int16(truncatingIfNeeded: key)] = Int16(truncatingIfNeeded: low)...Int16(truncatingIfNeeded: high)
        }
        return versions
    }

    private static func show(_ audit: Audit, _ target: String?, _ findings: [Audit.Finding]) {
        func list(_ title: String, _ values: some Collection<String>) {
            if !values.isEmpty { Output.line("\(title): \(values.sorted().joined(separator: ", "))") }
        }
        list("library", audit.libraries)
        list("client ids", audit.clientIds)
        Output.line(audit.negotiates ? "asks what the broker serves" : "never asks what the broker serves")
        list("features", audit.features)
        list("topics", audit.topics)
        list("groups", audit.groups)
        let rows = audit.uses.sorted { ($0.key.apiKey, $0.key.version) < ($1.key.apiKey, $1.key.version) }.map {
            use, count in
            ["\(use.apiKey)", Schema.shared.apiName(use.apiKey), "v\(use.version)", "\(count)"]
        }
        for line in Table.lines([["key", "API", "version", "requests"]] + rows, limits: [4, 40, 8, 10]) {
            Output.line("  " + line)
        }
        if audit.unreadable > 0 { Output.line("\(audit.unreadable) requests could not be read") }
        guard let target else { return }
        for finding in findings { Output.line("\(finding.gravity.rawValue): \(finding.text)") }
        let breaks = findings.filter { $0.gravity == .breaks }.count
        Output.line(
            breaks == 0
                ? "nothing here breaks with \(target)" : "\(target) would refuse this client: \(breaks) reasons above")
    }

    private static func json(_ audit: Audit, _ target: String?, _ findings: [Audit.Finding]) -> JSONValue {
        func list(_ values: some Collection<String>) -> JSONValue { .array(values.sorted().map { .string($0) }) }
        let uses = audit.uses.sorted { ($0.key.apiKey, $0.key.version) < ($1.key.apiKey, $1.key.version) }.map {
            use, count in
            JSONValue.object([
                ("apiKey", .integer(use.apiKey)), ("api", .string(Schema.shared.apiName(use.apiKey))),
                ("version", .integer(use.version)), ("requests", .integer(count)),
            ])
        }
        return .object([
            ("libraries", list(audit.libraries)), ("clientIds", list(audit.clientIds)),
            ("negotiates", .bool(audit.negotiates)),
            ("features", list(audit.features)), ("topics", list(audit.topics)), ("groups", list(audit.groups)),
            ("apis", .array(uses)), ("unreadable", .integer(audit.unreadable)),
            ("target", target.map { .string($0) } ?? .null),
            (
                "findings",
                .array(
                    findings.map { .object([("gravity", .string($0.gravity.rawValue)), ("text", .string($0.text))]) })
            ),
        ])
    }
}
