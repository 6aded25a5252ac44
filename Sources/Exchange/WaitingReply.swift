internal import Synchronization

/// A reply on its way through closures and other threads: `take` gives it out once.
package final class WaitingReply: Sendable {
    private let reply: Mutex<Reply?>

    package init(_ reply: consuming Reply) { self.reply = Mutex(consume reply) }

    package func take() -> Reply? { reply.withLock { $0.take() } }
}
