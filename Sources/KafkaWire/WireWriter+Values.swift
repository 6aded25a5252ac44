// Strings, bytes, arrays and structs. What is of variable size leaves `WireLimits.fixedPartBytes` of room behind it.

extension WireWriter {
    @inlinable @inline(__always)
    mutating func shortLength(_ count: Int, _ flexible: Bool) {
        if flexible { unsignedVarint(count &+ 1) } else { store(Int16(truncatingIfNeeded: count)) }
    }

    @inlinable @inline(__always)
    mutating func length(_ count: Int, _ flexible: Bool) {
        if flexible { unsignedVarint(count &+ 1) } else { store(Int32(truncatingIfNeeded: count)) }
    }

    @inlinable @inline(__always)
    mutating func nullString(_ flexible: Bool) {
        if flexible { store(0 as UInt8) } else { store(-1 as Int16) }
    }

    @inlinable @inline(__always)
    mutating func null(_ flexible: Bool) {
        if flexible { store(0 as UInt8) } else { store(-1 as Int32) }
    }

    /// Most strings are short: two overlapping loads and stores are several times faster than a call of memmove.
    @inlinable @inline(__always)
    mutating func copy(_ source: UnsafeRawPointer, _ count: Int) {
        reserve(count &+ WireLimits.fixedPartBytes)
        let place = current
        if count > 32 {
            place.copyMemory(from: source, byteCount: count)
        } else if count >= 16 {
            copyEnds(source, place, count, as: SIMD16<UInt8>.self)
        } else if count >= 8 {
            copyEnds(source, place, count, as: UInt64.self)
        } else if count >= 4 {
            copyEnds(source, place, count, as: UInt32.self)
        } else if count > 0 {
            // One to three bytes are the first, the middle and the last, whichever of these are the same.
            let middle = count &>> 1
            let last = count &- 1
            place.storeBytes(of: source.load(as: UInt8.self), as: UInt8.self)
            place.storeBytes(
                of: source.load(fromByteOffset: middle, as: UInt8.self), toByteOffset: middle, as: UInt8.self)
            place.storeBytes(of: source.load(fromByteOffset: last, as: UInt8.self), toByteOffset: last, as: UInt8.self)
        }
        current = place + count
    }

    /// Copies a word at either end; they overlap where the count is less than two words.
    @inlinable @inline(__always)
    func copyEnds<Word: BitwiseCopyable>(
        _ source: UnsafeRawPointer, _ place: UnsafeMutableRawPointer, _ count: Int, as type: Word.Type
    ) {
        let last = count &- MemoryLayout<Word>.size
        let front = source.loadUnaligned(as: Word.self)
        let back = source.loadUnaligned(fromByteOffset: last, as: Word.self)
        place.storeBytes(of: front, as: Word.self)
        place.storeBytes(of: back, toByteOffset: last, as: Word.self)
    }
}

// MARK: Strings, bytes, records

extension WireWriter {
    @inlinable @inline(__always)
    public mutating func string(
        _ value: WireBytes, _ field: StaticString, _ flexible: Bool
    ) throws(EncodeError) {
        if value.count > 32_767 { throw EncodeError(.stringTooLong(length: value.count), field: field) }
        shortLength(value.count, flexible)
        copy(value.pointer, value.count)
    }

    @inlinable @inline(__always)
    public mutating func nullableString(
        _ value: WireBytes?, _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(EncodeError) {
        if let value {
            try string(value, field, flexible)
        } else {
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            nullString(flexible)
        }
    }

    @inlinable @inline(__always)
    public mutating func bytes(_ value: WireBytes, _ field: StaticString, _ flexible: Bool) throws(EncodeError) {
        length(value.count, flexible)
        copy(value.pointer, value.count)
    }

    @inlinable @inline(__always)
    public mutating func nullableBytes(
        _ value: WireBytes?, _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(EncodeError) {
        if let value {
            try bytes(value, field, flexible)
        } else {
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            null(flexible)
        }
    }

    @inlinable @inline(__always)
    public mutating func records(
        _ value: WireRecords, _ field: StaticString, _ flexible: Bool, nullAllowed: Bool
    ) throws(EncodeError) {
        switch value {
        case .bytes(let bytes):
            length(bytes.count, flexible)
            copy(bytes.pointer, bytes.count)
        case .piece(let number, let count):
            length(Int(count), flexible)
            append(piece: number, length: count)
        case .null:
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            null(flexible)
        }
    }
}

// MARK: Arrays

extension WireWriter {
    /// The elements are encoded where they lie: they can be large, and are never copied out.
    @inlinable
    public mutating func structs<Element: WireStruct>(
        _ value: WireArray<Element>, _ field: StaticString, _ version: Int16, _ flexible: Bool
    ) throws(EncodeError) {
        length(value.count, flexible)
        let base = value.base
        var index = 0
        while index < value.count {
            do {
                try base[index].encode(into: &self, version: version)
            } catch {
                throw error.inField(field, index: index)
            }
            index &+= 1
        }
        reserve(WireLimits.fixedPartBytes)
    }

    @inlinable @inline(__always)
    public mutating func nullableStructs<Element: WireStruct>(
        _ value: WireArray<Element>?, _ field: StaticString, _ version: Int16, _ flexible: Bool,
        nullAllowed: Bool = true
    ) throws(EncodeError) {
        if let value {
            try structs(value, field, version, flexible)
        } else {
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            null(flexible)
        }
    }

    @inlinable @inline(__always)
    public mutating func integers<Element: FixedWidthInteger & BitwiseCopyable>(
        _ value: WireIntegers<Element>, _ field: StaticString, _ flexible: Bool
    ) throws(EncodeError) {
        length(value.count, flexible)
        copy(value.base, value.count &* MemoryLayout<Element>.size)
    }

    @inlinable @inline(__always)
    public mutating func nullableIntegers<Element: FixedWidthInteger & BitwiseCopyable>(
        _ value: WireIntegers<Element>?, _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(EncodeError) {
        if let value {
            try integers(value, field, flexible)
        } else {
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            null(flexible)
        }
    }

    @inlinable
    public mutating func strings(
        _ value: WireArray<WireBytes>, _ field: StaticString, _ flexible: Bool
    ) throws(EncodeError) {
        length(value.count, flexible)
        reserve(WireLimits.fixedPartBytes)
        for element in value { try string(element, field, flexible) }
    }

    @inlinable @inline(__always)
    public mutating func nullableStrings(
        _ value: WireArray<WireBytes>?, _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(EncodeError) {
        if let value {
            try strings(value, field, flexible)
        } else {
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            null(flexible)
        }
    }

    @inlinable
    public mutating func uuids(
        _ value: WireArray<Uuid>, _ field: StaticString, _ flexible: Bool
    ) throws(EncodeError) {
        length(value.count, flexible)
        reserve(value.count &* 16 &+ WireLimits.fixedPartBytes)
        for element in value { uuid(element) }
    }

    @inlinable @inline(__always)
    public mutating func nullableUuids(
        _ value: WireArray<Uuid>?, _ field: StaticString, _ flexible: Bool, nullAllowed: Bool = true
    ) throws(EncodeError) {
        if let value {
            try uuids(value, field, flexible)
        } else {
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            null(flexible)
        }
    }
}

// MARK: Structs

extension WireWriter {
    @inlinable @inline(__always)
    public mutating func write<Value: WireStruct>(
        _ value: borrowing Value, _ field: StaticString, _ version: Int16
    ) throws(EncodeError) {
        do {
            try value.encode(into: &self, version: version)
        } catch {
            throw error.inField(field)
        }
        reserve(WireLimits.fixedPartBytes)
    }

    /// A struct behind a byte that says whether it is there.
    @inlinable
    public mutating func nullableStruct<Value: WireStruct>(
        _ value: Value?, _ field: StaticString, _ version: Int16, nullAllowed: Bool = true
    ) throws(EncodeError) {
        if let value {
            if nullAllowed { int8(1) }
            try write(value, field, version)
        } else {
            if !nullAllowed { throw EncodeError(.nullNotAllowed, field: field) }
            int8(-1)
        }
    }

    /// The same where it is a tagged field: a varint says whether it is there.
    @inlinable
    public mutating func nullableTaggedStruct<Value: WireStruct>(
        _ value: Value?, _ field: StaticString, _ version: Int16
    ) throws(EncodeError) {
        unsignedVarint(value == nil ? 0 : 1)
        if let value { try write(value, field, version) }
    }
}
