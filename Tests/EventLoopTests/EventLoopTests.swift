import EventLoop
import Glibc
import Synchronization
import TestKit
import Testing

/// A waiter that writes down what happened to it.
private final class Probe: Waiter, @unchecked Sendable {
    private let happened = Mutex<[String]>([])
    var story: [String] { happened.withLock { $0 } }
    override func woken() { happened.withLock { $0.append("woken") } }
    override func expired() { happened.withLock { $0.append("expired") } }
}

private final class PipeChannel: Channel {
    var readyCount = 0
    override func ready(_ events: EventLoop.Events) { readyCount += 1 }
}

@Suite struct EventLoopTests {
    let clock = ManualClock()

    @Test func `deadlines come in their order and not before their time`() throws {
        let loop = try #require(EventLoop(clock: clock))
        let order = Mutex<[Int]>([])
        for delay in [50, 10, 30, 20, 40] {
            loop.schedule(at: clock.now().advanced(byMs: delay)) { order.withLock { $0.append(delay) } }
        }
        loop.turn(waitingAtMostMs: 0)
        #expect(order.withLock { $0 } == [])
        clock.advance(ms: 30)
        loop.turn(waitingAtMostMs: 0)
        #expect(order.withLock { $0 } == [10, 20, 30])
        clock.advance(ms: 100)
        loop.turn(waitingAtMostMs: 0)
        #expect(order.withLock { $0 } == [10, 20, 30, 40, 50])
    }

    @Test func `a deadline that is cleared, moved or cancelled does not come`() throws {
        let loop = try #require(EventLoop(clock: clock))
        let cleared = Probe(on: loop), moved = Probe(on: loop), kept = Probe(on: loop)
        for probe in [cleared, moved, kept] { loop.setDeadline(probe, at: clock.now().advanced(byMs: 10)) }
        loop.clearDeadline(cleared)
        loop.setDeadline(moved, at: clock.now().advanced(byMs: 20))
        let work = loop.schedule(at: clock.now()) { Issue.record("was cancelled") }
        work.cancel()
        clock.advance(ms: 10)
        loop.turn(waitingAtMostMs: 0)
        #expect(cleared.story == [] && moved.story == [] && kept.story == ["expired"])
        clock.advance(ms: 10)
        loop.turn(waitingAtMostMs: 0)
        #expect(moved.story == ["expired"])
    }

    @Test func `a thousand deadlines set and cleared at random expire in order`() throws {
        let loop = try #require(EventLoop(clock: clock))
        var random = SystemRandomNumberGenerator()
        let expired = Mutex<[Int]>([])
        var works: [ScheduledWork] = []
        for _ in 0..<1000 {
            let delay = Int.random(in: 1...500, using: &random)
            works.append(loop.schedule(at: clock.now().advanced(byMs: delay)) { expired.withLock { $0.append(delay) } })
        }
        var cancelled = 0
        for work in works where Bool.random(using: &random) {
            work.cancel()
            cancelled += 1
        }
        clock.advance(ms: 500)
        loop.turn(waitingAtMostMs: 0)
        let order = expired.withLock { $0 }
        #expect(order.count == 1000 - cancelled)
        #expect(order == order.sorted())
    }

    @Test func `many wakes in one turn are one, and a wake during woken is another`() throws {
        let loop = try #require(EventLoop(clock: clock))
        let probe = Probe(on: loop)
        for _ in 0..<5 { probe.wake() }
        loop.turn(waitingAtMostMs: 0)
        #expect(probe.story == ["woken"])
        probe.wake()
        loop.turn(waitingAtMostMs: 0)
        #expect(probe.story == ["woken", "woken"])
    }

    @Test func `other threads reach a loop that waits`() throws {
        let loop = try #require(EventLoop())
        let thread = try #require(WorkerThread("loop") { loop.run() })
        let count = Mutex(0)
        let pool = WorkerPool(threads: 3)
        for _ in 0..<1000 { pool.submit { loop.post { count.withLock { $0 += 1 } } } }
        pool.stop()
        loop.post { loop.stop() }
        thread.join()
        #expect(count.withLock { $0 } == 1000)
        #expect(!pool.submit {})
    }

    @Test func `an event for an earlier tenant of a slot reaches nobody`() throws {
        let loop = try #require(EventLoop(clock: clock))
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let first = PipeChannel(), second = PipeChannel()
        let old = loop.register(first, descriptor: ends[0], for: .readable)
        _ = write(ends[1], "x", 1)
        loop.turn(waitingAtMostMs: 0)
        #expect(first.readyCount == 1)
        loop.deregister(first)
        let new = loop.register(second, descriptor: ends[0], for: .readable)
        #expect(old.slot == new.slot && old.generation != new.generation)
        #expect(loop.channel(slot: old.slot, generation: old.generation) == nil)
        loop.turn(waitingAtMostMs: 0)
        #expect(first.readyCount == 1 && second.readyCount == 1)
    }

    @Test func `localhost is both loopbacks, a number itself, and an address prints as it is written`() {
        #expect(SocketAddress.resolve(host: "localhost", port: 9092).map(\.description) == ["127.0.0.1:9092", "[::1]:9092"])
        #expect(SocketAddress.resolve(host: "10.1.2.3", port: 1).map(\.description) == ["10.1.2.3:1"])
        #expect(SocketAddress.resolve(host: "::ffff:10.1.2.3", port: 1).map(\.host) == ["10.1.2.3"])
    }

    @Test func `a port that is taken says so`() throws {
        let first = try Socket.listen(on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0])
        defer { close(first) }
        let taken = Socket.localAddress(of: first)
        let failure = #expect(throws: SystemError.self) { try Socket.listen(on: taken) }
        #expect(failure?.code == EADDRINUSE)
        #expect(failure?.description == "bind \(taken): Address already in use")
    }
}
