internal import Glibc

/// A broker that a command starts: it prints HOST:PORT when it is ready, and SIGTERM ends it.
package final class BrokerProcess {
    package struct Failure: Error, CustomStringConvertible {
        package var reason: String
        package var description: String { reason }
    }

    package let address: Address
    private let process: ChildProcess
    private let output: Int32
    private let directory: String

    /// The longest that a broker may take to be ready, and to end.
    private static let readyMs = 90_000
    private static let endMs = 15_000

    /// `configuration` are the broker's properties; `release` is the one that was recorded, `listener` its security protocol.
    package init(
        command: String, configuration: [(key: String, value: String)], release: String, listener: String
    ) throws {
        directory = try Self.makeDirectory()
        let file = directory + "/broker.properties"
        let text = configuration.map { "\($0.key)=\($0.value)\n" }.joined()
        try GzipFile.write(Array(text.utf8), to: file)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(reason: systemError()) }
        // Neither end may leak into another broker that is started at the same time, or its end would never be seen.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        output = ends[0]
        let errors = open(directory + "/errors", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        do {
            // This process keeps no writing end: so the end of the command is the end of what it prints.
            defer {
                close(ends[1])
                close(errors)
            }
            let variables = ["BROKER_CONFIG=\(file)", "BROKER_RELEASE=\(release)", "BROKER_LISTENER=\(listener)"]
            process = try ChildProcess(
                ["/bin/sh", "-c", "exec \(command)"], variables: variables, output: ends[1], errors: errors,
                ownGroup: true)
        }
        do {
            address = try Self.readAddress(from: ends[0], errors: directory + "/errors")
        } catch {
            Self.end(process)
            close(ends[0])
            Self.remove(directory)
            throw error
        }
    }

    deinit {
        Self.end(process)
        close(output)
        Self.remove(directory)
    }

    private static func makeDirectory() throws -> String {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/jackdaw-compat-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(reason: "\(base): \(systemError())") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func remove(_ directory: String) {
        for name in ["broker.properties", "errors"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }

    private static func readAddress(from descriptor: Int32, errors: String) throws -> Address {
        let deadline = Deadline.after(milliseconds: readyMs)
        var line: [UInt8] = []
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&entry, 1, Int32(deadline.remainingMs))
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { throw Failure(reason: "the broker was not ready within \(readyMs) ms") }
            var byte: UInt8 = 0
            guard Glibc.read(descriptor, &byte, 1) == 1 else {
                throw Failure(reason: "the broker's command ended before it printed HOST:PORT\(lastWords(errors))")
            }
            guard byte != 0x0a else { break }
            guard line.count < 4096 else { throw Failure(reason: "the broker's command printed no HOST:PORT") }
            line.append(byte)
        }
        let text = String(decoding: line, as: UTF8.self)
        guard let address = Address(text) else {
            throw Failure(reason: "the broker's command printed no HOST:PORT but: \(text)")
        }
        return address
    }

    private static func lastWords(_ file: String) -> String {
        guard let bytes = try? GzipFile.read(file), !bytes.isEmpty else { return "" }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return ": " + lines.suffix(3).joined(separator: " / ")
    }

    /// Asks, and after a while insists. The broker is gone when this returns.
    private static func end(_ process: ChildProcess) {
        process.terminate()
        let deadline = Deadline.after(milliseconds: endMs)
        while deadline.remainingMs > 0 {
            if process.poll() != nil { return }
            pause(milliseconds: 5)
        }
        process.killGroup()
        _ = process.wait()
    }
}
