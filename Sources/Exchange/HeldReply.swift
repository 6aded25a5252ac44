package import KafkaMessages
internal import KafkaWire

/// An answer that is written already but may not leave before something has happened: the flush that it promises.
/// Spent once, on any thread, by `release` or `refuse`; whoever comes second does nothing.
package final class HeldReply: Sendable {
    private let answer: EncodedAnswer?
    private let waiting: WaitingReply?

    /// Encodes at once: what the response views may be gone when the answer leaves.
    package init(_ reply: consuming Reply, _ response: borrowing some ResponseMessage) {
        do throws(EncodeError) {
            answer = try EncodedAnswer(response, to: reply.identity)
            waiting = WaitingReply(reply)
        } catch {
            answer = nil
            waiting = nil
            reply.refuse("the answer could not be encoded: \(error)")
        }
    }

    package func release() {
        guard let answer else { return }
        waiting?.take()?.send(encoded: answer)
    }

    package func refuse(_ reason: String) { waiting?.take()?.refuse(reason) }
}
