/// One record, its key, value and headers where they lie: in the batch, or in the scratch that the batch was unpacked
/// into.
package struct RecordView {
    package var offset: Int64
    package var timestamp: Int64
    /// -1 where the batch has no producer.
    package var sequence: Int32 = NoValue.sequence
    /// The record's own attributes, which nothing uses so far (magic 2); those of the message for magic 0 and 1.
    package var attributes: UInt8
    /// The magic of the batch that it came from.
    package var magic: Int8
    package var key: UnsafeRawBufferPointer?
    package var value: UnsafeRawBufferPointer?
    package var headers = RecordHeaders.none
    /// As stored there: length field and all.
    package var sizeInBytes: Int
    /// For a message inside a compressed one of magic 0 or 1: whether its own checksum is right. True for all others.
    package var hasValidChecksum = true
}

package struct RecordHeader {
    /// UTF-8 as the producer wrote it; Kafka does not check it.
    package var key: UnsafeRawBufferPointer
    package var value: UnsafeRawBufferPointer?
}

/// A record's headers: already checked, read again when they are walked.
package struct RecordHeaders: Sequence {
    package let count: Int
    let bytes: UnsafeRawBufferPointer

    package static var none: RecordHeaders {
        RecordHeaders(count: 0, bytes: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    package struct Iterator: IteratorProtocol {
        var left: Int
        var cursor: RecordCursor

        package mutating func next() -> RecordHeader? {
            guard left > 0 else { return nil }
            left -= 1
            guard let key = cursor.bytes(cursor.varint()) else { return nil }
            return RecordHeader(key: key, value: cursor.bytes(cursor.varint()))
        }
    }

    package func makeIterator() -> Iterator { Iterator(left: count, cursor: RecordCursor(bytes)) }
    package var underestimatedCount: Int { count }
}
