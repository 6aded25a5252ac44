internal import Synchronization

/// Collects what passes through a proxy into a conversation. All of its calls may come from any thread.
package final class Recorder: Sendable {
    private struct State {
        var builder: ConversationBuilder
        var keptBytes = 0
        var isFull = false
    }
    private let state: Mutex<State>
    private let started = ContinuousClock.now
    private let maximumBytes: Int

    /// No more than `maximumBytes` of frames are kept; what comes after that passes without being recorded.
    package init(_ conversation: Conversation, maximumBytes: Int) {
        state = Mutex(State(builder: ConversationBuilder(conversation)))
        self.maximumBytes = maximumBytes
    }

    private var nowMs: Double { started.duration(to: .now) / .milliseconds(1) }

    package var conversation: Conversation { state.withLock { $0.builder.conversation } }
    package var isFull: Bool { state.withLock { $0.isFull } }
    package var exchangeCount: Int { state.withLock { $0.builder.conversation.exchanges.count } }

    func opened() -> Int {
        let time = nowMs
        return state.withLock { $0.builder.opened(atMs: time) }
    }

    func closed(_ connection: Int, by closer: ConnectionLife.Closer) {
        let time = nowMs
        state.withLock { $0.builder.closed(connection, by: closer, atMs: time) }
    }

    /// The place of the exchange in the conversation, for its answer; nil when nothing more is recorded.
    func request(_ frame: [UInt8], _ packet: Packet?, on connection: Int, isSaslRaw: Bool) -> Int? {
        let time = nowMs
        return state.withLock { state in
            state.keptBytes += frame.count
            if state.keptBytes > maximumBytes { state.isFull = true }
            guard !state.isFull else { return nil }
            return state.builder.request(frame, packet, on: connection, isSaslRaw: isSaslRaw, atMs: time)
        }
    }

    func response(_ frame: [UInt8], to index: Int) {
        let time = nowMs
        state.withLock { state in
            state.keptBytes += frame.count
            state.builder.response(frame, to: index, atMs: time)
        }
    }
}
