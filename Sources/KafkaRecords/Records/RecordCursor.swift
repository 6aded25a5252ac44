/// Reads forward through bytes that may be wrong. A read past the end, or a varint that does not end, makes the cursor
/// `broken` and yields zero; so the fields of a record are read in a row and the outcome is looked at once.
struct RecordCursor {
    private(set) var position: UnsafeRawPointer
    let end: UnsafeRawPointer
    private(set) var broken = false
    /// Broken by a varint with more bytes than its type can have, where Kafka's answer differs from that to an end too
    /// early.
    private(set) var overlong = false

    init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer may have no address; any pointer will do for a range of nothing.
        position = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
        end = position + bytes.count
    }

    init(from position: UnsafeRawPointer, to end: UnsafeRawPointer) {
        self.position = position
        self.end = end
    }

    var remaining: Int { end - position }

    @inline(__always) mutating func fail() { broken = true }

    @inline(__always) mutating func byte() -> UInt8 {
        guard position < end else { broken = true; return 0 }
        defer { position += 1 }
        return position.load(as: UInt8.self)
    }

    @inline(__always) mutating func int32() -> Int32 {
        guard remaining >= 4 else { broken = true; return 0 }
        defer { position += 4 }
        return Int32(bigEndian: position.loadUnaligned(as: Int32.self))
    }

    @inline(__always) mutating func int64() -> Int64 {
        guard remaining >= 8 else { broken = true; return 0 }
        defer { position += 8 }
        return Int64(bigEndian: position.loadUnaligned(as: Int64.self))
    }

    /// A zigzag varint of at most 5 bytes. Bits beyond the 32nd are dropped, as Kafka does.
    @inline(__always) mutating func varint() -> Int32 {
        let raw = UInt32(truncatingIfNeeded: unsigned(most: 5))
        return Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)
    }

    /// A zigzag varlong of at most 10 bytes.
    @inline(__always) mutating func varlong() -> Int64 {
        let raw = unsigned(most: 10)
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    @inline(__always) private mutating func unsigned(most: Int) -> UInt64 {
        // One byte or two are the usual case: lengths under 8 KB, small deltas.
        if end - position >= 2 {
            let first = position.load(as: UInt8.self)
            if first < 0x80 {
                position += 1
                return UInt64(first)
            }
            let second = position.load(fromByteOffset: 1, as: UInt8.self)
            if second < 0x80 {
                position += 2
                return UInt64(first & 0x7f) | UInt64(second) << 7
            }
        }
        return longUnsigned(most: most)
    }

    @inline(never) private mutating func longUnsigned(most: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<most {
            guard position < end else { break }
            let byte = position.load(as: UInt8.self)
            position += 1
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte < 0x80 { return value }
            if index == most - 1 { overlong = true }
        }
        broken = true
        return 0
    }

    /// The next `count` bytes; nil for any negative count, which Kafka reads as null.
    @inline(__always) mutating func bytes(_ count: Int32) -> UnsafeRawBufferPointer? {
        guard count >= 0 else { return nil }
        guard Int(count) <= remaining else { broken = true; return nil }
        defer { position += Int(count) }
        return UnsafeRawBufferPointer(start: position, count: Int(count))
    }

    /// The same, where only getting past them counts.
    @inline(__always) mutating func skip(_ count: Int32) {
        guard count > 0 else { return }
        guard Int(count) <= remaining else { broken = true; return }
        position += Int(count)
    }
}
