internal import Synchronization

/// The committed image and those who want to hear of the next one.
final class ImagePublisher: Sendable {
    private struct State {
        var image: ClusterImage
        var observers: [@Sendable (ClusterChange) -> Void] = []
    }
    private let state: Mutex<State>
    private let moved = Atomic<UInt64>(1)
    /// Held while observers act: changes reach them one at a time. Taken before `state`.
    private let delivery = Mutex(())

    init(_ image: ClusterImage) { state = Mutex(State(image: image)) }

    var image: ClusterImage { state.withLock { $0.image } }
    var generation: UInt64 { moved.load(ordering: .acquiring) }

    func publish(_ change: ClusterChange) {
        delivery.withLock { _ in
            // Observers first: whoever sees the new image finds its partitions there.
            for observer in state.withLock({ $0.observers }) { observer(change) }
            state.withLock { $0.image = change.after }
            moved.add(1, ordering: .releasing)
        }
    }

    func observe(_ observer: @escaping @Sendable (ClusterChange) -> Void) {
        delivery.withLock { _ in
            let image = state.withLock { state in
                state.observers.append(observer)
                return state.image
            }
            observer(
                ClusterChange(
                    before: .empty, after: image, topics: image.topics.map { (before: nil, after: $0) },
                    configurations: Set(image.configurations.keys)))
        }
    }
}
