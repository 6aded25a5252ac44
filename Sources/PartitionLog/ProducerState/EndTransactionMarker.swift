internal import KafkaRecords

/// The one record of a control batch that ends a transaction.
/// Key: version int16, type int16 (0 abort, 1 commit). Value: version int16, coordinator epoch int32.
struct EndTransactionMarker {
    var isCommit: Bool
    var coordinatorEpoch: Int32
    var timestamp: Int64

    /// nil where the batch's record is another kind of control record (a leader change, a snapshot's header).
    init?(_ batch: UnsafeRawBufferPointer, _ header: RecordBatchHeader) {
        var reader = RecordFields(bytes: batch, position: RecordBatchHeader.size)
        guard reader.varint() != nil, reader.skip(1), let delta = reader.varint(), reader.varint() != nil,
            let keyLength = reader.varint(), keyLength >= 4, let key = reader.take(Int(keyLength)),
            let valueLength = reader.varint(), valueLength >= 6, let value = reader.take(Int(valueLength))
        else { return nil }
        switch Int16(bigEndian: key.loadUnaligned(fromByteOffset: 2, as: Int16.self)) {
        case 0: isCommit = false
        case 1: isCommit = true
        default: return nil
        }
        coordinatorEpoch = Int32(bigEndian: value.loadUnaligned(fromByteOffset: 2, as: Int32.self))
        timestamp = header.baseTimestamp &+ delta
    }
}

/// The fields of a record of magic 2, where every number is a zigzag varint.
private struct RecordFields {
    let bytes: UnsafeRawBufferPointer
    var position: Int

    mutating func varint() -> Int64? {
        var value: UInt64 = 0, shift: UInt64 = 0
        while position < bytes.count, shift < 70 {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return Int64(bitPattern: (value >> 1) ^ (0 &- (value & 1))) }
            shift += 7
        }
        return nil
    }

    mutating func skip(_ count: Int) -> Bool { take(count) != nil }

    mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, count <= bytes.count - position else { return nil }
        defer { position += count }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + count)])
    }
}
