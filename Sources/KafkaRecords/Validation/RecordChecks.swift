/// What is asked of every record of a batch, and what comes of it: LogValidator.validateRecord, kept so that a record
/// that is in order costs a few comparisons.
struct RecordChecks {
    private let nowMs: Int64
    private let beforeMaxMs: Int64
    private let afterMaxMs: Int64
    private let checksCreateTime: Bool
    private let needsKey: Bool
    /// The batch says log append time already, which only a broker may say where the topic says it too.
    private let refusesTimestampType: Bool
    private var rejected: [RecordError.RejectedRecord] = []
    private var hasInvalidTimestamp = false
    /// Records seen.
    private(set) var count = 0
    private(set) var maxTimestamp = NoValue.timestamp

    init(_ validator: RecordValidator, _ header: RecordBatchHeader) {
        let rules = validator.rules
        nowMs = validator.nowMs
        beforeMaxMs = rules.timestampBeforeMaxMs
        afterMaxMs = rules.timestampAfterMaxMs
        needsKey = rules.isCompacted
        checksCreateTime = rules.timestampType == .createTime
        refusesTimestampType = !checksCreateTime && header.timestampType == .logAppendTime
    }

    /// The outer message's type counts for each message set that is joined into one batch.
    @inline(__always) mutating func check(offset: Int64, timestamp: Int64, hasKey: Bool) {
        count += 1
        let age = nowMs &- timestamp
        let isOutOfRange =
            checksCreateTime && timestamp != NoValue.timestamp && (age > beforeMaxMs || 0 &- age > afterMaxMs)
        if (needsKey && !hasKey) || isOutOfRange || refusesTimestampType {
            reject(offset: offset, timestamp: timestamp, hasKey: hasKey)
            // Where any record is refused the batch is, so its largest timestamp no longer matters.
        } else if timestamp > maxTimestamp {
            maxTimestamp = timestamp
        }
    }

    private mutating func reject(offset: Int64, timestamp: Int64, hasKey: Bool) {
        let message: String
        if needsKey && !hasKey {
            message = RecordError.RejectedRecord.lacksKey
        } else if refusesTimestampType {
            hasInvalidTimestamp = true
            message =
                "Invalid timestamp type in message with offset \(offset). "
                + "Producer should not set timestamp type to LogAppendTime."
        } else {
            hasInvalidTimestamp = true
            message =
                "Timestamp \(timestamp) of message with offset \(offset) is out of range. "
                + "The timestamp should be within [\(nowMs &- beforeMaxMs), \(nowMs &+ afterMaxMs)]"
        }
        rejected.append(RecordError.RejectedRecord(batchIndex: Int32(truncatingIfNeeded: count - 1), message: message))
    }

    /// At the end of each batch.
    func finish() throws(RecordError) {
        guard !rejected.isEmpty else { return }
        if hasInvalidTimestamp {
            throw RecordError(
                .invalidTimestamp, "One or more records have been rejected due to invalid timestamp",
                rejectedRecords: rejected)
        }
        throw RecordError(.invalidRecord, RecordError.text(of: rejected), rejectedRecords: rejected)
    }

    // MARK: walks

    /// Every record of an uncompressed batch of magic 2. The hot path: no view is made, nothing is kept.
    mutating func walk(_ records: UnsafeRawBufferPointer, of header: RecordBatchHeader) throws(RecordError) {
        let recordCount = header.recordCount
        let base = (offset: header.baseOffset, timestamp: header.baseTimestamp)
        let appendTime = header.timestampType == .logAppendTime ? header.maxTimestamp : nil
        guard recordCount >= 0 else { throw PlainRecords.negativeCount(recordCount) }
        var cursor = RecordCursor(records)
        for index in 0..<recordCount {
            let length = cursor.varint()
            guard !cursor.broken, length >= 0, Int(length) <= cursor.remaining else {
                throw brokenLength(cursor, index, length)
            }
            let end = cursor.position + Int(length)
            _ = cursor.byte()
            let timestamp = cursor.varlong()
            let offsetDelta = cursor.varint()
            let keyLength = cursor.varint()
            cursor.skip(keyLength)
            cursor.skip(cursor.varint())
            _ = PlainRecords.readHeaders(&cursor)
            guard !cursor.broken, cursor.position == end else {
                throw RecordError(.invalidRecord, "record \(index) of the batch does not fit into its \(length) bytes")
            }
            check(
                offset: base.offset &+ Int64(offsetDelta), timestamp: appendTime ?? base.timestamp &+ timestamp,
                hasKey: keyLength >= 0)
        }
        if recordCount > 0, cursor.remaining > 0 {
            throw RecordError(
                .invalidRecord, "incorrect declared batch size: \(cursor.remaining) bytes after the last record")
        }
    }

    private func brokenLength(_ cursor: RecordCursor, _ index: Int32, _ length: Int32) -> RecordError {
        if cursor.overlong {
            return RecordError(.unreadable, "the length of record \(index) of the batch has more than 5 bytes")
        }
        return RecordError(
            .invalidRecord,
            "invalid record size: record \(index) has \(length) bytes, the batch \(cursor.remaining) more")
    }

    /// Every record of a compressed batch, out of the window that it is unpacked through. As in Kafka, a record's
    /// length is not compared with what it holds here, and offsets have to count up from nought: where they do not,
    /// Kafka would have to rewrite a batch whose keys and values it has skipped, and answers UNKNOWN_SERVER_ERROR.
    mutating func walk(_ packed: inout PackedWalk, of header: RecordBatchHeader) throws(RecordError) {
        let recordCount = header.recordCount
        let appendTime = header.timestampType == .logAppendTime ? header.maxTimestamp : nil
        guard recordCount >= 0 else { throw PlainRecords.negativeCount(recordCount) }
        guard recordCount > 0 else { return }
        var isConsecutive = true
        for index in 0..<recordCount {
            let record = try packed.next()
            let offset = header.baseOffset &+ Int64(record.offsetDelta)
            isConsecutive = isConsecutive && offset == Int64(index)
            check(
                offset: offset, timestamp: appendTime ?? header.baseTimestamp &+ record.timestampDelta,
                hasKey: record.hasKey)
        }
        try packed.finish()
        try finish()
        guard isConsecutive else {
            throw RecordError(.unreadable, "the offsets inside a compressed batch do not count up from 0")
        }
    }
}
