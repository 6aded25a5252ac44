internal import EventLoop
internal import Glibc
internal import Synchronization

/// How fast all cleaning threads together move bytes (`log.cleaner.io.max.bytes.per.second`), and whether they have to end.
///
/// A cleaner that is too fast sleeps: it has a thread of its own, as in Kafka, so that nobody else's work waits behind it.
final class CleaningPace: Sendable {
    private let bytesPerSecond: Double?
    private let clock: Clock
    private let sleep: @Sendable (_ nanoseconds: UInt64) -> Void
    /// When all that was moved so far is paid for: monotonic nanoseconds.
    private let paidNs = Mutex<UInt64>(0)
    private let isStopping = Atomic<Bool>(false)
    /// So long it sleeps at a time, so that a stop need not wait longer.
    private static let napNs: UInt64 = 50_000_000

    init(
        bytesPerSecond: Double, clock: Clock,
        sleep: @escaping @Sendable (UInt64) -> Void = { usleep(UInt32($0 / 1000)) }
    ) {
        self.bytesPerSecond = bytesPerSecond < Double(Int64.max) ? bytesPerSecond : nil
        self.clock = clock
        self.sleep = sleep
    }

    func stop() { isStopping.store(true, ordering: .relaxed) }

    /// So many bytes were read or written: holds the caller up where that was too fast, and throws where it has to end.
    func moved(_ bytes: Int) throws(LogError) {
        try goesOn()
        guard let bytesPerSecond else { return }
        let now = clock.now().nanoseconds
        let due = paidNs.withLock { paid in
            // What was not used of the time before is lost.
            paid = max(paid, now) + UInt64(Double(bytes) / bytesPerSecond * 1e9)
            return paid
        }
        while true {
            let now = clock.now().nanoseconds
            // Naps that are too short cost more than they give.
            guard now < due, due - now > 1_000_000 else { return }
            sleep(min(due - now, Self.napNs))
            try goesOn()
        }
    }

    private func goesOn() throws(LogError) {
        if isStopping.load(ordering: .relaxed) { throw LogError(.closed, "the broker stops") }
    }
}
