internal import CommandLineOptions
internal import CompatKit
internal import Glibc

/// The commands of `jackdaw-compat`.
enum CompatProgram {
    static let program = CommandLineProgram(
        "jackdaw-compat", summary: "Records, replays and compares what Kafka clients and brokers say to each other.",
        version: "0.1.0",
        commands: [
            RecordCommand.command, ImportCommand.command, ShowCommand.command, ReplayCommand.command,
            DiffCommand.command,
            AuditCommand.command, MatrixCommand.command,
        ])

    /// The exit code: 0 for success, 1 for a difference, 2 for what could not be done.
    static func run(_ words: [String]) -> Int32 {
        ignoreBrokenPipes()
        do {
            switch try program.parse(words) {
            case .print(let text):
                Output.print(text)
                return 0
            case .run(let command, let options):
                switch command {
                case "record": return try RecordCommand.run(options)
                case "diff": return try DiffCommand.run(options)
                case "import": return try ImportCommand.run(options)
                case "audit": return try AuditCommand.run(options)
                case "matrix": return try MatrixCommand.run(options)
                case "replay": return try ReplayCommand.run(options)
                case "show": return try ShowCommand.run(options)
                default: return 2
                }
            }
        } catch let error as UsageError {
            Output.complain(error.description)
        } catch {
            Output.complain("jackdaw-compat: \(error)")
        }
        return 2
    }
}

/// Standard output and standard error.
enum Output {
    static func print(_ text: String) { write(text, to: 1) }
    static func line(_ text: String) { write(text + "\n", to: 1) }
    static func complain(_ text: String) { write(text + "\n", to: 2) }

    /// A line that replaces the one before, where somebody looks at it.
    static func progress(_ text: String) {
        guard isatty(2) == 1 else { return }
        write("\r\u{1b}[K\(text)", to: 2)
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            if count > 0 { bytes = bytes.dropFirst(count) }
        }
    }
}
