package import EventLoop
internal import Synchronization

/// A clock that moves only when the test says so.
package final class ManualClock: Clock, @unchecked Sendable {  // all state is behind the mutex
    private let state: Mutex<(monotonicNs: UInt64, wallMs: Int64)>

    package init(wallMs: Int64 = 1_700_000_000_000) { state = Mutex((1_000_000_000, wallMs)) }

    public override func now() -> MonotonicTime { MonotonicTime(nanoseconds: state.withLock { $0.monotonicNs }) }
    public override func wallMs() -> Int64 { state.withLock { $0.wallMs } }

    package func advance(ms: Int64) {
        state.withLock { $0 = ($0.monotonicNs + UInt64(ms) * 1_000_000, $0.wallMs + ms) }
    }
}
