/// Builds one record batch of magic 2: what coordinators, the metadata log, up-conversion and compaction write.
///
/// Append records with rising offsets, then `build()`. The first record's offset and timestamp are what the others
/// count from, unless `baseOffset` says otherwise.
package struct RecordBatchBuilder {
    package var baseOffset: Int64?
    package var partitionLeaderEpoch = NoValue.partitionLeaderEpoch
    package var compression = Compression.none
    package var producerId = NoValue.producerId
    package var producerEpoch = NoValue.producerEpoch
    package var baseSequence = NoValue.sequence
    package var isTransactional = false
    package var isControl = false
    /// Not nil: the batch has log append time, and this is it.
    package var logAppendTimeMs: Int64?
    /// Not nil: the batch carries a delete horizon, which takes the base timestamp's place (KIP-534). Set it before
    /// the first record.
    package var deleteHorizonMs: Int64?
    /// Not nil: the batch ends at this offset although its last record does not (compaction keeps a batch's range).
    package var lastOffset: Int64?

    /// The largest timestamp that a batch without records says: what compaction emptied keeps it (Kafka's
    /// writeEmptyHeader).
    package var maxTimestampIfEmpty = NoValue.timestamp

    package private(set) var recordCount: Int32 = 0
    private var records: [UInt8] = []
    private var baseTimestamp = NoValue.timestamp
    private var maxTimestamp = NoValue.timestamp
    private var offsetOfLast: Int64 = -1

    package init(compression: Compression = .none, baseOffset: Int64? = nil) {
        self.compression = compression
        self.baseOffset = baseOffset
    }

    package var isEmpty: Bool { recordCount == 0 }
    /// The largest timestamp so far; -1 where no record has one.
    package var largestTimestamp: Int64 { logAppendTimeMs ?? (isEmpty ? maxTimestampIfEmpty : maxTimestamp) }
    /// How large the batch is before compression.
    package var uncompressedBytes: Int { RecordLimits.batchHeaderBytes + records.count }

    /// The next record. `offset` nil: one more than the last, or `baseOffset`, or 0.
    package mutating func append(
        offset: Int64? = nil, timestamp: Int64, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?,
        headers: some Collection<RecordHeader>
    ) {
        let offset = beginRecord(offset, timestamp)
        let offsetDelta = Int32(truncatingIfNeeded: offset &- (baseOffset ?? offset))
        let timestampDelta = timestamp &- baseTimestamp
        var length =
            1 + Varint.size(timestampDelta) + Varint.size(Int64(offsetDelta)) + Varint.size(of: key)
            + Varint.size(of: value)
        length += Varint.size(Int64(headers.count))
        for header in headers { length += Varint.size(of: header.key) + Varint.size(of: header.value) }
        Varint.append(Int64(length), to: &records)
        records.append(0)
        Varint.append(timestampDelta, to: &records)
        Varint.append(Int64(offsetDelta), to: &records)
        Varint.append(bytes: key, to: &records)
        Varint.append(bytes: value, to: &records)
        Varint.append(Int64(headers.count), to: &records)
        for header in headers {
            Varint.append(bytes: header.key, to: &records)
            Varint.append(bytes: header.value, to: &records)
        }
    }

    /// A record without headers.
    package mutating func append(
        offset: Int64? = nil, timestamp: Int64, key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?
    ) {
        append(offset: offset, timestamp: timestamp, key: key, value: value, headers: EmptyCollection())
    }

    package mutating func append(offset: Int64? = nil, timestamp: Int64, key: [UInt8]?, value: [UInt8]?) {
        withBytes(of: key) { key in
            withBytes(of: value) { value in append(offset: offset, timestamp: timestamp, key: key, value: value) }
        }
    }

    /// A record of another batch under a new offset.
    package mutating func append(_ record: RecordView, offset: Int64) {
        append(
            offset: offset, timestamp: record.timestamp, key: record.key, value: record.value,
            headers: Array(record.headers))
    }

    private mutating func beginRecord(_ given: Int64?, _ timestamp: Int64) -> Int64 {
        let offset = given ?? (recordCount == 0 ? baseOffset ?? 0 : offsetOfLast &+ 1)
        if recordCount == 0 {
            if baseOffset == nil { baseOffset = offset }
            baseTimestamp = deleteHorizonMs ?? timestamp
        }
        recordCount += 1
        offsetOfLast = offset
        maxTimestamp = max(maxTimestamp, timestamp)
        return offset
    }

    /// The whole batch. It stays as it is, so more can be appended and built again.
    package func build() throws(RecordError) -> [UInt8] {
        var batch: [UInt8] = []
        batch.reserveCapacity(uncompressedBytes)
        appendHeader(to: &batch)
        // Typed throws do not pass through the closures of arrays: hence the detour.
        let outcome = records.withUnsafeBytes { bytes in
            Result { () throws(RecordError) in try compression.pack(bytes, into: &batch) }
        }
        try outcome.get()
        guard batch.count <= Int(Int32.max) else {
            throw RecordError(.messageTooLarge, "a batch of \(batch.count) bytes is more than its length field can say")
        }
        batch.withUnsafeMutableBytes { bytes in
            let length = Int32(bytes.count - RecordLimits.logOverheadBytes)
            bytes.storeBytes(of: length.bigEndian, toByteOffset: RecordBatchHeader.Field.length, as: Int32.self)
            BatchEditor.writeCRC(of: bytes)
        }
        return batch
    }

    private func appendHeader(to batch: inout [UInt8]) {
        let base = baseOffset ?? 0
        batch.appendBig(base)
        batch.appendBig(Int32(0))
        batch.appendBig(partitionLeaderEpoch)
        batch.append(2)
        batch.appendBig(UInt32(0))
        batch.appendBig(attributes)
        batch.appendBig(Int32(truncatingIfNeeded: (lastOffset ?? max(offsetOfLast, base)) &- base))
        batch.appendBig(deleteHorizonMs ?? baseTimestamp)
        batch.appendBig(largestTimestamp)
        batch.appendBig(producerId)
        batch.appendBig(producerEpoch)
        batch.appendBig(baseSequence)
        batch.appendBig(recordCount)
    }

    private var attributes: Int16 {
        typealias Attribute = RecordBatchHeader.Attribute
        var attributes = Int16(compression.type.rawValue)
        if logAppendTimeMs != nil { attributes |= Attribute.timestampType }
        if isTransactional { attributes |= Attribute.transactional }
        if isControl { attributes |= Attribute.control }
        if deleteHorizonMs != nil { attributes |= Attribute.deleteHorizon }
        return attributes
    }
}

/// The bytes of an array, or nil for none.
func withBytes<T>(of array: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> T) -> T {
    guard let array else { return body(nil) }
    return array.withUnsafeBytes { body($0) }
}
