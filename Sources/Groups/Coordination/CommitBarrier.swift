internal import KafkaMessages
internal import Synchronization

/// Waits for several outcomes and then tells all of them.
final class CommitBarrier: Sendable {
    private let state: Mutex<(errors: [ErrorCode], left: Int)>
    private let body: @Sendable ([ErrorCode]) -> Void

    init(count: Int, _ body: @escaping @Sendable ([ErrorCode]) -> Void) {
        state = Mutex((Array(repeating: .none, count: count), count))
        self.body = body
        if count == 0 { body([]) }
    }

    func settle(_ index: Int, _ error: ErrorCode) {
        let all: [ErrorCode]? = state.withLock { state in
            state.errors[index] = error
            state.left -= 1
            return state.left == 0 ? state.errors : nil
        }
        if let all { body(all) }
    }
}
