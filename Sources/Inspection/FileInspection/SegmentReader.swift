internal import Files
internal import KafkaRecords

/// What a file of batches is read for.
struct SegmentReading {
    var family = RecordFamily.plain
    /// Whether batches are told of, and records too.
    var showsBatches = true
    var showsRecords = true
    /// The offset in the file's name; nil for a snapshot, whose offsets count from 0.
    var baseOffset: Int64?
    /// Somebody writes to it at this moment: a batch at its end may not be complete yet.
    var isGrowing = false
    var depth = 0
}

/// Reads a segment (`.log`) or a snapshot of metadata (`.checkpoint`): every batch, every record, every checksum.
struct SegmentReader {
    let file: File
    let size: Int64
    let reading: SegmentReading
    let findings: Findings

    /// What the file has, once it was read.
    struct Summary {
        var batches = 0
        var records: Int64 = 0
        var firstOffset: Int64 = -1
        var nextOffset: Int64 = -1
        var maxTimestamp: Int64 = -1
        var goodBytes: Int64 = 0
    }

    func read() throws(FileError) -> Summary {
        var summary = Summary()
        let stream = BatchStream(file, size: size)
        let scratch = RecordScratch()
        while true {
            switch try stream.next() {
            case .end:
                summary.goodBytes = stream.position
                return summary
            case .broken(let position, let reason):
                summary.goodBytes = position
                tellBroken(position, reason)
                return summary
            case .batch(let batch, let position): show(batch, position, scratch, &summary)
            }
        }
    }

    private func tellBroken(_ position: Int64, _ reason: String) {
        if reading.isGrowing {
            return findings.note(
                "not complete yet: \(reason)", depth: reading.depth,
                ["file": .text(file.path), "position": Shown(position)])
        }
        findings.problem(
            reason, depth: reading.depth, ["file": .text(file.path), "position": Shown(position), "size": Shown(size)])
    }

    private func show(_ batch: BatchView, _ position: Int64, _ scratch: RecordScratch, _ summary: inout Summary) {
        guard let header = batch.header else {
            return fault("a batch of \(batch.bytes.count) bytes is shorter than its head", position)
        }
        let fault = Self.fault(of: batch)
        if reading.showsBatches { findings.tell(fact(header, position, isValid: fault == nil)) }
        if let fault { self.fault(fault, position) }
        check(header, position, summary)
        summary.batches += 1
        if summary.firstOffset < 0 { summary.firstOffset = header.baseOffset }
        summary.nextOffset = max(summary.nextOffset, header.nextOffset)
        summary.maxTimestamp = max(summary.maxTimestamp, header.maxTimestamp)
        guard fault == nil else { return }
        do throws(RecordError) {
            try showRecords(batch, header, scratch, &summary)
        } catch {
            self.fault("\(error)", position)
        }
    }

    private static func fault(of batch: BatchView) -> String? {
        do throws(RecordError) {
            try batch.ensureValid()
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func fault(_ reason: String, _ position: Int64) {
        findings.problem(reason, depth: reading.depth, ["file": .text(file.path), "position": Shown(position)])
    }

    private func check(_ header: RecordBatchHeader, _ position: Int64, _ summary: Summary) {
        guard !header.isLegacy else { return }
        if header.lastOffset < header.baseOffset {
            fault("the batch ends at offset \(header.lastOffset), before it begins (\(header.baseOffset))", position)
        }
        if header.baseOffset < summary.nextOffset {
            fault(
                "the batch begins at offset \(header.baseOffset), the one before it ends at \(summary.nextOffset - 1)",
                position)
        }
        if let base = reading.baseOffset, header.baseOffset < base {
            fault("the batch's offset \(header.baseOffset) is below the one in the file's name", position)
        }
    }

    private func showRecords(
        _ batch: BatchView, _ header: RecordBatchHeader, _ scratch: RecordScratch, _ summary: inout Summary
    ) throws(RecordError) {
        var records = try batch.records(scratch: scratch)
        var count: Int32 = 0
        while let record = try records.next() {
            count &+= 1
            summary.records += 1
            if record.offset < header.baseOffset && !header.isLegacy || record.offset > header.lastOffset {
                throw RecordError(.invalidRecord, "a record with offset \(record.offset), outside of its batch")
            }
            if reading.showsRecords { findings.tell(fact(record, header)) }
            if !reading.showsRecords, let fault = decodingFault(record, header) {
                throw RecordError(.invalidRecord, fault)
            }
        }
        if header.recordCount >= 0, count != header.recordCount {
            throw RecordError(.invalidRecord, "\(count) records where the batch says \(header.recordCount)")
        }
    }

    // MARK: facts

    /// With the names that Kafka's dump-log has for them.
    private func fact(_ header: RecordBatchHeader, _ position: Int64, isValid: Bool) -> Fact {
        var fact = Fact(
            "batch", depth: reading.depth,
            [
                "baseOffset": Shown(header.baseOffset), "lastOffset": Shown(header.lastOffset),
                "count": Shown(header.recordCount),
                "position": Shown(position), "size": Shown(header.sizeInBytes), "magic": Shown(header.magic),
                "compression": .text(header.compression?.name ?? "unknown(\(header.codecNumber))"),
                "timestampType": .text(header.timestampType == .createTime ? "CreateTime" : "LogAppendTime"),
                "maxTimestamp": Shown(header.maxTimestamp),
            ])
        if !header.isLegacy {
            fact.add("partitionLeaderEpoch", Shown(header.partitionLeaderEpoch))
            fact.add("producerId", Shown(header.producerId))
            fact.add("producerEpoch", Shown(header.producerEpoch))
            fact.add("baseSequence", Shown(header.baseSequence))
            fact.add("lastSequence", Shown(header.lastSequence))
            fact.add("isTransactional", .flag(header.isTransactional))
            fact.add("isControl", .flag(header.isControl))
            if let horizon = header.deleteHorizonMs { fact.add("deleteHorizonMs", Shown(horizon)) }
        }
        fact.add("crc", Shown(header.crc))
        fact.add("isValid", .flag(isValid))
        return fact
    }

    private func fact(_ record: RecordView, _ header: RecordBatchHeader) -> Fact {
        var fact = Fact(
            "record", depth: reading.depth + 1, ["offset": Shown(record.offset), "timestamp": Shown(record.timestamp)])
        if record.sequence >= 0 { fact.add("sequence", Shown(record.sequence)) }
        if header.isControl {
            for field in ControlRecords.show(key: record.key, value: record.value) { fact.add(field.name, field.value) }
        } else if let decoded = decoded(record) {
            switch decoded {
            case .success(let fields): for field in fields { fact.add(field.name, field.value) }
            case .failure(let error):
                fact.add("fault", .text(error.reason))
                addPlain(record, to: &fact)
                findings.problem(
                    error.reason, depth: reading.depth, ["file": .text(file.path), "offset": Shown(record.offset)])
            }
        } else {
            addPlain(record, to: &fact)
        }
        return fact
    }

    private func addPlain(_ record: RecordView, to fact: inout Fact) {
        fact.add("keySize", Shown(record.key?.count ?? -1))
        fact.add("valueSize", Shown(record.value?.count ?? -1))
        fact.add("key", record.key?.readable ?? .nothing)
        fact.add("value", record.value?.readable ?? .nothing)
        guard record.headers.count > 0 else { return }
        fact.add(
            "headers",
            .list(
                record.headers.map { header in
                    .fields([Field("key", header.key.readable), Field("value", header.value?.readable ?? .nothing)])
                }))
    }

    struct DecodingFault: Error {
        var reason: String
    }

    /// The record in the words of the topic that it belongs to; nil where it is one of a user's.
    private func decoded(_ record: RecordView) -> Result<[Field], DecodingFault>? {
        switch reading.family {
        case .plain: return nil
        case .clusterMetadata:
            guard let value = record.value else {
                return .failure(DecodingFault(reason: "a metadata record without a value"))
            }
            return MetadataRecords.show(value).mapError { DecodingFault(reason: "\($0)") }
        case .consumerOffsets, .transactionState, .shareState:
            guard let key = record.key else {
                return .failure(DecodingFault(reason: "a coordinator's record without a key"))
            }
            // A newer release's type: it is shown as it stands.
            guard let type = CoordinatorRecordType.find(key, in: reading.family) else { return nil }
            return type.show(key: key, value: record.value).mapError { DecodingFault(reason: "\(type.name): \($0)") }
        }
    }

    private func decodingFault(_ record: RecordView, _ header: RecordBatchHeader) -> String? {
        guard !header.isControl, case .failure(let fault) = decoded(record) else { return nil }
        return fault.reason
    }
}
