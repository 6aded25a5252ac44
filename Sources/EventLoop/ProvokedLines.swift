internal import Synchronization
package import Telemetry

/// Lines of the log that someone on the network brings about as often as he likes: a port scanner must not fill the disk.
///
/// Of one source (an address, a group) and one reason, the first lines of a minute are written at once; the rest is counted, and told by
/// one line at the minute's end, with the last of them. Reasons that differ in numbers alone are one. Reasons of a source beyond a bound share one count, and so do sources. With
/// `--log-level debug` nothing is left out.
package final class ProvokedLines: Sendable {
    fileprivate struct Key: Hashable {
        let source: String
        let reason: String
    }

    /// One source's lines of one reason since a moment.
    fileprivate struct Count {
        let since: MonotonicTime
        var written = 1
        var leftOut = 0
        var last = ""
    }

    fileprivate struct Table {
        var counts: [Key: Count] = [:]
        /// The oldest of them.
        var oldest = MonotonicTime.never
        var isScheduled = false
    }

    /// What has come when there was no room for one more source.
    fileprivate static let others = Key(source: "other peers", reason: "")
    /// So many sources, each with its reasons, are told apart within an interval.
    static let mostKeys = 200
    /// So many reasons of one source.
    static let mostReasons = 20
    package static let intervalMs: Int64 = 60_000
    /// A name within a line may be 32 KB of the peer's making.
    static let longestLine = 2_000

    private let logger: Logger
    private let clock: Clock
    /// Writes what was left out when the time has come; without one the next line brings it along.
    private let loop: EventLoop?
    private let burst: Int
    private let table = Mutex(Table())

    /// `burst`: how many lines of a source and reason are written in an interval before they are only counted.
    package init(_ logger: Logger, burst: Int = 1, loop: EventLoop) {
        (self.logger, self.burst, self.loop, clock) = (logger, burst, loop, loop.clock)
    }

    package init(_ logger: Logger, burst: Int = 1, clock: Clock) {
        (self.logger, self.burst, self.clock, loop) = (logger, burst, clock, nil)
    }

    /// Thread-safe.
    package func say(
        _ level: LogLevel = .warn, of source: String, _ reason: String, _ line: String, _ fields: Logger.Fields = [:]
    ) {
        func cut(_ text: String) -> String { text.utf8.count > Self.longestLine ? text.prefix(Self.longestLine) + "..." : text }
        let line = cut(line), key = Key(source: cut(source), reason: Self.shape(of: cut(reason)))
        let now = clock.now()
        let (isWritten, due, mustSchedule) = table.withLock { table in
            let due = table.takeDue(at: now)
            let isWritten = table.count(key, line, burst: burst, at: now)
            let mustSchedule = loop != nil && !table.isScheduled
            if mustSchedule { table.isScheduled = true }
            return (isWritten, due, mustSchedule)
        }
        write(due)
        logger.record(isWritten ? level : .debug, { line }, { fields })
        if mustSchedule, let loop { loop.post { [self] in schedule(on: loop) } }
    }

    /// What reasons that differ in numbers alone have in common: a word with a digit is taken for any other.
    private static func shape(of reason: String) -> String {
        var words: [Substring] = []
        for word in reason.split(separator: " ") {
            let hasDigit = word.utf8.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            if !hasDigit { words.append(word) } else if words.last != "#" { words.append("#") }
        }
        return words.joined(separator: " ")
    }

    /// Writes what was left out so far: at the end of a process.
    package func flush() { write(table.withLock { $0.takeDue(at: .never) }) }

    private func schedule(on loop: EventLoop) {
        loop.schedule(at: clock.now().advanced(byMs: Self.intervalMs)) { [weak self, weak loop] in
            guard let self, let loop else { return }
            let (due, isEmpty) = table.withLock { table in
                let due = table.takeDue(at: clock.now())
                table.isScheduled = !table.counts.isEmpty
                return (due, table.counts.isEmpty)
            }
            write(due)
            if !isEmpty { schedule(on: loop) }
        }
    }

    private func write(_ due: [(source: String, count: Count)]) {
        for (source, count) in due where count.leftOut > 0 {
            let seconds = Self.intervalMs / 1000
            logger.warn("\(count.leftOut) more such lines of \(source) within \(seconds) s, the last one: \(count.last)", ["peer": source])
        }
    }
}

extension ProvokedLines.Table {
    /// Whether the line is to be written.
    fileprivate mutating func count(_ key: ProvokedLines.Key, _ line: String, burst: Int, at now: MonotonicTime) -> Bool {
        let key = counts[key] == nil ? place(for: key) : key
        guard var count = counts[key] else {
            counts[key] = ProvokedLines.Count(since: now)
            oldest = min(oldest, now)
            return true
        }
        let isWritten = count.written < burst
        if isWritten {
            count.written += 1
        } else {
            count.leftOut += 1
            count.last = line
        }
        counts[key] = count
        return isWritten
    }

    /// Where a key is counted that is not there yet.
    private func place(for key: ProvokedLines.Key) -> ProvokedLines.Key {
        let reasons = counts.keys.lazy.filter { $0.source == key.source }.count
        if reasons >= ProvokedLines.mostReasons { return ProvokedLines.Key(source: key.source, reason: "") }
        return counts.count < ProvokedLines.mostKeys ? key : ProvokedLines.others
    }

    /// Takes out what an interval has passed over.
    fileprivate mutating func takeDue(at now: MonotonicTime) -> [(source: String, count: ProvokedLines.Count)] {
        guard now.milliseconds(since: oldest) >= ProvokedLines.intervalMs else { return [] }
        let due = counts.filter { now.milliseconds(since: $0.value.since) >= ProvokedLines.intervalMs }
        for key in due.keys { counts[key] = nil }
        oldest = counts.values.map(\.since).min() ?? .never
        return due.map { (source: $0.key.source, count: $0.value) }
    }
}
