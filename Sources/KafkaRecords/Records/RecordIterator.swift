/// The records of one batch of any magic, one after another.
///
/// A compressed batch is unpacked into `scratch` first, up to `RecordLimits.unpackedBytes`; the views that come out
/// point there and are good until the scratch is used again. The views of other batches are good as long as the
/// batch's bytes. The batch's checksum is not looked at: that is `BatchView.ensureValid`.
package struct RecordIterator {
    // One of the two; apart and not an enum, whose content would be copied out and in for every record.
    private var records: PlainRecords?
    private var messages: LegacyMessages?
    // The cursor points into its memory.
    private let scratch: RecordScratch

    package init(_ batch: BatchView, scratch: RecordScratch) throws(RecordError) {
        guard let header = batch.header else {
            throw RecordError(.invalidRecord, "a batch of \(batch.bytes.count) bytes is shorter than its head")
        }
        self.scratch = scratch
        if header.isLegacy {
            messages = try LegacyMessages(batch, header, scratch: scratch)
        } else {
            records = try PlainRecords(batch, header, scratch: scratch)
        }
    }

    /// nil after the last record. Each record is checked as Kafka checks it when it reads it.
    package mutating func next() throws(RecordError) -> RecordView? {
        guard records != nil else { return try messages?.next() }
        do throws(RecordError) {
            return try records!.next()
        } catch {
            // What is missing may be what the codec could not unpack.
            throw records!.isCut ? scratch.failure ?? error : error
        }
    }
}

extension BatchView {
    /// All records in turn; see `RecordIterator`.
    package func records(scratch: RecordScratch) throws(RecordError) -> RecordIterator {
        try RecordIterator(self, scratch: scratch)
    }
}

/// Magic 2: records behind one another, offsets and timestamps as differences to the batch's.
struct PlainRecords {
    private var cursor: RecordCursor
    private let count: Int32
    private var read: Int32 = 0
    private let baseOffset: Int64
    private let baseTimestamp: Int64
    private let baseSequence: Int32
    private let logAppendTime: Int64?
    /// Kafka reads a packed batch through a stream, where a length of too many bytes gives another exception.
    private var isPacked = false
    /// Not all of it could be unpacked.
    private var isDamaged = false
    /// That the records end before the batch says they do.
    private(set) var isCut = false

    init(_ batch: BatchView, _ header: RecordBatchHeader, scratch: RecordScratch) throws(RecordError) {
        count = header.recordCount
        baseOffset = header.baseOffset
        baseTimestamp = header.baseTimestamp
        baseSequence = header.baseSequence
        logAppendTime = header.timestampType == .logAppendTime ? header.maxTimestamp : nil
        guard count >= 0 else { throw PlainRecords.negativeCount(count) }
        // An empty batch is what compaction leaves; its codec is not asked.
        guard count > 0 else {
            cursor = RecordCursor(UnsafeRawBufferPointer(start: nil, count: 0))
            return
        }
        let codec = try header.requireCompression()
        isPacked = codec != .none
        cursor = RecordCursor(isPacked ? try scratch.unpack(batch.payload, codec: codec) : batch.payload)
        isDamaged = isPacked && scratch.failure != nil
    }

    static func negativeCount(_ count: Int32) -> RecordError {
        RecordError(.invalidRecord, "found invalid record count \(count) in a batch of magic 2")
    }

    mutating func next() throws(RecordError) -> RecordView? {
        guard read < count else { return nil }
        read += 1
        let record = try readRecord()
        isCut = read == count && isDamaged && cursor.remaining == 0
        if isCut { throw RecordError(.invalidRecord, "the end of the batch could not be unpacked") }
        if read == count, cursor.remaining > 0 {
            throw RecordError(
                .invalidRecord, "incorrect declared batch size: \(cursor.remaining) bytes after the last record")
        }
        return record
    }

    private mutating func readRecord() throws(RecordError) -> RecordView {
        let start = cursor.position
        let length = cursor.varint()
        if cursor.broken {
            isCut = !cursor.overlong
            throw lengthError
        }
        guard length >= 0, Int(length) <= cursor.remaining else {
            isCut = length >= 0
            throw RecordError(
                .invalidRecord,
                "invalid record size: expected \(length) bytes, but the batch has \(cursor.remaining) left")
        }
        let end = cursor.position + Int(length)
        var body = RecordCursor(from: cursor.position, to: end)
        let attributes = body.byte()
        let timestampDelta = body.varlong()
        let offsetDelta = body.varint()
        let key = body.bytes(body.varint())
        let value = body.bytes(body.varint())
        let headers = PlainRecords.readHeaders(&body)
        guard !body.broken, body.position == end else {
            throw RecordError(.invalidRecord, "record \(read - 1) of the batch does not fit into its \(length) bytes")
        }
        cursor = RecordCursor(from: end, to: cursor.end)
        return RecordView(
            offset: baseOffset &+ Int64(offsetDelta),
            timestamp: logAppendTime ?? baseTimestamp &+ timestampDelta,
            sequence: baseSequence >= 0 ? incrementSequence(baseSequence, by: offsetDelta) : NoValue.sequence,
            attributes: attributes, magic: 2, key: key, value: value, headers: headers, sizeInBytes: end - start)
    }

    private var lengthError: RecordError {
        cursor.overlong && !isPacked
            ? RecordError(.unreadable, "the length of record \(read - 1) of the batch has more than 5 bytes")
            : RecordError(.invalidRecord, "incorrect declared batch size: it ends in record \(read - 1) of \(count)")
    }

    /// Walks over the headers, so that a broken one is found now; the cursor tells.
    @inline(__always) static func readHeaders(_ body: inout RecordCursor) -> RecordHeaders {
        let count = body.varint()
        if count == 0 { return .none }
        return checkHeaders(count, &body)
    }

    private static func checkHeaders(_ count: Int32, _ body: inout RecordCursor) -> RecordHeaders {
        // A header takes two bytes at least; Kafka compares with one, and finds the rest out by walking.
        guard count >= 0, Int(count) <= body.remaining else { body.fail(); return .none }
        let start = body.position
        for _ in 0..<count {
            let keyLength = body.varint()
            if keyLength < 0 { body.fail() }
            body.skip(keyLength)
            body.skip(body.varint())
            if body.broken { return .none }
        }
        return RecordHeaders(
            count: Int(count), bytes: UnsafeRawBufferPointer(start: start, count: body.position - start))
    }
}

extension RecordBatchHeader {
    /// The codec, or the error for a number that has none.
    func requireCompression() throws(RecordError) -> CompressionType {
        guard let compression else {
            throw RecordError(.unsupportedCompressionType, "unknown compression type id \(codecNumber)")
        }
        return compression
    }
}
