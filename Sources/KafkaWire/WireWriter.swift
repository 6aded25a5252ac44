/// Writes the primitives of the wire into memory of its own, which grows by doubling.
///
/// Numbers are stored without a check. Room for them is made ahead: a struct reserves its fixed part once, and
/// everything of variable size leaves `WireLimits.fixedPartBytes` free behind it. Debug builds check each store.
public struct WireWriter: ~Copyable {
    @usableFromInline var current: UnsafeMutableRawPointer
    @usableFromInline var end: UnsafeMutableRawPointer
    @usableFromInline var start: UnsafeMutableRawPointer
    /// The pieces that belong between these bytes, in order.
    public private(set) var pieces: [Piece] = []

    /// A piece of an answer that is not in the writer's memory.
    public struct Piece: Equatable {
        /// Its number in the list of whoever sends the answer.
        public let number: Int32
        public let length: Int32
        /// How many of the writer's bytes go before it.
        public let offset: Int
    }

    /// A cache line: large copies into the middle of one are slower.
    private static let alignment = 64

    public init(capacity: Int = 1024) {
        let size = max(capacity, 2 * WireLimits.fixedPartBytes)
        start = .allocate(byteCount: size, alignment: WireWriter.alignment)
        current = start
        end = start + size
    }

    deinit {
        start.deallocate()
    }

    /// Bytes written, pieces not counted.
    @inlinable public var count: Int { current - start }

    /// What is written; valid until the next write.
    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    public var capacity: Int { end - start }

    /// Begins anew in the same memory.
    public mutating func clear() {
        current = start
        if !pieces.isEmpty { pieces.removeAll(keepingCapacity: true) }
    }

    /// Goes back to an earlier count, as if what came after had not been written: an answer that failed half-way.
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count)
        current = start + count
        pieces.removeAll { $0.offset > count }
    }

    /// Overwrites four bytes: a frame's length is known when the frame is written.
    public mutating func setInt32(_ value: Int32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= count)
        start.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Int32.self)
    }

    public mutating func append(piece number: Int32, length: Int32) {
        pieces.append(Piece(number: number, length: length, offset: count))
    }

    /// Bytes as they are, without a length.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        copy(bytes.baseAddress ?? WireBytes.nowhere, bytes.count)
    }

    public mutating func append(_ bytes: WireBytes) {
        copy(bytes.pointer, bytes.count)
    }

    // MARK: Room

    @inlinable @inline(__always)
    public mutating func reserve(_ bytes: Int) {
        if end - current < bytes { grow(bytes) }
    }

    @inline(never) @usableFromInline
    mutating func grow(_ bytes: Int) {
        let used = count
        let size = max(capacity * 2, used + bytes + WireLimits.fixedPartBytes)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: WireWriter.alignment)
        larger.copyMemory(from: start, byteCount: used)
        start.deallocate()
        start = larger
        current = larger + used
        end = larger + size
    }
}

// MARK: Numbers

extension WireWriter {
    @inlinable @inline(__always)
    mutating func store<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        assert(end - current >= MemoryLayout<Number>.size, "a store without room: reserve comes first")
        current.storeBytes(of: number.bigEndian, as: Number.self)
        current += MemoryLayout<Number>.size
    }

    @inlinable @inline(__always)
    public mutating func int8(_ value: Int8) { store(value) }

    @inlinable @inline(__always)
    public mutating func int16(_ value: Int16) { store(value) }

    @inlinable @inline(__always)
    public mutating func uint16(_ value: UInt16) { store(value) }

    @inlinable @inline(__always)
    public mutating func int32(_ value: Int32) { store(value) }

    @inlinable @inline(__always)
    public mutating func uint32(_ value: UInt32) { store(value) }

    @inlinable @inline(__always)
    public mutating func int64(_ value: Int64) { store(value) }

    @inlinable @inline(__always)
    public mutating func float64(_ value: Double) { store(value.bitPattern) }

    @inlinable @inline(__always)
    public mutating func bool(_ value: Bool) { store(value ? 1 as UInt8 : 0) }

    @inlinable @inline(__always)
    public mutating func uuid(_ value: Uuid) {
        store(value.mostSignificantBits)
        store(value.leastSignificantBits)
    }

    /// An unsigned varint of 32 bits.
    @inlinable @inline(__always)
    public mutating func unsignedVarint(_ value: Int) {
        if value < 0x80 { store(UInt8(truncatingIfNeeded: value)) } else { longVarint(UInt64(value)) }
    }

    @inline(never) @usableFromInline
    mutating func longVarint(_ value: UInt64) {
        var rest = value
        while rest > 0x7F {
            store(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        store(UInt8(rest))
    }

    /// A zigzag varint of 32 bits.
    public mutating func varint(_ value: Int32) {
        reserve(5)
        longVarint(UInt64(UInt32(bitPattern: value << 1 ^ value >> 31)))
    }

    /// A zigzag varint of 64 bits.
    public mutating func varlong(_ value: Int64) {
        reserve(10)
        longVarint(UInt64(bitPattern: value << 1 ^ value >> 63))
    }
}
