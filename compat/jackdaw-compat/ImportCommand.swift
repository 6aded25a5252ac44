internal import CommandLineOptions
internal import CompatKit

/// `jackdaw-compat import`
enum ImportCommand {
    static let command = Command(
        "import", summary: "makes a conversation out of a packet capture (pcap or pcapng)",
        details: """
            tshark reads the capture; TLS is decrypted where --keylog names the keys that the client or the broker wrote down. Streams that
            are no Kafka, and what the capture lost, are named on standard error. Of a capture that ends in the middle of a packet
            what stands before is taken; the exit code is 2 then.
            """,
        options: [
            CommandOption("--out", .required("FILE"), help: "the conversation: .jsonl, or .jsonl.gz to compress it"),
            CommandOption(
                "--port", .required("N"), help: "the broker's port (default: whatever speaks Kafka)",
                check: ReplayCommand.countProblem),
            CommandOption("--keylog", .required("FILE"), help: "TLS keys in NSS format (SSLKEYLOGFILE)"),
            CommandOption(
                "--broker", .required("TEXT"), help: "what the file says of the broker, like `apache-kafka 4.4.0`"),
            CommandOption("--client", .required("TEXT"), help: "what it says of the client"),
            CommandOption("--scenario", .required("TEXT"), help: "what it is about"),
        ],
        arguments: "CAPTURE",
        examples: [
            "jackdaw-compat import --out tls.jsonl.gz --keylog compat/fixtures/pcap/aiokafka-tls13.keylog "
                + "compat/fixtures/pcap/aiokafka-tls13.pcapng"
        ])

    static func run(_ options: ParsedOptions) throws -> Int32 {
        guard let capture = options.arguments.first, options.arguments.count == 1, let file = options.value("--out")
        else {
            throw UsageError("jackdaw-compat import: --out and one CAPTURE are needed")
        }
        var importing = CaptureImport.Options()
        importing.brokerPort = options.integer("--port")
        importing.keyLog = options.value("--keylog")
        var conversation = Conversation()
        conversation.broker = options.value("--broker") ?? "unknown"
        conversation.client = options.value("--client") ?? "unknown"
        conversation.scenario = options.value("--scenario") ?? FixtureName.of(capture)
        let result = try CaptureImport.read(capture, into: conversation, options: importing)
        let imported = result.conversation
        for note in result.notes { Output.complain("\(capture): \(note)") }
        try imported.write(to: file)
        Output.complain("\(imported.connections.count) connections, \(imported.exchanges.count) exchanges in \(file)")
        if let tear = result.tear { Output.complain("jackdaw-compat: \(tear)") }
        return result.tear == nil ? 0 : 2
    }
}
