/// The groups of one partition, found by the bytes of an id. Open addressing, at most half full.
struct GroupTable {
    private var slots: [Group?] = []
    private(set) var count = 0

    private var mask: Int { slots.count - 1 }

    /// Java's hash leaves its high bits alone for short names; this mixes them down.
    private static func spread(_ hash: Int32) -> Int {
        let bits = UInt32(bitPattern: hash) &* 0x9E37_79B9
        return Int(bits ^ bits >> 15)
    }

    func find(_ id: UnsafeRawBufferPointer, hash: Int32) -> Group? {
        guard !slots.isEmpty else { return nil }
        var place = Self.spread(hash) & mask
        while let group = slots[place] {
            if group.hash == hash, group.id.equals(id) { return group }
            place = (place + 1) & mask
        }
        return nil
    }

    mutating func insert(_ group: Group) {
        if (count + 1) * 2 > slots.count { grow() }
        place(group)
        count += 1
    }

    private mutating func place(_ group: Group) {
        var place = Self.spread(group.hash) & mask
        while slots[place] != nil { place = (place + 1) & mask }
        slots[place] = group
    }

    private mutating func grow() {
        let groups = all
        slots = Array(repeating: nil, count: max(8, slots.count * 2))
        for group in groups { place(group) }
    }

    /// Takes out this very group, if it is there.
    mutating func remove(_ group: Group) {
        guard !slots.isEmpty else { return }
        var hole = Self.spread(group.hash) & mask
        while let other = slots[hole], other !== group { hole = (hole + 1) & mask }
        guard slots[hole] != nil else { return }
        slots[hole] = nil
        count -= 1
        // Whoever stood behind it because of it moves up: a search ends at the first hole.
        var next = (hole + 1) & mask
        while let follower = slots[next] {
            let home = Self.spread(follower.hash) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = follower
                slots[next] = nil
                hole = next
            }
            next = (next + 1) & mask
        }
    }

    var all: [Group] { slots.compactMap { $0 } }
}
