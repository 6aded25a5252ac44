internal import Glibc
internal import Synchronization
package import Telemetry

/// A log that a test reads: every line, in the text form.
package final class LogLines: Sendable {
    private let lines: Lines
    package let log: Log

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    package init() {
        let lines = Lines()
        self.lines = lines
        log = Log { event, _ in lines.all.withLock { $0.append(event.text) } }
        log.level = .debug
    }

    package var all: [String] { lines.all.withLock { $0 } }

    /// Waits until the condition holds of all lines together; false after ten seconds.
    package func wait(until condition: (String) -> Bool) -> Bool {
        for _ in 0..<2000 {
            if condition(all.joined(separator: "\n")) { return true }
            usleep(5000)
        }
        return false
    }
}
