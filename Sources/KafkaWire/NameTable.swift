/// Values by name, found by the name's bytes as they lie in a frame: no string is made to look one up.
///
/// Fixed once it is made; a change makes a new table.
public struct NameTable<Value: Sendable>: Sendable {
    @usableFromInline struct Slot: Sendable {
        @usableFromInline var hash: UInt64
        @usableFromInline var name: [UInt8]
        @usableFromInline var value: Value

        @inlinable init(hash: UInt64, name: [UInt8], value: Value) {
            self.hash = hash
            self.name = name
            self.value = value
        }
    }
    @usableFromInline var slots: [Slot?]
    @usableFromInline let mask: Int
    public let count: Int

    /// Of two values with the same name the later one is kept.
    @inlinable
    public init(_ entries: [(name: [UInt8], value: Value)]) {
        // At most half full, so that a search ends soon.
        var capacity = 8
        while capacity < entries.count * 2 { capacity *= 2 }
        slots = Array(repeating: nil, count: capacity)
        mask = capacity - 1
        var filled = 0
        for (name, value) in entries {
            let hash = name.withUnsafeBytes { WireBytes($0).nameHash }
            var place = Int(truncatingIfNeeded: hash) & mask
            while let slot = slots[place], slot.name != name { place = (place + 1) & mask }
            if slots[place] == nil { filled += 1 }
            slots[place] = Slot(hash: hash, name: name, value: value)
        }
        count = filled
    }

    @inlinable public init() { self.init([]) }

    @inlinable public func find(_ name: WireBytes) -> Value? { find(name.buffer) }

    @inlinable
    public func find(_ name: String) -> Value? {
        var name = name
        return name.withUTF8 { find(UnsafeRawBufferPointer($0)) }
    }

    @inlinable
    func find(_ name: UnsafeRawBufferPointer) -> Value? {
        let hash = WireBytes(name).nameHash
        var place = Int(truncatingIfNeeded: hash) & mask
        while let slot = slots[place] {
            if slot.hash == hash, slot.name.count == name.count,
                slot.name.withUnsafeBytes({ WireBytes($0) == WireBytes(name) })
            {
                return slot.value
            }
            place = (place + 1) & mask
        }
        return nil
    }
}

extension WireBytes {
    /// FNV-1a, for tables of names: a name is short, and nobody gains by names that collide in a table of their own topics.
    @inlinable public var nameHash: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in buffer { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash ^ (hash >> 32)
    }
}
