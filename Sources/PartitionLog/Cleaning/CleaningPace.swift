internal import EventLoop
internal import Glibc
internal import Synchronization

/// How fast all cleaning threads together move bytes (`log.cleaner.io.max.bytes.per.second`, which may change at any time), and
/// whether they have to end.
///
/// A cleaner that is too fast sleeps: it has a thread of its own, as in Kafka, so that nobody else's work waits behind it.
final class CleaningPace: Sendable {
    private struct State {
        /// nil: as fast as it goes.
        var bytesPerSecond: Double?
        /// When all that was moved so far is paid for: monotonic nanoseconds.
        var paidNs: UInt64 = 0
        /// Counts the changes of the rate: who sleeps because of a former one wakes.
        var rates = 0
    }

    private let state: Mutex<State>
    private let clock: Clock
    private let sleep: @Sendable (_ nanoseconds: UInt64) -> Void
    private let isStopping = Atomic<Bool>(false)
    /// So long it sleeps at a time, so that a stop need not wait longer.
    private static let napNs: UInt64 = 50_000_000

    init(
        bytesPerSecond: Double, clock: Clock,
        sleep: @escaping @Sendable (UInt64) -> Void = { usleep(UInt32($0 / 1000)) }
    ) {
        state = Mutex(State(bytesPerSecond: Self.limit(bytesPerSecond)))
        self.clock = clock
        self.sleep = sleep
    }

    private static func limit(_ bytesPerSecond: Double) -> Double? { bytesPerSecond < Double(Int64.max) ? bytesPerSecond : nil }

    func change(bytesPerSecond: Double) {
        state.withLock { $0 = State(bytesPerSecond: Self.limit(bytesPerSecond), rates: $0.rates + 1) }
    }

    func stop() { isStopping.store(true, ordering: .relaxed) }

    /// So many bytes were read or written: holds the caller up where that was too fast, and throws where it has to end.
    func moved(_ bytes: Int) throws(LogError) {
        try goesOn()
        let now = clock.now().nanoseconds
        let due = state.withLock { state -> (ns: UInt64, rates: Int)? in
            guard let bytesPerSecond = state.bytesPerSecond else { return nil }
            // What was not used of the time before is lost. A rate of nothing, which Kafka allows, holds it up until another is set.
            let wait = Double(bytes) / max(bytesPerSecond, 0) * 1e9
            let began = max(state.paidNs, now)
            state.paidNs = wait < Double(UInt64.max - began) ? began + UInt64(wait) : .max
            return (state.paidNs, state.rates)
        }
        guard let due else { return }
        while true {
            let now = clock.now().nanoseconds
            // Naps that are too short cost more than they give.
            guard now < due.ns, due.ns - now > 1_000_000, state.withLock({ $0.rates == due.rates }) else { return }
            sleep(min(due.ns - now, Self.napNs))
            try goesOn()
        }
    }

    private func goesOn() throws(LogError) {
        if isStopping.load(ordering: .relaxed) { throw LogError(.closed, "the broker stops") }
    }
}
