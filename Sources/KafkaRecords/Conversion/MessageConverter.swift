/// Between formats: what old producers send becomes magic 2, what old consumers read becomes magic 0 or 1.
package enum MessageConverter {
    // MARK: up

    /// One batch of magic 2 out of everything that was found, packed as the topic wants it. Records are checked on the
    /// way as they are in place (LogValidator.convertAndAssignOffsetsNonCompressed and buildRecordsAndAssignOffsets).
    /// The first offset is 0 here.
    static func rewrite(
        _ bytes: UnsafeMutableRawBufferPointer, _ found: RecordValidator.Found, compression: Compression,
        validator: RecordValidator
    ) throws(RecordError) -> ValidatedRecords? {
        let first = found.first.header
        let isAppendTime = validator.rules.timestampType == .logAppendTime
        var builder = RecordBatchBuilder(compression: compression, baseOffset: 0)
        builder.producerId = first.producerId
        builder.producerEpoch = first.producerEpoch
        builder.baseSequence = first.baseSequence
        builder.isTransactional = first.isTransactional
        builder.logAppendTimeMs = isAppendTime ? validator.nowMs : nil
        builder = try RecordScratch.borrow { (scratch) throws(RecordError) in
            var builder = builder
            var batches = RecordBatches(UnsafeRawBufferPointer(bytes))
            while let batch = try batches.next() {
                guard batch.magic == first.magic else { throw otherMagic(batch.magic, first.magic) }
                try append(batch, to: &builder, validator, scratch)
            }
            return builder
        }
        // A coordinator's empty batch; a client's was refused.
        guard !builder.isEmpty else { return nil }
        let batch = try builder.build()
        guard batch.count <= validator.rules.maxMessageBytes else {
            throw RecordValidator.tooLarge(batch.count, validator.rules)
        }
        return ValidatedRecords(
            validBytes: found.validBytes, rewritten: batch, recordCount: Int(builder.recordCount),
            maxTimestamp: builder.largestTimestamp, logAppendTimeMs: isAppendTime ? validator.nowMs : NoValue.timestamp)
    }

    private static func append(
        _ batch: BatchView, to builder: inout RecordBatchBuilder, _ validator: RecordValidator, _ scratch: RecordScratch
    ) throws(RecordError) {
        guard let header = batch.header else { throw batch.tooShort }
        var checks = RecordChecks(validator, header)
        let largest = header.compression == CompressionType.none ? Int.max : validator.rules.maxDecompressedMessageBytes
        var records = try batch.records(scratch: scratch)
        while let record = try records.next() {
            guard record.magic == batch.magic else {
                throw RecordError(
                    .invalidRecord, "a message of magic \(record.magic) inside one of magic \(batch.magic)")
            }
            guard record.sizeInBytes <= largest else {
                throw RecordError(.invalidRecord, "invalid record size \(record.sizeInBytes) in a compressed batch")
            }
            guard record.hasValidChecksum else {
                throw RecordError(
                    .corruptMessage, "message \(record.offset) inside a compressed one is corrupt: its crc is wrong")
            }
            checks.check(offset: record.offset, timestamp: record.timestamp, hasKey: record.key != nil)
            builder.append(record, offset: Int64(builder.recordCount))
        }
        try checks.finish()
    }

    private static func otherMagic(_ magic: Int8, _ first: Int8) -> RecordError {
        RecordError(.invalidRecord, "Batch magic \(magic) is not the same as the first batch's magic byte \(first)")
    }
}

extension MessageConverter {
    /// What a consumer reads whose Fetch version knows nothing above `magic` (0 in versions 0 and 1, 1 in versions 2
    /// and 3): batches of newer magic become messages of that one. Headers, producers and control batches have no
    /// place there and are left out; zstd has none either and is an error (Kafka's RecordsUtil.downConvert).
    ///
    /// - Parameter firstOffset: from where the consumer reads; records before it in an uncompressed batch are left
    ///   out.
    /// - Returns: whole messages, none where all of it was control batches. What is cut off at the end of `records` is
    ///   left out.
    package static func downConvert(
        _ records: UnsafeRawBufferPointer, to magic: Int8, firstOffset: Int64, scratch: RecordScratch
    ) throws(RecordError) -> [UInt8] {
        try convertAll(records, to: magic, firstOffset: firstOffset, scratch: scratch).messages
    }

    /// The same in the size in which Kafka sends it: that of the records as they are stored, or of the first batch once
    /// converted where that is larger. What does not fit is cut off; what is missing is filled with the head of a batch that
    /// claims to be longer than the answer, which clients take for one that was cut (LazyDownConversionRecordsSend).
    package static func downConvertToSize(
        _ records: UnsafeRawBufferPointer, to magic: Int8, firstOffset: Int64, scratch: RecordScratch
    ) throws(RecordError) -> [UInt8] {
        var (messages, first) = try convertAll(records, to: magic, firstOffset: firstOffset, scratch: scratch)
        guard first > 0 else { return [] }
        let size = max(records.count, first)
        if messages.count > size { messages.removeLast(messages.count - size) }
        let missing = size - messages.count
        guard missing > 0 else { return messages }
        let claimed = Int32(clamping: max(missing + 1, RecordLimits.batchHeaderBytes))
        var filler = [UInt8](repeating: 0xff, count: 8)
        withUnsafeBytes(of: claimed.bigEndian) { filler += $0 }
        messages += filler.prefix(missing)
        messages += repeatElement(0, count: max(0, missing - filler.count))
        return messages
    }

    /// Every batch, and how many bytes the first of them came to that left anything.
    private static func convertAll(
        _ records: UnsafeRawBufferPointer, to magic: Int8, firstOffset: Int64, scratch: RecordScratch
    ) throws(RecordError) -> (messages: [UInt8], firstBatchBytes: Int) {
        var output: [UInt8] = []
        var first = 0
        var batches = RecordBatches(records)
        while let batch = try batches.next() {
            guard let header = batch.header else { throw batch.tooShort }
            if header.isControl { continue }
            guard header.compression != .zstd else {
                throw RecordError(
                    .unsupportedCompressionType, "Down-conversion of zstandard-compressed batches is not supported")
            }
            if header.magic <= magic {
                output.append(contentsOf: batch.bytes)
            } else {
                try convert(batch, header, to: magic, firstOffset: firstOffset, scratch: scratch, into: &output)
            }
            if first == 0 { first = output.count }
        }
        return (output, first)
    }

    private static func convert(
        _ batch: BatchView, _ header: RecordBatchHeader, to magic: Int8, firstOffset: Int64, scratch: RecordScratch,
        into output: inout [UInt8]
    ) throws(RecordError) {
        let codec = try header.requireCompression()
        let logAppendTimeMs = header.timestampType == .logAppendTime ? header.maxTimestamp : nil
        var builder: MessageSetBuilder?
        var records = try batch.records(scratch: scratch)
        while let record = try records.next() {
            // Of a packed batch the consumer gets all and skips what it has, as it always did.
            guard codec != .none || record.offset >= firstOffset else { continue }
            if builder == nil {
                builder = MessageSetBuilder(
                    magic: magic, compression: Compression(codec), logAppendTimeMs: logAppendTimeMs,
                    baseOffset: record.offset)
            }
            builder?.append(record)
        }
        try builder?.finish(into: &output)
    }
}
