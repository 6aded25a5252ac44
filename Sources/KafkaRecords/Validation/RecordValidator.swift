/// Who appends, as in Kafka's AppendOrigin: clients are held to more than the broker's own coordinators.
package enum AppendOrigin: Sendable {
    case client
    case coordinator
    case raftLeader
    /// A follower takes over what the leader checked: only splitting and checksums are looked at, nothing is written.
    case replication
}

/// What a topic's configuration says about what may be appended.
package struct AppendRules: Sendable {
    /// `message.timestamp.type`.
    package var timestampType = TimestampType.createTime
    /// `message.timestamp.before.max.ms` and `.after.max.ms`.
    package var timestampBeforeMaxMs = Int64.max
    package var timestampAfterMaxMs: Int64 = 3_600_000
    /// `cleanup.policy` has `compact`: every record needs a key.
    package var isCompacted = false
    /// `compression.type` with its level; nil is `producer`, which leaves every batch as it came.
    package var compression: Compression?
    /// `max.message.bytes`: of a whole batch.
    package var maxMessageBytes = 1_048_588
    /// `max.decompressed.message.bytes`: of one record in a compressed batch (Kafka 4.4).
    package var maxDecompressedMessageBytes = 2_147_483_639

    package init() {}
}

/// Checks what somebody wants to append and makes it fit for the log, as Kafka's UnifiedLog.analyzeAndValidateRecords
/// and LogValidator do together: sizes, checksums, every record, timestamps, compression, old formats.
///
/// All of it happens where the bytes lie, without memory, for a batch of magic 2 that keeps its compression. A batch
/// that is compressed is unpacked through a window to look at its records, and its bytes stay. Offsets are given
/// later, by `ValidatedRecords.assign`: they stand outside the checksum, so a log need not be locked while a batch is
/// checked.
package struct RecordValidator {
    let rules: AppendRules
    let origin: AppendOrigin
    let nowMs: Int64

    package init(rules: AppendRules, origin: AppendOrigin, nowMs: Int64) {
        self.rules = rules
        self.origin = origin
        self.nowMs = nowMs
    }

    /// What a produce request of this version may hold for a partition; version 3 and later: exactly one batch, of
    /// magic 2. Kafka checks this before anything else (ProduceRequest.validateRecords).
    package static func checkProduceRequest(_ records: UnsafeRawBufferPointer, version: Int16) throws(RecordError) {
        guard version >= 3 else { return }
        var batches = RecordBatches(records)
        guard let first = try batches.next() else {
            throw RecordError(
                .invalidRecord,
                "Produce requests with version \(version) must have at least one record batch per partition")
        }
        guard first.magic == 2 else {
            throw RecordError(
                .invalidRecord,
                "Produce requests with version \(version) are only allowed to contain record batches "
                    + "with magic version 2"
            )
        }
        if version < 7, first.header?.compression == .zstd {
            throw RecordError(
                .unsupportedCompressionType,
                "Produce requests with version \(version) are not allowed to use ZStandard compression")
        }
        guard try batches.next() == nil else {
            throw RecordError(
                .invalidRecord,
                "Produce requests with version \(version) are only allowed to contain exactly one record batch "
                    + "per partition"
            )
        }
    }

    /// Checks everything and writes timestamps where the topic's are append times. nil where there is no whole batch
    /// at all, which Kafka takes for nothing to append (an empty message set of produce versions 0 to 2).
    package func validate(_ records: UnsafeMutableRawBufferPointer) throws(RecordError) -> ValidatedRecords? {
        guard let found = try analyze(UnsafeRawBufferPointer(records)) else { return nil }
        if origin == .replication {
            return ValidatedRecords(
                validBytes: found.validBytes, recordCount: 0, maxTimestamp: found.maxTimestamp,
                logAppendTimeMs: NoValue.timestamp)
        }
        let bytes = UnsafeMutableRawBufferPointer(rebasing: records[..<found.validBytes])
        // Plain messages of magic 0 and 1 are a batch each; of the rest there may be one.
        if found.batchCount > 1, !found.first.header.isLegacy || found.compression != .none {
            throw RecordError(.invalidRecord, "Compressed outer record has more than one batch")
        }
        let target = rules.compression ?? Compression(found.compression)
        if found.first.header.isLegacy {
            return try MessageConverter.rewrite(bytes, found, compression: target, validator: self)
        }
        try checkBatch(found.first.header)
        // Control records are packed by nobody but their writer.
        let keepsPacking =
            target.type == found.compression || (found.compression == .none && found.first.header.isControl)
        guard keepsPacking else {
            return try MessageConverter.rewrite(bytes, found, compression: target, validator: self)
        }
        return try validateInPlace(bytes, found)
    }

    // MARK: batches

    struct Found {
        var first: (batch: BatchView, header: RecordBatchHeader)
        var batchCount: Int
        var validBytes: Int
        /// The last batch's that has one; the others have none.
        var compression: CompressionType
        var maxTimestamp: Int64
    }

    /// Splits the bytes and checks each batch as a whole, in the order in which Kafka does.
    private func analyze(_ records: UnsafeRawBufferPointer) throws(RecordError) -> Found? {
        var batches = RecordBatches(records)
        var found: Found?
        var maxTimestamp = NoValue.timestamp
        while let batch = try batches.next() {
            guard let unchecked = batch.header else { throw batch.tooShort }
            if origin == .client, !unchecked.isLegacy, unchecked.baseOffset != 0 {
                throw RecordError(
                    .invalidRecord, "the baseOffset of the record batch should be 0, but it is \(unchecked.baseOffset)")
            }
            // What a leader took its followers take, and the metadata log has no such bound.
            if origin == .client || origin == .coordinator, batch.bytes.count > rules.maxMessageBytes {
                throw RecordValidator.tooLarge(batch.bytes.count, rules)
            }
            let header = try batch.validHeader()
            let compression = try header.requireCompression()
            if found == nil {
                found = Found(
                    first: (batch, header), batchCount: 0, validBytes: 0, compression: .none,
                    maxTimestamp: NoValue.timestamp)
            }
            if compression != .none { found?.compression = compression }
            found?.batchCount += 1
            maxTimestamp = max(maxTimestamp, header.maxTimestamp)
            found?.maxTimestamp = maxTimestamp
            found?.validBytes = batches.position
        }
        return found
    }

    static func tooLarge(_ size: Int, _ rules: AppendRules) -> RecordError {
        RecordError(
            .messageTooLarge,
            "the record batch is \(size) bytes, which exceeds the maximum configured value of \(rules.maxMessageBytes)")
    }

    /// What a batch of magic 2 may claim when a client sends it (LogValidator.validateBatch).
    func checkBatch(_ header: RecordBatchHeader) throws(RecordError) {
        guard origin == .client, !header.isLegacy else { return }
        let range = header.lastOffset &- header.baseOffset &+ 1
        guard range > 0 else {
            throw RecordError(
                .invalidRecord, "Batch has an invalid offset range: [\(header.baseOffset), \(header.lastOffset)]")
        }
        guard header.recordCount > 0 else {
            throw RecordError(.invalidRecord, "Invalid reported count for record batch: \(header.recordCount)")
        }
        guard range == Int64(header.recordCount) else {
            throw RecordError(
                .invalidRecord,
                "Inconsistent batch offset range [\(header.baseOffset), \(header.lastOffset)] "
                    + "and count of records \(header.recordCount)"
            )
        }
        guard !header.isControl else {
            throw RecordError(.invalidRecord, "Clients are not allowed to write control records")
        }
        if header.hasProducerId && header.baseSequence < 0 {
            throw RecordError(
                .invalidRecord,
                "Invalid sequence number \(header.baseSequence) in record batch with producerId \(header.producerId)")
        }
    }

    // MARK: in place

    private func validateInPlace(
        _ bytes: UnsafeMutableRawBufferPointer, _ found: Found
    ) throws(RecordError) -> ValidatedRecords {
        let (batch, header) = found.first
        var checks = RecordChecks(self, header)
        if found.compression == .none {
            try checks.walk(batch.payload, of: header)
        } else {
            let codec = found.compression
            let limit = rules.maxDecompressedMessageBytes
            checks = try RecordScratch.borrow { (scratch) throws(RecordError) in
                var checks = checks
                var walk = try PackedWalk(batch.payload, codec: codec, unpacker: scratch.unpacker, largestRecord: limit)
                try checks.walk(&walk, of: header)
                return checks
            }
        }
        try checks.finish()
        let isAppendTime = rules.timestampType == .logAppendTime
        let maxTimestamp = isAppendTime ? nowMs : checks.maxTimestamp
        BatchEditor.setMaxTimestamp(maxTimestamp, type: rules.timestampType, of: bytes)
        return ValidatedRecords(
            validBytes: found.validBytes, recordCount: checks.count, maxTimestamp: maxTimestamp,
            logAppendTimeMs: isAppendTime ? nowMs : NoValue.timestamp)
    }
}
