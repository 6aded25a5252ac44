internal import CJackdaw
internal import Glibc
internal import Synchronization

/// How grave an event is. `debug` is off unless asked for.
package enum LogLevel: Int, Sendable, Comparable, CaseIterable {
    case debug, info, warn, error

    package init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

    var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warn: "warn"
        case .error: "error"
        }
    }
}

/// One event: what a line of the log says. `fields` are for machines; in the text form they stand behind the message.
package struct LogEvent: Sendable {
    package var timeMs: Int64
    package var level: LogLevel
    package var component: String
    package var message: String
    package var fields: [(name: String, value: String)]
}

/// Where lines go. The process has one, `Log.shared`; a test makes its own and reads it.
package final class Log: Sendable {
    package enum Format: Sendable { case text, json }

    private struct State {
        var level = LogLevel.info
        var format = Format.text
        var write: @Sendable (LogEvent, Format) -> Void
    }
    private let state: Mutex<State>

    package init(_ write: @escaping @Sendable (LogEvent, Format) -> Void) {
        state = Mutex(State(write: write))
    }

    /// Standard error, one line an event.
    package static let shared = Log { event, format in
        var line = format == .json ? event.json : event.text
        line += "\n"
        line.withUTF8 { bytes in _ = write(2, bytes.baseAddress, bytes.count) }
    }

    package var level: LogLevel {
        get { state.withLock { $0.level } }
        set { state.withLock { $0.level = newValue } }
    }
    package var format: Format {
        get { state.withLock { $0.format } }
        set { state.withLock { $0.format = newValue } }
    }

    /// What `body` says in this log goes to `write` instead of where it always goes.
    package func divert<T>(to write: @escaping @Sendable (LogEvent) -> Void, during body: () throws -> T) rethrows -> T {
        let before = state.withLock { state in
            defer { state.write = { event, _ in write(event) } }
            return state.write
        }
        defer { state.withLock { $0.write = before } }
        return try body()
    }

    func record(_ event: LogEvent) {
        let (write, format) = state.withLock { ($0.write, $0.format) }
        write(event, format)
    }
}

/// A component's voice in the log.
package struct Logger: Sendable {
    package let component: String
    package let log: Log

    package init(_ component: String, log: Log = .shared) {
        self.component = component
        self.log = log
    }

    package typealias Fields = KeyValuePairs<String, any CustomStringConvertible>

    package func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        record(.debug, message, fields)
    }
    package func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        record(.info, message, fields)
    }
    package func warn(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        record(.warn, message, fields)
    }
    package func error(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        record(.error, message, fields)
    }

    package func record(_ level: LogLevel, _ message: () -> String, _ fields: () -> Fields) {
        guard level >= log.level else { return }
        log.record(
            LogEvent(
                timeMs: jd_realtime_ns() / 1_000_000, level: level, component: component, message: message(),
                fields: fields().map { (name: $0.key, value: $0.value.description) }))
    }
}

extension LogEvent {
    /// `2026-11-25T20:06:27.123Z info  server: listening listener=PLAINTEXT`
    package var text: String {
        var line = "\(timestamp) \(level.name)\(level.name.utf8.count == 4 ? " " : "") \(component): \(message)"
        for field in fields { line += " \(field.name)=\(field.value)" }
        return line.replacing(controlCharacters: " ")
    }

    package var json: String {
        var line = "{\"time\":\"\(timestamp)\",\"level\":\"\(level.name)\",\"component\":\(component.quotedJSON),"
        line += "\"message\":\(message.quotedJSON)"
        for field in fields { line += ",\(field.name.quotedJSON):\(field.value.quotedJSON)" }
        return line + "}"
    }

    private var timestamp: String {
        var seconds = time_t(timeMs / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func pad(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return "\(pad(parts.tm_year + 1900, 4))-\(pad(parts.tm_mon + 1, 2))-\(pad(parts.tm_mday, 2))T"
            + "\(pad(parts.tm_hour, 2)):\(pad(parts.tm_min, 2)):\(pad(parts.tm_sec, 2)).\(pad(timeMs % 1000, 3))Z"
    }
}

extension String {
    /// The string with each control character replaced, so that foreign text cannot forge a log line.
    package func replacing(controlCharacters replacement: String) -> String {
        guard utf8.contains(where: { $0 < 32 || $0 == 127 }) else { return self }
        return reduce(into: "") { text, character in
            let isControl = character.unicodeScalars.contains { $0.value < 32 || $0.value == 127 }
            text += isControl ? replacement : String(character)
        }
    }

    /// The string as a JSON string, quotes included.
    package var quotedJSON: String {
        // Most have nothing to escape.
        if utf8.allSatisfy({ $0 >= 32 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) { return "\"" + self + "\"" }
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
