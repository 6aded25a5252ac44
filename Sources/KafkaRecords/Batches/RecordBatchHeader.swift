/// The head of a record batch (magic 2, 61 bytes) or of an outer message of magic 0 or 1, read where it lies.
///
/// A view: valid as long as the bytes are. Numbers are as they stand; nothing is checked here but that the head is
/// there. Layout: Kafka's message-format.md; for magic 0 and 1 `LegacyRecord`.
package struct RecordBatchHeader {
    package static let size = RecordLimits.batchHeaderBytes

    let base: UnsafeRawPointer

    /// nil where the bytes end before the head does (61 bytes for magic 2, 26 and 34 for 0 and 1) or the magic is none
    /// of the three. The records need not be there: a reader of a file brings the first 61 bytes, or what is left of
    /// the file.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count >= RecordLimits.bytesUpToMagic else { return nil }
        let needed: Int
        switch base.load(fromByteOffset: Field.magic, as: Int8.self) {
        case 2: needed = RecordLimits.batchHeaderBytes
        case 1: needed = RecordLimits.legacyOverheadBytes.magic1
        case 0: needed = RecordLimits.legacyOverheadBytes.magic0
        default: return nil
        }
        guard bytes.count >= needed else { return nil }
        self.base = base
    }

    init(unchecked base: UnsafeRawPointer) { self.base = base }

    enum Field {
        static let baseOffset = 0, length = 8, magic = 16
        // Magic 2.
        static let partitionLeaderEpoch = 12, crc = 17, attributes = 21, lastOffsetDelta = 23, baseTimestamp = 27
        static let maxTimestamp = 35, producerId = 43, producerEpoch = 51, baseSequence = 53
        static let recordCount = 57, records = 61
        // Magic 0 and 1.
        static let legacyCRC = 12, legacyAttributes = 17, legacyTimestamp = 18
    }

    enum Attribute {
        static let codec: Int16 = 0x07, timestampType: Int16 = 0x08, transactional: Int16 = 0x10
        static let control: Int16 = 0x20, deleteHorizon: Int16 = 0x40, known: Int16 = 0x7f
    }

    @inline(__always) private func big<T: FixedWidthInteger>(_ offset: Int, _: T.Type = T.self) -> T {
        T(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    // MARK: as stored

    /// The first eight bytes. Magic 2: the first offset. Magic 0 and 1: the offset of the message, the last one inside
    /// if compressed.
    package var baseOffset: Int64 { big(Field.baseOffset) }
    /// How many bytes follow the length field.
    package var batchLength: Int32 { big(Field.length) }
    package var magic: Int8 { base.load(fromByteOffset: Field.magic, as: Int8.self) }
    /// CRC-32C from the attributes on in magic 2, CRC-32 from the magic on in 0 and 1.
    package var crc: UInt32 { isLegacy ? big(Field.legacyCRC) : big(Field.crc) }
    package var attributes: Int16 {
        isLegacy ? Int16(base.load(fromByteOffset: Field.legacyAttributes, as: UInt8.self)) : big(Field.attributes)
    }
    package var partitionLeaderEpoch: Int32 {
        isLegacy ? NoValue.partitionLeaderEpoch : big(Field.partitionLeaderEpoch)
    }
    package var lastOffsetDelta: Int32 { isLegacy ? 0 : big(Field.lastOffsetDelta) }
    /// Magic 1: the message's timestamp; magic 0: -1.
    package var baseTimestamp: Int64 { isLegacy ? legacyTimestamp : big(Field.baseTimestamp) }
    package var maxTimestamp: Int64 { isLegacy ? legacyTimestamp : big(Field.maxTimestamp) }
    package var producerId: Int64 { isLegacy ? NoValue.producerId : big(Field.producerId) }
    package var producerEpoch: Int16 { isLegacy ? NoValue.producerEpoch : big(Field.producerEpoch) }
    package var baseSequence: Int32 { isLegacy ? NoValue.sequence : big(Field.baseSequence) }
    /// How many records the batch says it has; for magic 0 and 1 it is 1, or -1 if compressed, since only unpacking
    /// tells.
    package var recordCount: Int32 {
        guard isLegacy else { return big(Field.recordCount) }
        return attributes & Attribute.codec == 0 ? 1 : -1
    }

    // MARK: derived

    package var isLegacy: Bool { magic < 2 }
    /// The whole batch, with offset and length fields.
    package var sizeInBytes: Int { Int(batchLength) + RecordLimits.logOverheadBytes }
    package var lastOffset: Int64 { baseOffset &+ Int64(lastOffsetDelta) }
    package var nextOffset: Int64 { lastOffset &+ 1 }
    /// nil for the codec numbers 5 to 7, which nobody has given out.
    package var compression: CompressionType? { CompressionType(rawValue: UInt8(attributes & Attribute.codec)) }
    package var codecNumber: UInt8 { UInt8(attributes & Attribute.codec) }
    /// Magic 0 has no timestamps; its type reads as create time.
    package var timestampType: TimestampType {
        magic > 0 && attributes & Attribute.timestampType != 0 ? .logAppendTime : .createTime
    }
    package var isTransactional: Bool { !isLegacy && attributes & Attribute.transactional != 0 }
    package var isControl: Bool { !isLegacy && attributes & Attribute.control != 0 }
    /// Set by the cleaner (KIP-534); the base timestamp is then the time after which tombstones may go.
    package var hasDeleteHorizon: Bool { !isLegacy && attributes & Attribute.deleteHorizon != 0 }
    package var deleteHorizonMs: Int64? { hasDeleteHorizon ? baseTimestamp : nil }
    package var hasProducerId: Bool { producerId > NoValue.producerId }
    package var lastSequence: Int32 {
        baseSequence == NoValue.sequence ? NoValue.sequence : incrementSequence(baseSequence, by: lastOffsetDelta)
    }

    private var legacyTimestamp: Int64 { magic == 1 ? big(Field.legacyTimestamp) : NoValue.timestamp }
}

/// Sequence numbers go from 2147483647 on to 0 (Kafka's DefaultRecordBatch.incrementSequence); never traps.
package func incrementSequence(_ sequence: Int32, by increment: Int32) -> Int32 {
    if sequence > Int32.max &- increment { return increment &- (Int32.max &- sequence) &- 1 }
    return sequence &+ increment
}
