internal import CommandLineOptions
internal import CompatKit
internal import KafkaSchema

/// `jackdaw-compat show`
enum ShowCommand {
    static let command = Command(
        "show", summary: "prints recorded conversations with every field decoded",
        details: """
            Records, and the subscriptions and assignments inside group requests, are decoded too. What cannot be decoded is shown as
            far as it could be read, with the reason; the exit code is 2 then.
            """,
        options: [
            CommandOption("--json", help: "one JSON object an exchange, messages as Kafka's own JSON"),
            CommandOption("--ranges", help: "where each field stands in its frame: @offset+length"),
            CommandOption("--brief", help: "one line a request and one an answer, no fields"),
            CommandOption("--api", .required("NAME"), repeatable: true, help: "only exchanges of this API"),
            CommandOption("--exchange", .required("CONN/SEQ"), repeatable: true, help: "only this exchange"),
        ],
        arguments: "FIXTURE...",
        examples: [
            "jackdaw-compat show --api Metadata compat/fixtures/kafka-4.4.0/kcat-1.7.1/bootstrap-metadata.jsonl.gz"
        ])

    static func run(_ options: ParsedOptions) throws -> Int32 {
        guard !options.arguments.isEmpty else { throw UsageError("jackdaw-compat show: no FIXTURE given") }
        let apis = try options.values("--api").map { name in
            guard let key = Schema.shared.apiKey(named: name) else {
                throw UsageError("jackdaw-compat show: no API is called \(name)")
            }
            return key
        }
        let places = Set(options.values("--exchange"))
        var text = ConversationText()
        text.showsFields = !options.has("--brief")
        text.showsRanges = options.has("--ranges")
        var isWhole = true
        func complain(_ text: String) {
            isWhole = false
            Output.complain("jackdaw-compat: \(text)")
        }
        for path in options.arguments {
            let (conversation, problem) = try Conversation.readable(path)
            if !options.has("--json") { for line in text.head(conversation) { Output.line(line) } }
            for (index, exchange) in conversation.exchanges.enumerated() {
                if !apis.isEmpty, !apis.contains(where: { $0 == exchange.apiKey }) { continue }
                if !places.isEmpty, !places.contains("\(exchange.connection)/\(exchange.sequence)") { continue }
                if options.has("--json") {
                    Output.line(text.json(exchange).text)
                } else {
                    for line in text.lines(exchange) { Output.line(line) }
                }
                for problem in text.problems(exchange) {
                    complain("\(path):\(index + 2): \(exchange.place): \(problem)")
                }
            }
            if let problem { complain("\(problem)") }
        }
        return isWhole ? 0 : 2
    }
}
