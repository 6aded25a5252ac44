internal import Synchronization

/// Something that waits on a loop: a fetch for bytes, a join for the other members, a timer for its time.
///
/// Whoever can end the wait calls `wake()` from any thread; the loop then calls `woken()` on its own thread, where the
/// waiter looks again. A deadline set with `EventLoop.setDeadline` ends in `expired()`, on the same thread.
open class Waiter: @unchecked Sendable {  // `isQueued` is atomic; `place` belongs to the loop's thread
    /// Set while the waiter lies in its loop's mailbox, so that many events wake it once.
    let isQueued = Atomic<Bool>(false)
    /// Where it stands in the loop's heap of deadlines; -1: nowhere.
    var place = -1

    public let loop: EventLoop

    public init(on loop: EventLoop) { self.loop = loop }

    /// Thread-safe. Only posts: nothing of the waiter runs inside the call.
    public final func wake() {
        if isQueued.exchange(true, ordering: .acquiringAndReleasing) { return }
        loop.post(.wake(self))
    }

    /// Something happened: look again. On the loop's thread.
    open func woken() {}

    /// The deadline came; it is no longer set. On the loop's thread.
    open func expired() {}
}

/// Work that is due at a time: a retention check, an idle sweep. Runs on its loop; `cancel` on the loop's thread.
package final class ScheduledWork: Waiter, @unchecked Sendable {  // `body` belongs to the loop's thread
    private var body: (@Sendable () -> Void)?

    init(on loop: EventLoop, _ body: @escaping @Sendable () -> Void) {
        self.body = body
        super.init(on: loop)
    }

    public override func expired() {
        let due = body
        body = nil
        due?()
    }

    package func cancel() {
        body = nil
        loop.clearDeadline(self)
    }
}
