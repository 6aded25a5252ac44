/// Walks over the records of a compressed batch without unpacking more than a window of it at a time; keys and values
/// are skipped.
struct PackedWalk {
    struct Record {
        var timestampDelta: Int64
        var offsetDelta: Int32
        var hasKey: Bool
    }

    private let unpacker: Unpacker
    private let largestRecord: Int
    private var cursor = RecordCursor(UnsafeRawBufferPointer(start: nil, count: 0))

    init(
        _ payload: UnsafeRawBufferPointer, codec: CompressionType, unpacker: Unpacker, largestRecord: Int
    ) throws(RecordError) {
        self.unpacker = unpacker
        self.largestRecord = largestRecord
        try unpacker.begin(payload, codec: codec)
    }

    mutating func next() throws(RecordError) -> Record {
        let length = try varint()
        guard length >= 0, Int(length) <= largestRecord else {
            throw RecordError(.invalidRecord, "invalid record size \(length) in a compressed batch")
        }
        _ = try byte()
        let timestampDelta = try varlong()
        let offsetDelta = try varint()
        let keyLength = try varint()
        try skip(keyLength)
        try skip(try varint())
        let headerCount = try varint()
        guard headerCount >= 0 else {
            throw RecordError(.invalidRecord, "found invalid number of record headers \(headerCount)")
        }
        // Each header takes two bytes at least, so the loop ends with the input however many were claimed.
        for _ in 0..<headerCount {
            let length = try varint()
            guard length >= 0 else { throw RecordError(.invalidRecord, "invalid negative header key size \(length)") }
            try skip(length)
            try skip(try varint())
        }
        return Record(timestampDelta: timestampDelta, offsetDelta: offsetDelta, hasKey: keyLength >= 0)
    }

    /// That nothing comes after the last record; the codec checks its own end too.
    mutating func finish() throws(RecordError) {
        while cursor.remaining == 0 {
            guard try refill() else { return }
        }
        throw RecordError(.invalidRecord, "incorrect declared batch size: bytes after the last record")
    }

    private mutating func refill() throws(RecordError) -> Bool {
        guard let piece = try unpacker.next() else { return false }
        cursor = RecordCursor(piece)
        return true
    }

    private var endsEarly: RecordError {
        RecordError(.invalidRecord, "incorrect declared batch size: it ends within a record")
    }

    private mutating func byte() throws(RecordError) -> UInt8 {
        while cursor.remaining == 0 {
            guard try refill() else { throw endsEarly }
        }
        return cursor.byte()
    }

    private mutating func varint() throws(RecordError) -> Int32 {
        if cursor.remaining >= 5 {
            let value = cursor.varint()
            guard !cursor.broken else { throw overlong }
            return value
        }
        let raw = UInt32(truncatingIfNeeded: try unsigned(most: 5))
        return Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)
    }

    private mutating func varlong() throws(RecordError) -> Int64 {
        if cursor.remaining >= 10 {
            let value = cursor.varlong()
            guard !cursor.broken else { throw overlong }
            return value
        }
        let raw = try unsigned(most: 10)
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    private var overlong: RecordError { RecordError(.invalidRecord, "a varint in a compressed batch does not end") }

    /// Across the border of two windows.
    private mutating func unsigned(most: Int) throws(RecordError) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<most {
            let byte = try byte()
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte < 0x80 { return value }
        }
        throw overlong
    }

    private mutating func skip(_ count: Int32) throws(RecordError) {
        var left = Int(count)
        while left > 0 {
            while cursor.remaining == 0 {
                guard try refill() else { throw endsEarly }
            }
            let step = min(left, cursor.remaining)
            cursor.skip(Int32(step))
            left -= step
        }
    }
}
