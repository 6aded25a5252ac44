internal import Glibc

/// The program that reads captures for us.
enum Tshark {
    /// The largest output that is taken; captures of conversations are far smaller.
    private static let maximumOutputBytes = 1 << 30

    /// The packets, a line each; and what tshark complained of where it gave up before the end.
    static func lines(of capture: String, keyLog: String?) throws -> (lines: [Substring], complaint: String?) {
        for file in [capture] + (keyLog.map { [$0] } ?? []) where access(file, R_OK) != 0 {
            throw ConversationError(file: file, reason: systemError())
        }
        // Kafka's own dissector would keep the bytes to itself.
        var words = ["tshark", "-r", capture, "--disable-protocol", "kafka", "-Y", "tcp", "-T", "fields"]
        for field in CaptureLine.fields { words += ["-e", field] }
        if let keyLog { words += ["-o", "tls.keylog_file:\(keyLog)"] }
        let (output, errors, status) = try run(words)
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
        if status == 0 { return (lines, nil) }
        var reason =
            String(decoding: errors, as: UTF8.self).split(separator: "\n").last.map(String.init)
            ?? "exit status \(status)"
        if !reason.hasPrefix("tshark: ") { reason = "tshark: " + reason }
        guard !lines.isEmpty else { throw ConversationError(file: capture, reason: reason) }
        return (lines, reason)
    }

    private static func run(_ words: [String]) throws -> (output: [UInt8], errors: [UInt8], status: Int) {
        let output = try CommandOutput()
        let errors = try CommandOutput()
        let process: ChildProcess
        do {
            process = try ChildProcess(words, output: output.writingEnd, errors: errors.writingEnd)
        } catch {
            throw ConversationError(
                file: "tshark", reason: "not to be had (\(error)); Debian's package is called tshark")
        }
        // Errors are few; they fit in the pipe while the output is read.
        let text = output.readAll(limit: maximumOutputBytes)
        let complaint = errors.readAll(limit: 1 << 20)
        return (text, complaint, process.wait())
    }
}

/// A pipe for what a command prints.
private final class CommandOutput {
    private(set) var writingEnd: Int32
    private let readingEnd: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ConversationError(file: "pipe", reason: systemError()) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readingEnd = ends[0]
        writingEnd = ends[1]
    }

    deinit {
        close(readingEnd)
        if writingEnd >= 0 { close(writingEnd) }
    }

    /// Everything until the command has closed its end.
    func readAll(limit: Int) -> [UInt8] {
        close(writingEnd)
        writingEnd = -1
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while all.count < limit {
            let count = read(readingEnd, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            all += chunk[0..<count]
        }
        return all
    }
}
