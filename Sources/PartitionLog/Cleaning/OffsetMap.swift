/// The latest offset of each key in the part of a log that is not clean yet, within a bound on memory.
///
/// Keys are kept as 128 bits of a hash (SipHash with this process's own random keys, twice), not as they are, so an entry costs
/// 24 bytes whatever the key; Kafka keeps 128 bits of MD5. Two keys of a log meet with a probability of 2^-80 at a hundred million.
struct OffsetMap {
    private struct Slot {
        var high: UInt64 = 0
        var low: UInt64 = 0
        /// -1: free.
        var offset: Int64 = -1
    }

    static let entryBytes = 24
    private var slots: [Slot]
    private let largestCapacity: Int
    /// So many keys at most: some room is always left, so that every search ends.
    private let largestCount: Int
    private(set) var count = 0
    /// The last offset that the map knows of, whether it had a key or not.
    private(set) var latestOffset: Int64 = -1

    init(memoryBytes: Int, loadFactor: Double = 0.9) {
        // The largest power of two that fits; at least a few entries, so that cleaning gets on.
        var capacity = 16
        while capacity * 2 * Self.entryBytes <= memoryBytes { capacity *= 2 }
        largestCapacity = capacity
        largestCount = max(1, Int(Double(capacity) * min(max(loadFactor, 0), 0.95)))
        slots = Array(repeating: Slot(), count: min(capacity, 1024))
    }

    /// No key that is new fits any more.
    var isFull: Bool { count >= largestCount }

    mutating func put(_ key: UnsafeRawBufferPointer, offset: Int64) {
        if count >= slots.count / 10 * 9, slots.count < largestCapacity { grow() }
        let (high, low) = Self.hash(key)
        let slot = find(high, low)
        if slots[slot].offset < 0 { count += 1 }
        slots[slot] = Slot(high: high, low: low, offset: offset)
        latestOffset = max(latestOffset, offset)
    }

    mutating func sawOffset(_ offset: Int64) { latestOffset = max(latestOffset, offset) }

    /// -1 where the key is not in it.
    func offset(of key: UnsafeRawBufferPointer) -> Int64 {
        let (high, low) = Self.hash(key)
        return slots[find(high, low)].offset
    }

    private func find(_ high: UInt64, _ low: UInt64) -> Int {
        var slot = Int(low & UInt64(slots.count - 1))
        while slots[slot].offset >= 0, slots[slot].high != high || slots[slot].low != low {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: Slot(), count: old.count * 2)
        for entry in old where entry.offset >= 0 { slots[find(entry.high, entry.low)] = entry }
    }

    private static func hash(_ key: UnsafeRawBufferPointer) -> (UInt64, UInt64) {
        var first = Hasher(), second = Hasher()
        second.combine(UInt8(1))
        first.combine(bytes: key)
        second.combine(bytes: key)
        return (UInt64(bitPattern: Int64(first.finalize())), UInt64(bitPattern: Int64(second.finalize())))
    }
}
