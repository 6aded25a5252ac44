internal import EventLoop
internal import Synchronization

/// When which group has something to do. One queue for all groups, so that ten thousand of them cost one timer.
///
/// A group stands in it with the deadline that it had when it was put there. Heartbeats move deadlines back only, so they do
/// not touch the queue: when the old time comes the group is asked, and goes to its next place.
final class DeadlineQueue: Sendable {
    private struct Entry {
        var deadline: MonotonicTime
        var group: Group
    }
    private struct State {
        var heap: [Entry] = []
        /// What the owner of the timer was told last.
        var announced: MonotonicTime = .never
    }
    private let state = Mutex(State())
    /// Told the time of the next deadline whenever it comes closer; on any thread, with no lock held but this queue's user's.
    private let announce: @Sendable (MonotonicTime) -> Void

    init(announce: @escaping @Sendable (MonotonicTime) -> Void) { self.announce = announce }

    func add(_ group: Group, at deadline: MonotonicTime) {
        guard deadline != .never else { return }
        let isNews = state.withLock { state in
            state.heap.append(Entry(deadline: deadline, group: group))
            Self.siftUp(&state.heap)
            guard deadline < state.announced else { return false }
            state.announced = deadline
            return true
        }
        if isNews { announce(deadline) }
    }

    /// The groups that are due; and the time of the next one is announced.
    func takeDue(_ now: MonotonicTime) -> [(group: Group, deadline: MonotonicTime)] {
        var due: [(Group, MonotonicTime)] = []
        let next = state.withLock { state in
            while let first = state.heap.first, first.deadline <= now {
                due.append((first.group, first.deadline))
                Self.removeFirst(&state.heap)
            }
            state.announced = state.heap.first?.deadline ?? .never
            return state.announced
        }
        if next != .never { announce(next) }
        return due
    }

    var next: MonotonicTime { state.withLock { $0.heap.first?.deadline ?? .never } }

    private static func siftUp(_ heap: inout [Entry]) {
        var place = heap.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard heap[place].deadline < heap[parent].deadline else { return }
            heap.swapAt(place, parent)
            place = parent
        }
    }

    private static func removeFirst(_ heap: inout [Entry]) {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count {
                if heap[child].deadline < heap[least].deadline { least = child }
            }
            guard least != place else { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
