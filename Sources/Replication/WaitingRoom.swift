package import EventLoop
internal import Synchronization

/// Who waits for something of one partition: fetches for records, answers for a flush.
///
/// Register first, look again, then leave the loop: so no wake-up is lost. To wake only posts to the waiters' loops.
package final class WaitingRoom: Sendable {
    private let waiters = Mutex<[Waiter]>([])

    package init() {}

    package func enter(_ waiter: Waiter) { waiters.withLock { $0.append(waiter) } }

    package func leave(_ waiter: Waiter) {
        waiters.withLock { waiters in
            guard let place = waiters.firstIndex(where: { $0 === waiter }) else { return }
            waiters.swapAt(place, waiters.count - 1)
            waiters.removeLast()
        }
    }

    /// They stay until they leave: what they wait for may need more.
    package func wakeAll() {
        // A waiter only posts when it is woken, and a mailbox is behind a waiting room in the order of locks.
        waiters.withLock { for waiter in $0 { waiter.wake() } }
    }

    package var isEmpty: Bool { waiters.withLock { $0.isEmpty } }
}
