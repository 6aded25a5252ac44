/// The `jackdaw` command line.
package enum JackdawCommand {
    package static func program(version: String) -> CommandLineProgram {
        CommandLineProgram(
            "jackdaw", summary: "a Kafka broker in one binary.", version: version, commands: [serve, inspect])
    }

    static let serve = Command(
        "serve",
        summary: "run the broker until it is told to stop (Ctrl-C)",
        details: """
            Kafka clients connect to the address that is printed when the broker answers. Everything it stores lies in
            one data directory, in Kafka's own format; start it again on the same directory and it goes on from there.
            """,
        options: [
            CommandOption(
                "--port", .required("N"),
                help: "port on this machine's loopback addresses, 0 for any free one. For other addresses use "
                    + "--set listeners=PLAINTEXT://:9092. Default: 9092",
                check: { UInt16($0) == nil ? "a number from 0 to 65535 is expected" : nil }),
            CommandOption(
                "--data", .required("DIR"), help: "data directory, made where it is missing. Default: ./jackdaw-data",
                check: { $0.isEmpty ? "a directory is expected" : nil }),
            CommandOption(
                "--topic", .required("NAME:PARTITIONS"), repeatable: true,
                help: "create this topic at start if it does not exist; 1 partition where no number is given. "
                    + "May be given several times",
                check: { ServeOptions.Topic($0) == nil ? "NAME or NAME:PARTITIONS is expected" : nil }),
            CommandOption(
                "--config", .required("FILE"),
                help: "Kafka's server.properties; what is on the command line wins over it"),
            CommandOption(
                "--set", .required("KEY=VALUE"), repeatable: true,
                help: "one of Kafka's configuration keys, as in server.properties. May be given several times",
                check: { ServeOptions.setting($0) == nil ? "KEY=VALUE is expected" : nil }),
            CommandOption(
                "--tls", .optional("require-client"),
                help:
                    "serve TLS as well, on the port after the plaintext one, with a certificate that is made at the first start "
                    + "unless ssl.keystore.location names one; with require-client, clients must show one, too",
                check: { $0 == "require-client" ? nil : "require-client is the only value" }),
            CommandOption(
                "--cluster-id", .required("ID"),
                help: "id of the cluster, 22 characters, for a new data directory. Default: a random one",
                check: { ServeOptions.isClusterId($0) ? nil : "22 characters of A-Z, a-z, 0-9, - and _ are expected" }),
            CommandOption(
                "--emulate", .required("RELEASE"),
                help: "answer like a given release of Apache Kafka (3.9 to 4.4) and refuse what that does not have",
                check: { $0.isEmpty ? "a release is expected, for example 3.9" : nil }),
            CommandOption(
                "--leave-behind", .required("WHAT"), repeatable: true,
                help: "start on a directory of Apache Kafka's although something in it cannot be taken over: replicas (copies on "
                    + "other brokers: this one goes on alone with those of its own that were in sync), tiered (data in a remote "
                    + "store: what lies here is served), share (share groups' state: kept, not served). May be given several times",
                check: {
                    ServeOptions.leftBehind.contains($0)
                        ? nil : "one of \(ServeOptions.leftBehind.joined(separator: ", ")) is expected"
                }),
            CommandOption(
                "--log-format", .required("text|json"), help: "how events are written to standard error. Default: text",
                check: { $0 == "text" || $0 == "json" ? nil : "text or json is expected" }),
            CommandOption(
                "--log-level", .required("LEVEL"),
                help: "the least grave events that are written: debug (each TLS connection with its principal, too), info, warn "
                    + "or error. Default: info",
                check: {
                    ServeOptions.logLevels.contains($0) ? nil : "one of \(ServeOptions.logLevels.joined(separator: ", ")) is expected"
                }),
        ],
        examples: [
            "jackdaw serve",
            "jackdaw serve --port 9092 --data /var/lib/jackdaw --topic orders:6",
            "jackdaw serve --config server.properties --set log.retention.hours=24",
        ])
}

extension JackdawCommand {
    static let inspect = Command(
        "inspect",
        summary: "show what a data directory or one of its files holds, and whether it is sound",
        details: """
            Of a directory: its topics, partitions, segments, offsets and sizes, and what a start of the broker would do with
            it (which partitions are scanned, what is cut off, which unfinished files are resolved, what refuses the start).
            Of a file: everything in it, decoded: batches and records (.log), indexes, producer snapshots, checkpoints, the
            cluster's metadata, committed offsets, the state of transactions. Apache Kafka's directories are read as well.

            Nothing is written, and no lock is taken: a broker may be running on the directory. Files are read piece by piece,
            so their size does not matter. The exit code is 0 where all is well, 1 where something is damaged or would refuse
            the start, 2 where something cannot be read.
            """,
        options: [
            CommandOption("--json", help: "one JSON object a line, each with its kind, in place of text"),
            CommandOption("--batches", help: "of a .log file: its batches alone, without their records"),
            CommandOption(
                "--verify",
                help:
                    "of a directory: read every batch and every record, compute every checksum, and hold every index entry against its "
                    + "segment. Without it only the end of each segment is read"),
        ],
        arguments: "DIR... | FILE",
        examples: [
            "jackdaw inspect /var/lib/jackdaw",
            "jackdaw inspect /disk1/kafka /disk2/kafka --verify",
            "jackdaw inspect /var/lib/jackdaw/orders-0/00000000000000000000.log --json",
        ])
}

/// What `jackdaw inspect` was told.
package struct InspectOptions: Sendable {
    package var paths: [String]
    package var json: Bool
    package var batchesOnly: Bool
    package var verify: Bool

    package init(_ parsed: ParsedOptions) {
        paths = parsed.arguments
        json = parsed.has("--json")
        batchesOnly = parsed.has("--batches")
        verify = parsed.has("--verify")
    }
}

/// What `jackdaw serve` was told.
package struct ServeOptions: Sendable {
    package struct Topic: Sendable, Equatable {
        package var name: String
        package var partitions: Int32

        /// `orders:6`, or `orders` for one partition.
        package init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, !parts[0].isEmpty else { return nil }
            guard let partitions = parts.count == 2 ? Int32(parts[1]) : 1, partitions > 0 else { return nil }
            name = String(parts[0])
            self.partitions = partitions
        }
    }

    package var configFile: String?
    package var settings: [(key: String, value: String)] = []
    package var port: Int32?
    package var dataDirectory: String?
    package var topics: [Topic] = []
    package var emulate: String?
    package var clusterId: String?
    package var logsJSON = false
    package var logLevel = "info"
    package var tls = false
    package var tlsRequiresClient = false
    package var leavesBehind: Set<String> = []

    /// What a directory may have that a start leaves alone when it is told to.
    package static let leftBehind = ["replicas", "tiered", "share"]

    package static let logLevels = ["debug", "info", "warn", "error"]

    package init(_ parsed: ParsedOptions) {
        configFile = parsed.value("--config")
        settings = parsed.values("--set").compactMap(Self.setting)
        port = parsed.integer("--port").map(Int32.init)
        dataDirectory = parsed.value("--data")
        topics = parsed.values("--topic").compactMap(Topic.init)
        emulate = parsed.value("--emulate")
        clusterId = parsed.value("--cluster-id")
        logsJSON = parsed.value("--log-format") == "json"
        logLevel = parsed.value("--log-level") ?? logLevel
        tls = parsed.has("--tls")
        tlsRequiresClient = parsed.value("--tls") == "require-client"
        leavesBehind = Set(parsed.values("--leave-behind"))
    }

    static func setting(_ text: String) -> (key: String, value: String)? {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else { return nil }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    /// Kafka's form of a cluster id: 16 bytes in URL-safe base64 without padding.
    static func isClusterId(_ text: String) -> Bool {
        text.utf8.count == 22
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
