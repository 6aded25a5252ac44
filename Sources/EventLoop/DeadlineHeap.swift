/// The waiters that have a deadline, the earliest first: a binary heap in which each waiter knows its place, so that one
/// that is answered early leaves in logarithmic time.
struct DeadlineHeap {
    private var entries: [(at: MonotonicTime, waiter: Waiter)] = []

    var earliest: MonotonicTime? { entries.first?.at }
    var count: Int { entries.count }

    mutating func set(_ waiter: Waiter, at deadline: MonotonicTime) {
        if waiter.place >= 0 { remove(waiter) }
        waiter.place = entries.count
        entries.append((deadline, waiter))
        rise(entries.count - 1)
    }

    mutating func remove(_ waiter: Waiter) {
        let place = waiter.place
        guard place >= 0 else { return }
        waiter.place = -1
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        last.waiter.place = place
        rise(place)
        sink(last.waiter.place)
    }

    /// The earliest waiter whose time has come, taken out.
    mutating func takeDue(at now: MonotonicTime) -> Waiter? {
        guard let first = entries.first, first.at <= now else { return nil }
        remove(first.waiter)
        return first.waiter
    }

    private mutating func rise(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].at < entries[parent].at else { return }
            exchange(child, parent)
            child = parent
        }
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in (2 * parent + 1)...(2 * parent + 2) where child < entries.count {
                if entries[child].at < entries[least].at { least = child }
            }
            if least == parent { return }
            exchange(parent, least)
            parent = least
        }
    }

    private mutating func exchange(_ a: Int, _ b: Int) {
        entries.swapAt(a, b)
        entries[a].waiter.place = a
        entries[b].waiter.place = b
    }
}
