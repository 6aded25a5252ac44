internal import EventLoop
internal import Synchronization

/// The fetch sessions of this broker, at most `max.incremental.fetch.session.cache.slots`.
final class FetchSessionCache: Sendable {
    private struct Slot {
        let session: FetchSession
        let opened: MonotonicTime
        var lastUsed: MonotonicTime
    }
    private let slots = Mutex<[Int32: Slot]>([:])
    private let limit: Int

    /// A session that was used within this time is driven out only by a larger one, and only when it is older than this
    /// (`min.incremental.fetch.session.eviction.ms`).
    private static let evictionMs: Int64 = 120_000

    init(limit: Int) { self.limit = limit }

    var count: Int { slots.withLock { $0.count } }

    /// Opens a session; nil where the cache is full of sessions in use, which only means that the client fetches without.
    func open(_ targets: [FetchTarget], usesTopicIds: Bool, at now: MonotonicTime) -> FetchSession? {
        guard limit > 0 else { return nil }
        return slots.withLock { slots in
            if slots.count >= limit, !evictOne(from: &slots, forOneOf: targets.count, at: now) { return nil }
            var id: Int32
            repeat { id = Int32.random(in: 1...Int32.max) } while slots[id] != nil
            let session = FetchSession(id: id, usesTopicIds: usesTopicIds, targets: targets)
            slots[id] = Slot(session: session, opened: now, lastUsed: now)
            return session
        }
    }

    func find(_ id: Int32, at now: MonotonicTime) -> FetchSession? {
        slots.withLock { slots in
            slots[id]?.lastUsed = now
            return slots[id]?.session
        }
    }

    func close(_ id: Int32) { slots.withLock { $0[id] = nil } }

    /// The one that was unused longest goes, if that is long enough; else the smallest of the old ones, where it has fewer partitions
    /// than the newcomer, who saves more by a session (KIP-227).
    private func evictOne(from slots: inout [Int32: Slot], forOneOf partitions: Int, at now: MonotonicTime) -> Bool {
        guard let oldest = slots.min(by: { $0.value.lastUsed < $1.value.lastUsed }) else { return false }
        if now.milliseconds(since: oldest.value.lastUsed) >= Self.evictionMs {
            slots[oldest.key] = nil
            return true
        }
        let evictable = slots.filter { now.milliseconds(since: $0.value.opened) >= Self.evictionMs }.mapValues(\.session.size)
        guard let smallest = evictable.min(by: { $0.value < $1.value }), smallest.value < partitions else { return false }
        slots[smallest.key] = nil
        return true
    }
}
