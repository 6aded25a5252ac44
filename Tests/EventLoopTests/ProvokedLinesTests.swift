@testable import EventLoop
import Telemetry
import TestKit
import Testing

@Suite struct ProvokedLinesTests {
    private let clock = ManualClock()
    private let lines = LogLines()

    /// The lines of the log without their times.
    private var said: [String] { lines.all.map { String($0.split(separator: " ", maxSplits: 1)[1]) } }

    private func provoked(burst: Int = 1, level: LogLevel = .info) -> ProvokedLines {
        lines.log.level = level
        return ProvokedLines(Logger("door", log: lines.log), burst: burst, clock: clock)
    }

    @Test func `the first line is written at once, and the rest is told when a minute has passed`() {
        let provoked = provoked()
        for number in 1...1000 { provoked.say(of: "10.0.0.1", "frame", "bad \(number)", ["peer": "10.0.0.1:\(number)"]) }
        #expect(said == ["warn  door: bad 1 peer=10.0.0.1:1"])
        clock.advance(ms: ProvokedLines.intervalMs - 1)
        provoked.say(of: "10.0.0.1", "frame", "bad 1001")
        #expect(said.count == 1)
        clock.advance(ms: 1)
        provoked.say(of: "10.0.0.1", "frame", "bad 1002")
        #expect(said.dropFirst() == [
            "warn  door: 1000 more such lines of 10.0.0.1 within 60 s, the last one: bad 1001 peer=10.0.0.1", "warn  door: bad 1002",
        ])
    }

    @Test func `sources and reasons are told apart`() {
        let provoked = provoked()
        for source in ["a", "b", "a"] {
            for reason in ["x", "y"] { provoked.say(of: source, reason, "\(source)\(reason)") }
        }
        #expect(said == ["warn  door: ax", "warn  door: ay", "warn  door: bx", "warn  door: by"])
    }

    @Test func `a source that finds ever new reasons leaves room for others`() {
        let provoked = provoked()
        for number in 0..<1000 {
            let name = String(repeating: "n", count: number)
            provoked.say(of: "a", "field \(name)", "line \(number)")
        }
        provoked.say(of: "b", "reason", "other")
        #expect(said.count == ProvokedLines.mostReasons + 2)
        #expect(said.last == "warn  door: other")
        provoked.flush()
        #expect(said.count == ProvokedLines.mostReasons + 3)
        #expect(said.last == "warn  door: \(999 - ProvokedLines.mostReasons) more such lines of a within 60 s, the last one: line 999 peer=a")
    }

    @Test func `reasons that differ in numbers alone are one`() {
        let provoked = provoked()
        provoked.say(of: "a", "a frame of 12 bytes is too long", "1")
        provoked.say(of: "a", "a frame of -5 bytes is too long", "2")
        provoked.say(of: "a", "a frame of 3 bytes is too short", "3")
        provoked.say(of: "a", "it began with 0x1503ff", "4")
        provoked.say(of: "a", "it began with 0xdead", "5")
        #expect(said == ["warn  door: 1", "warn  door: 3", "warn  door: 4"])
    }

    @Test func `a burst is written, and one line alone leaves nothing behind`() {
        let provoked = provoked(burst: 3)
        for number in 1...5 { provoked.say(.info, of: "group g", "note", "\(number)") }
        #expect(said == ["info  door: 1", "info  door: 2", "info  door: 3"])
        provoked.say(of: "group h", "note", "alone")
        provoked.flush()
        #expect(said.dropFirst(3) == ["warn  door: alone", "warn  door: 2 more such lines of group g within 60 s, the last one: 5 peer=group g"])
        provoked.flush()
        #expect(said.count == 5)
    }

    @Test func `more sources than can be told apart share one count, and an endless line is cut`() {
        let provoked = provoked()
        let endless = String(repeating: "n", count: 100_000)
        for number in 0..<10_000 { provoked.say(of: "peer \(number)", "frame", endless) }
        // One each, and the first of the others.
        #expect(said.count == ProvokedLines.mostKeys + 1)
        clock.advance(ms: ProvokedLines.intervalMs)
        provoked.flush()
        #expect(said.count == ProvokedLines.mostKeys + 2)
        #expect(said.last?.hasPrefix("warn  door: \(10_000 - 1 - ProvokedLines.mostKeys) more such lines of other peers within 60 s") == true)
        #expect(said.allSatisfy { $0.utf8.count < ProvokedLines.longestLine + 200 })
    }

    @Test func `with the level debug nothing is left out`() {
        let provoked = provoked(level: .debug)
        for number in 1...3 { provoked.say(of: "a", "x", "\(number)") }
        #expect(said == ["warn  door: 1", "debug door: 2", "debug door: 3"])
    }

    @Test func `a loop tells what was left out without another line, and then sleeps`() throws {
        let loop = try #require(EventLoop(clock: clock))
        lines.log.level = .info
        let provoked = ProvokedLines(Logger("door", log: lines.log), loop: loop)
        for number in 1...3 { provoked.say(of: "a", "x", "\(number)") }
        loop.turn(waitingAtMostMs: 0)
        clock.advance(ms: ProvokedLines.intervalMs)
        loop.turn(waitingAtMostMs: 0)
        #expect(said == ["warn  door: 1", "warn  door: 2 more such lines of a within 60 s, the last one: 3 peer=a"])
        // Nothing is set any more: the next line sets it anew.
        clock.advance(ms: ProvokedLines.intervalMs)
        loop.turn(waitingAtMostMs: 0)
        provoked.say(of: "a", "x", "4")
        provoked.say(of: "a", "x", "5")
        loop.turn(waitingAtMostMs: 0)
        clock.advance(ms: ProvokedLines.intervalMs)
        loop.turn(waitingAtMostMs: 0)
        #expect(said.dropFirst(2) == ["warn  door: 4", "warn  door: 1 more such lines of a within 60 s, the last one: 5 peer=a"])
    }
}
