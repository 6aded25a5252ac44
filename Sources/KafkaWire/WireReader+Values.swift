// Strings, bytes, arrays and structs. Each has a nullable form, whose `nullAllowed` is for fields that may be null in
// some versions only. As Kafka does, every negative length is null.

extension WireReader {
    /// The length in front of a string: int16, or compact: a varint of one more. Negative: null.
    @inlinable @inline(__always)
    mutating func shortLength(_ field: StaticString, _ flexible: Bool) throws(DecodeError) -> Int {
        if flexible { return try unsignedVarint(field) &- 1 }
        return Int(try int16(field))
    }

    /// The length in front of bytes, the count in front of an array: int32, or compact.
    @inlinable @inline(__always)
    mutating func length(_ field: StaticString, _ flexible: Bool) throws(DecodeError) -> Int {
        if flexible { return try unsignedVarint(field) &- 1 }
        return Int(try int32(field))
    }

    @inlinable @inline(__always)
    mutating func slice(_ field: StaticString, _ count: Int) -> WireBytes {
        let slice = WireBytes(current, count: count)
        current += count
        return slice
    }

    /// What is wrong with a length that was found wrong.
    @inline(never) @usableFromInline
    func badLength(_ field: StaticString, _ length: Int) -> DecodeError {
        let reason: DecodeError.Reason =
            if length < 0 {
                .nullNotAllowed
            } else if length > remaining {
                .lengthExceedsRest(length: length, left: remaining)
            } else {
                .stringTooLong(length: length)
            }
        return DecodeError(reason, field: field, offset: offset)
    }
}

// MARK: Strings, bytes, records

extension WireReader {
    @inlinable @inline(__always)
    public mutating func string(_ field: StaticString, _ flexible: Bool) throws(DecodeError) -> WireBytes {
        let count = try shortLength(field, flexible)
        // One comparison finds null, too long for a string, and half of what exceeds the frame.
        if UInt(bitPattern: count) > 32_767 || count > remaining { throw badLength(field, count) }
        return slice(field, count)
    }

    @inlinable @inline(__always)
    public mutating func nullableString(
        _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(DecodeError) -> WireBytes? {
        let count = try shortLength(field, flexible)
        if UInt(bitPattern: count) > 32_767 || count > remaining {
            if count < 0 && nullAllowed { return nil }
            throw badLength(field, count)
        }
        return slice(field, count)
    }

    @inlinable @inline(__always)
    public mutating func bytes(_ field: StaticString, _ flexible: Bool) throws(DecodeError) -> WireBytes {
        let count = try length(field, flexible)
        if count < 0 || count > remaining { throw badLength(field, count) }
        return slice(field, count)
    }

    @inlinable @inline(__always)
    public mutating func nullableBytes(
        _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(DecodeError) -> WireBytes? {
        let count = try length(field, flexible)
        if count < 0 && nullAllowed { return nil }
        if count < 0 || count > remaining { throw badLength(field, count) }
        return slice(field, count)
    }

    @inlinable @inline(__always)
    public mutating func records(
        _ field: StaticString, _ flexible: Bool, nullAllowed: Bool
    ) throws(DecodeError) -> WireRecords {
        let count = try length(field, flexible)
        if count < 0 && nullAllowed { return .null }
        if count < 0 || count > remaining { throw badLength(field, count) }
        return .bytes(slice(field, count))
    }
}

// MARK: Arrays

extension WireReader {
    /// Refuses a count that what is left cannot hold, before memory is taken for it.
    @inlinable @inline(__always)
    func check(_ count: Int, of size: Int, _ field: StaticString) throws(DecodeError) {
        if count < 0 || count > remaining / size { throw badCount(field, count) }
    }

    @inline(never) @usableFromInline
    func badCount(_ field: StaticString, _ count: Int) -> DecodeError {
        if count < 0 { return DecodeError(.nullNotAllowed, field: field, offset: offset) }
        return DecodeError(.countExceedsRest(count: count, left: remaining), field: field, offset: offset)
    }

    @inlinable @inline(__always)
    func room<Element>(
        for count: Int, _ field: StaticString
    ) throws(DecodeError) -> UnsafeMutablePointer<Element> {
        guard let place = arena.allocateForDecoding(count &* MemoryLayout<Element>.stride) else {
            throw DecodeError(.tooLargeInMemory(count: count), field: field, offset: offset)
        }
        return place.assumingMemoryBound(to: Element.self)
    }

    @inlinable
    mutating func structs<Element: WireStruct>(
        _ field: StaticString, _ version: Int16, count: Int
    ) throws(DecodeError) -> WireArray<Element> {
        try check(count, of: Element.smallestSize, field)
        if count == 0 { return .empty }
        let place: UnsafeMutablePointer<Element> = try room(for: count, field)
        var index = 0
        while index < count {
            (place + index).initialize(to: Element())
            do {
                try place[index].decode(from: &self, version: version)
            } catch {
                throw error.inField(field, index: index)
            }
            index &+= 1
        }
        return WireArray(place, count: count)
    }

    @inlinable @inline(__always)
    public mutating func structs<Element: WireStruct>(
        _ field: StaticString, _ version: Int16, _ flexible: Bool
    ) throws(DecodeError) -> WireArray<Element> {
        try structs(field, version, count: try length(field, flexible))
    }

    @inlinable @inline(__always)
    public mutating func nullableStructs<Element: WireStruct>(
        _ field: StaticString, _ version: Int16, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(DecodeError) -> WireArray<Element>? {
        let count = try length(field, flexible)
        if count < 0 && nullAllowed { return nil }
        return try structs(field, version, count: count)
    }

    @inlinable @inline(__always)
    mutating func integers<Element: FixedWidthInteger & BitwiseCopyable>(
        _ field: StaticString, count: Int
    ) throws(DecodeError) -> WireIntegers<Element> {
        try check(count, of: MemoryLayout<Element>.size, field)
        let view = WireIntegers<Element>(bigEndian: current, count: count)
        current += count &* MemoryLayout<Element>.size
        return view
    }

    @inlinable @inline(__always)
    public mutating func integers<Element: FixedWidthInteger & BitwiseCopyable>(
        _ field: StaticString, _ flexible: Bool
    ) throws(DecodeError) -> WireIntegers<Element> {
        try integers(field, count: try length(field, flexible))
    }

    @inlinable @inline(__always)
    public mutating func nullableIntegers<Element: FixedWidthInteger & BitwiseCopyable>(
        _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(DecodeError) -> WireIntegers<Element>? {
        let count = try length(field, flexible)
        if count < 0 && nullAllowed { return nil }
        return try integers(field, count: count)
    }

    @inlinable
    mutating func strings(
        _ field: StaticString, _ flexible: Bool, count: Int
    ) throws(DecodeError) -> WireArray<WireBytes> {
        try check(count, of: flexible ? 1 : 2, field)
        if count == 0 { return .empty }
        let place: UnsafeMutablePointer<WireBytes> = try room(for: count, field)
        for index in 0..<count {
            (place + index).initialize(to: try string(field, flexible))
        }
        return WireArray(place, count: count)
    }

    @inlinable @inline(__always)
    public mutating func strings(
        _ field: StaticString, _ flexible: Bool
    ) throws(DecodeError) -> WireArray<WireBytes> {
        try strings(field, flexible, count: try length(field, flexible))
    }

    @inlinable @inline(__always)
    public mutating func nullableStrings(
        _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(DecodeError) -> WireArray<WireBytes>? {
        let count = try length(field, flexible)
        if count < 0 && nullAllowed { return nil }
        return try strings(field, flexible, count: count)
    }

    @inlinable
    mutating func uuids(_ field: StaticString, count: Int) throws(DecodeError) -> WireArray<Uuid> {
        try check(count, of: 16, field)
        if count == 0 { return .empty }
        let place: UnsafeMutablePointer<Uuid> = try room(for: count, field)
        for index in 0..<count {
            (place + index).initialize(to: try uuid(field))
        }
        return WireArray(place, count: count)
    }

    @inlinable @inline(__always)
    public mutating func uuids(_ field: StaticString, _ flexible: Bool) throws(DecodeError) -> WireArray<Uuid> {
        try uuids(field, count: try length(field, flexible))
    }

    @inlinable @inline(__always)
    public mutating func nullableUuids(
        _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(DecodeError) -> WireArray<Uuid>? {
        let count = try length(field, flexible)
        if count < 0 && nullAllowed { return nil }
        return try uuids(field, count: count)
    }
}

// MARK: Structs

extension WireReader {
    @inlinable @inline(__always)
    public mutating func read<Value: WireStruct>(
        _ value: inout Value, _ field: StaticString, _ version: Int16
    ) throws(DecodeError) {
        do {
            try value.decode(from: &self, version: version)
        } catch {
            throw error.inField(field)
        }
    }

    /// A struct behind a byte that says whether it is there.
    @inlinable
    public mutating func nullableStruct<Value: WireStruct>(
        _ field: StaticString, _ version: Int16, nullAllowed: Bool = true
    ) throws(DecodeError) -> Value? {
        if nullAllowed, try int8(field) < 0 { return nil }
        var value = Value()
        try read(&value, field, version)
        return value
    }

    /// The same where it is a tagged field: a varint says whether it is there.
    @inlinable
    public mutating func nullableTaggedStruct<Value: WireStruct>(
        _ field: StaticString, _ version: Int16
    ) throws(DecodeError) -> Value? {
        if try unsignedVarint(field) == 0 { return nil }
        var value = Value()
        try read(&value, field, version)
        return value
    }
}
