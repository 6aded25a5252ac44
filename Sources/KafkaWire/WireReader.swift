// What this room shares is public, not package, though no user imports it: the compiler inlines across targets what is
// public only. With package access every number that is read is a call, and decoding takes two to four times as long.

/// Reads the primitives of the wire out of a frame; every read is checked against the end.
///
/// What it hands out are views into the frame and structs in the arena: both must stay until the request is done.
/// The name that each read takes is for the error alone.
public struct WireReader: ~Copyable {
    @usableFromInline var current: UnsafeRawPointer
    @usableFromInline let end: UnsafeRawPointer
    @usableFromInline let start: UnsafeRawPointer
    public let arena: Arena

    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer, arena: Arena) {
        start = bytes.baseAddress ?? WireBytes.nowhere
        current = start
        end = start + bytes.count
        self.arena = arena
    }

    @inlinable
    public init(_ bytes: WireBytes, arena: Arena) {
        self.init(bytes.buffer, arena: arena)
    }

    /// Bytes not read yet.
    @inlinable public var remaining: Int { @inline(__always) get { end - current } }

    /// Bytes read so far.
    @inlinable public var offset: Int { @inline(__always) get { current - start } }

    /// What is not read yet, where it lies.
    @inlinable public var rest: WireBytes { WireBytes(current, count: remaining) }

    /// Throws where something is left: a stored record ends with its last field.
    public func expectEnd() throws(DecodeError) {
        if remaining > 0 { throw DecodeError(.bytesLeftOver(count: remaining), offset: offset) }
    }

    @inline(never) @usableFromInline
    func endOfBytes(_ field: StaticString, needed: Int) -> DecodeError {
        DecodeError(.endOfBytes(needed: needed, left: remaining), field: field, offset: offset)
    }
}

// MARK: Numbers

extension WireReader {
    @inlinable @inline(__always)
    mutating func load<Number: FixedWidthInteger & BitwiseCopyable>(
        _ field: StaticString
    ) throws(DecodeError) -> Number {
        if remaining < MemoryLayout<Number>.size { throw endOfBytes(field, needed: MemoryLayout<Number>.size) }
        let number = current.loadUnaligned(as: Number.self)
        current += MemoryLayout<Number>.size
        return Number(bigEndian: number)
    }

    @inlinable @inline(__always)
    public mutating func int8(_ field: StaticString) throws(DecodeError) -> Int8 { try load(field) }

    @inlinable @inline(__always)
    public mutating func int16(_ field: StaticString) throws(DecodeError) -> Int16 { try load(field) }

    @inlinable @inline(__always)
    public mutating func uint16(_ field: StaticString) throws(DecodeError) -> UInt16 { try load(field) }

    @inlinable @inline(__always)
    public mutating func int32(_ field: StaticString) throws(DecodeError) -> Int32 { try load(field) }

    @inlinable @inline(__always)
    public mutating func uint32(_ field: StaticString) throws(DecodeError) -> UInt32 { try load(field) }

    @inlinable @inline(__always)
    public mutating func int64(_ field: StaticString) throws(DecodeError) -> Int64 { try load(field) }

    @inlinable @inline(__always)
    public mutating func float64(_ field: StaticString) throws(DecodeError) -> Double {
        Double(bitPattern: try load(field))
    }

    /// As Kafka: every byte but 0 is true.
    @inlinable @inline(__always)
    public mutating func bool(_ field: StaticString) throws(DecodeError) -> Bool {
        let byte: UInt8 = try load(field)
        return byte != 0
    }

    @inlinable @inline(__always)
    public mutating func uuid(_ field: StaticString) throws(DecodeError) -> Uuid {
        if remaining < 16 { throw endOfBytes(field, needed: 16) }
        let most = current.loadUnaligned(as: UInt64.self)
        let least = current.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        current += 16
        return Uuid(UInt64(bigEndian: most), UInt64(bigEndian: least))
    }
}

// MARK: Varints

extension WireReader {
    /// An unsigned varint of 32 bits, 0 to 4294967295.
    @inlinable @inline(__always)
    public mutating func unsignedVarint(_ field: StaticString) throws(DecodeError) -> Int {
        let first: UInt8 = try load(field)
        if first < 0x80 { return Int(first) }
        return try longVarint(field, first: first)
    }

    @inline(never) @usableFromInline
    mutating func longVarint(_ field: StaticString, first: UInt8) throws(DecodeError) -> Int {
        var value = Int(first & 0x7F)
        // Five bytes at most. Kafka drops what the fifth has above 32 bits, and so does this.
        for shift in stride(from: 7, through: 28, by: 7) {
            let byte: UInt8 = try load(field)
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value & 0xFFFF_FFFF }
        }
        throw DecodeError(.varintTooLong, field: field, offset: offset)
    }

    /// A zigzag varint of 32 bits, as records use them.
    public mutating func varint(_ field: StaticString) throws(DecodeError) -> Int32 {
        let raw = UInt32(try unsignedVarint(field))
        return Int32(bitPattern: raw >> 1) ^ -Int32(raw & 1)
    }

    /// A zigzag varint of 64 bits.
    public mutating func varlong(_ field: StaticString) throws(DecodeError) -> Int64 {
        var raw: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 70 {
            let byte: UInt8 = try load(field)
            raw |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return Int64(bitPattern: raw >> 1) ^ -Int64(raw & 1) }
            shift += 7
        }
        throw DecodeError(.varintTooLong, field: field, offset: offset)
    }
}
