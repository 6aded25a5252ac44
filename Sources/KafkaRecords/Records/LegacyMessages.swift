/// A message of magic 0 or 1 as it stands: the fields behind offset and length.
///
///     offset int64, length int32, crc uint32, magic int8, attributes int8, timestamp int64 (magic 1),
///     key length int32, key, value length int32, value
struct LegacyMessage {
    var offset: Int64
    var crc: UInt32
    var magic: Int8
    var attributes: UInt8
    var timestamp: Int64
    var key: UnsafeRawBufferPointer?
    var value: UnsafeRawBufferPointer?

    /// `bytes` is one whole message, as its length field says. nil where the fields do not fit into it.
    init?(_ bytes: UnsafeRawBufferPointer) {
        var cursor = RecordCursor(bytes)
        offset = cursor.int64()
        _ = cursor.int32()
        crc = UInt32(bitPattern: cursor.int32())
        magic = Int8(bitPattern: cursor.byte())
        attributes = cursor.byte()
        timestamp = magic == 1 ? cursor.int64() : NoValue.timestamp
        key = cursor.bytes(cursor.int32())
        value = cursor.bytes(cursor.int32())
        // Kafka reads no further than the value; bytes behind it in the message go unnoticed.
        guard !cursor.broken, 0...1 ~= magic else { return nil }
    }
}

/// The records of one outer message of magic 0 or 1: itself, or the messages that its value packs.
struct LegacyMessages {
    private let outer: LegacyMessage
    private let outerSize: Int
    private let timestampType: TimestampType
    /// The packed messages, all of them whole; nil for a message that packs none.
    private var inner: RecordCursor?
    /// What inner offsets of magic 1 count from; magic 0's are absolute.
    private var innerBase: Int64 = 0
    private var done = false

    init(_ batch: BatchView, _ header: RecordBatchHeader, scratch: RecordScratch) throws(RecordError) {
        guard let outer = LegacyMessage(batch.bytes) else {
            throw RecordError(
                .invalidRecord, "a message of magic \(header.magic) does not fit into its \(batch.bytes.count) bytes")
        }
        self.outer = outer
        outerSize = batch.bytes.count
        timestampType = header.timestampType
        let codec = try header.requireCompression()
        guard codec != .none else { return }
        guard codec != .zstd else {
            throw RecordError(.invalidRecord, "zstd in a message of magic \(header.magic), which does not know it")
        }
        guard let value = outer.value else {
            throw RecordError(.invalidRecord, "compressed message of magic \(header.magic) without a value")
        }
        let unpacked = try scratch.unpack(value, codec: codec, ignoresLZ4HeaderChecksum: header.magic == 0)
        try findInner(in: unpacked, header, scratch.failure)
    }

    /// Offsets inside magic 1 are relative to the outer one, which is the last record's: so the last has to be found
    /// first.
    private mutating func findInner(
        in unpacked: UnsafeRawBufferPointer, _ header: RecordBatchHeader, _ failure: RecordError?
    ) throws(RecordError) {
        var cursor = RecordCursor(unpacked)
        var lastOffset: Int64?
        while let message = try LegacyMessages.next(&cursor) {
            lastOffset = Int64(bigEndian: message.loadUnaligned(as: Int64.self))
        }
        if let failure { throw failure }
        guard let lastOffset else {
            throw RecordError(.invalidRecord, "compressed message of magic \(header.magic) packs no message")
        }
        // A half message at the end is left out, as Kafka does.
        inner = RecordCursor(UnsafeRawBufferPointer(rebasing: unpacked[..<(unpacked.count - cursor.remaining)]))
        // Some versions of librdkafka leave the outer offset at 0 when they produce.
        guard header.magic == 1, header.baseOffset != 0 else { return }
        guard header.baseOffset >= lastOffset else {
            throw RecordError(
                .invalidRecord,
                "the offset \(header.baseOffset) of a compressed message is less than \(lastOffset), the last inside")
        }
        innerBase = header.baseOffset &- lastOffset
    }

    /// The next whole message's bytes.
    private static func next(_ cursor: inout RecordCursor) throws(RecordError) -> UnsafeRawBufferPointer? {
        let start = cursor.position
        guard cursor.remaining >= RecordLimits.logOverheadBytes else { return nil }
        let length = Int32(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: Int32.self))
        guard length >= RecordLimits.smallestLengthField else {
            throw RecordError(.corruptMessage, "record size \(length) is less than the minimum record overhead (14)")
        }
        let size = Int(length) + RecordLimits.logOverheadBytes
        guard cursor.remaining >= size else { return nil }
        cursor = RecordCursor(from: start + size, to: cursor.end)
        return UnsafeRawBufferPointer(start: start, count: size)
    }

    mutating func next() throws(RecordError) -> RecordView? {
        guard var cursor = inner else {
            if done { return nil }
            done = true
            return view(outer, offset: outer.offset, timestamp: outer.timestamp, size: outerSize)
        }
        guard let bytes = try LegacyMessages.next(&cursor) else { return nil }
        inner = cursor
        guard let message = LegacyMessage(bytes) else { throw misfit(bytes) }
        guard message.attributes & UInt8(RecordBatchHeader.Attribute.codec) == 0 else {
            throw RecordError(.invalidRecord, "packed messages must not be compressed themselves")
        }
        var record = view(
            message, offset: outer.magic == 1 ? innerBase &+ message.offset : message.offset,
            timestamp: message.magic == 1 && timestampType == .logAppendTime ? outer.timestamp : message.timestamp,
            size: bytes.count)
        record.hasValidChecksum = legacyCRC(of: bytes) == message.crc
        return record
    }

    /// Kafka looks at a packed message's magic, codec and checksum before it takes the message apart.
    private func misfit(_ bytes: UnsafeRawBufferPointer) -> RecordError {
        let header = RecordBatchHeader(bytes)
        let isDamaged = header.map { $0.crc != legacyCRC(of: bytes) } ?? true
        if isDamaged && header?.magic == outer.magic && header?.codecNumber == 0 {
            return RecordError(.corruptMessage, "a packed message of \(bytes.count) bytes is corrupt")
        }
        return RecordError(.invalidRecord, "a packed message does not fit into its \(bytes.count) bytes")
    }

    private func view(_ message: LegacyMessage, offset: Int64, timestamp: Int64, size: Int) -> RecordView {
        RecordView(
            offset: offset, timestamp: timestamp, attributes: message.attributes, magic: message.magic,
            key: message.key,
            value: message.value, sizeInBytes: size)
    }
}
