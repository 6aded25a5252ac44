internal import CommandLineOptions
internal import CompatKit
internal import Glibc

/// `jackdaw-compat record`
enum RecordCommand {
    static let command = Command(
        "record", summary: "stands between a client and a broker and records what they say",
        details: """
            Clients are given the proxy's address; it puts itself in the place of every broker that an answer names, on further ports.
            With a COMMAND it runs that (BOOTSTRAP_SERVERS names the proxy) and ends with it; without one it ends on SIGINT or SIGTERM.
            The conversation can be shown, replayed and compared. --tls makes certificates on the fly, as `jackdaw serve --tls` does.
            """,
        options: [
            CommandOption("--to", .required("HOST:PORT"), help: "the broker", check: ReplayCommand.addressProblem),
            CommandOption(
                "--listen", .required("HOST:PORT"),
                help: "where clients connect (default: 127.0.0.1:19092; port 0: any)",
                check: ReplayCommand.addressProblem),
            CommandOption("--out", .required("FILE"), help: "the conversation: .jsonl, or .jsonl.gz to compress it"),
            CommandOption(
                "--broker", .required("TEXT"), help: "what the file says of the broker, like `apache-kafka 4.4.0`"),
            CommandOption("--client", .required("TEXT"), help: "what it says of the client, like `kcat 1.7.1`"),
            CommandOption("--scenario", .required("TEXT"), help: "what it is about"),
            CommandOption("--tls", help: "clients speak TLS; certificates are made in --tls-dir"),
            CommandOption("--tls-dir", .required("DIR"), help: "where the certificates are (default: .)"),
            CommandOption("--broker-tls", help: "the broker speaks TLS"),
            CommandOption(
                "--broker-ca", .required("FILE"), help: "the authority that must have signed its certificate (PEM)"),
            CommandOption("--broker-cert", .required("FILE"), help: "key and certificate to show it (PEM)"),
            CommandOption(
                "--limit", .required("MB"), help: "how much is kept; what follows passes unrecorded (default: 1024)",
                check: ReplayCommand.countProblem),
        ],
        arguments: "[-- COMMAND...]",
        examples: [
            "jackdaw-compat record --to localhost:9092 --out list.jsonl.gz -- sh -c 'kcat -L -b $BOOTSTRAP_SERVERS'"
        ])

    static func run(_ options: ParsedOptions) throws -> Int32 {
        guard let broker = options.value("--to").flatMap({ Address($0) }), let file = options.value("--out") else {
            throw UsageError("jackdaw-compat record: --to and --out are needed")
        }
        let (conversation, isWhole) = try capture(broker, options)
        try conversation.write(to: file)
        if !isWhole {
            Output.complain("more passed than --limit keeps: the recording ends before the conversation did")
        }
        Output.complain(
            "\(conversation.connections.count) connections, \(conversation.exchanges.count) exchanges in \(file)")
        return Int32(clamping: conversation.clientExit ?? 0)
    }

    /// Stands before the broker until the command ends or a signal comes.
    static func capture(_ broker: Address, _ options: ParsedOptions) throws -> (
        conversation: Conversation, isWhole: Bool
    ) {
        // Threads that are started from here on leave these signals to this one.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)

        var conversation = Conversation()
        conversation.broker = options.value("--broker") ?? "\(broker)"
        conversation.client = options.value("--client") ?? options.arguments.first ?? "unknown"
        conversation.scenario = options.value("--scenario") ?? "recorded"
        conversation.listener = options.has("--tls") ? "SSL" : "PLAINTEXT"
        let recorder = Recorder(conversation, maximumBytes: (options.integer("--limit") ?? 1024) << 20)
        let proxy = try RecordingProxy(try proxyOptions(broker, options), recorder: recorder)
        Output.complain("recording \(broker) at \(proxy.address)")

        let exit = try wait(options.arguments, proxy.address, &signals, recorder)
        proxy.stop()
        Output.progress("")
        var recorded = recorder.conversation
        recorded.advertised = "\(proxy.address)"
        recorded.clientExit = exit
        return (recorded, !recorder.isFull)
    }

    private static func proxyOptions(_ broker: Address, _ options: ParsedOptions) throws -> RecordingProxy.Options {
        let listen = options.value("--listen").flatMap { Address($0) } ?? Address(host: "127.0.0.1", port: 19092)
        var proxyOptions = RecordingProxy.Options(listen: listen, broker: broker)
        proxyOptions.note = { Output.complain($0) }
        if options.has("--broker-tls") {
            proxyOptions.dialer = try .tls(
                authorityFile: options.value("--broker-ca"), clientFile: options.value("--broker-cert"))
        }
        if options.has("--tls") {
            let material = try ProxyCertificates.make(in: options.value("--tls-dir") ?? ".")
            proxyOptions.serverContext = material.context
            Output.complain("clients trust \(material.authorityFile)")
        }
        return proxyOptions
    }

    /// Until the command ends, or a signal comes. The command's exit status, where there is one.
    private static func wait(
        _ command: [String], _ address: Address, _ signals: inout sigset_t, _ recorder: Recorder
    ) throws -> Int? {
        let process = command.isEmpty ? nil : try ChildProcess(command, variables: ["BOOTSTRAP_SERVERS=\(address)"])
        while true {
            if let status = process?.poll() { return status }
            var pause = timespec(tv_sec: 0, tv_nsec: process == nil ? 250_000_000 : 20_000_000)
            if sigtimedwait(&signals, nil, &pause) > 0 {
                process?.terminate()
                return process?.wait()
            }
            Output.progress("\(recorder.exchangeCount) exchanges")
        }
    }
}
