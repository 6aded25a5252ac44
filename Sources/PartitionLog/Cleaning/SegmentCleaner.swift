internal import Files
internal import KafkaRecords

/// Rewrites a group of segments into one without the records that newer ones replace (Kafka's Cleaner). A batch of which everything
/// stays is copied as it is.
struct SegmentCleaner {
    let map: OffsetMap
    let nowMs: Int64
    let configuration: LogConfiguration
    /// The last data offset and the epoch of each producer that is known: their last batches stay, if only as empty ones, so that
    /// a start finds the sequences again.
    let producers: [Int64: ProducerEntry]
    /// The end of what is cleaned: the batch that ends there stays too, so that no offset is given twice.
    let endOffset: Int64
    /// What is read and written at a time.
    let bufferBytes: Int
    var transactions = CleanedTransactions()
    private(set) var bytesRead = 0
    private(set) var bytesWritten = 0

    init(
        map: OffsetMap, nowMs: Int64, configuration: LogConfiguration, producers: [Int64: ProducerEntry], endOffset: Int64,
        aborted: [AbortedTransaction], bufferBytes: Int
    ) {
        transactions.add(aborted)
        self.map = map
        self.nowMs = nowMs
        self.configuration = configuration
        self.producers = producers
        self.endOffset = endOffset
        self.bufferBytes = bufferBytes
    }

    /// `target` is new and empty; it is complete, but not yet on the disk, when this returns.
    mutating func clean(
        _ group: [Segment], into target: Segment, _ moved: (Int) throws(LogError) -> Void
    ) throws(LogError) {
        var output = CleanedOutput(target: target, interval: configuration.indexIntervalBytes, bufferBytes: bufferBytes)
        _ = try target.openLog(create: true)
        for segment in group {
            let size = segment.size
            // Magic 0 and 1 have no delete horizon: their tombstones stay for delete.retention.ms after the segment was written.
            let keepsLegacyTombstones = segment.createdMs > nowMs - configuration.deleteRetentionMs
            let end = try segment.walkBatches(from: 0, to: size, window: bufferBytes) { batch, header, _ throws(LogError) in
                let before = output.count
                try clean(batch, header, &output, keepsLegacyTombstones)
                try moved(header.sizeInBytes + output.count - before)
                return true
            }
            guard end == size else {
                throw LogError(.corruptMessage, "\(segment.log.path): no record batch at byte \(end)")
            }
            bytesRead += size
        }
        try output.flush()
        bytesWritten += target.size
        try target.finish()
    }

    private mutating func clean(
        _ batch: BatchView, _ header: RecordBatchHeader, _ output: inout CleanedOutput, _ keepsLegacyTombstones: Bool
    ) throws(LogError) {
        let target = output.target
        var mayDiscard: Bool, lacksRecords = false
        if header.isControl {
            mayDiscard = try transactions.mayDiscard(header, marker: EndTransactionMarker(batch.bytes, header)) {
                transaction throws(LogError) in try target.abortIndex.append(transaction)
            }
            lacksRecords = mayDiscard
            // A marker goes when its delete horizon has passed, so that nobody reads its transaction's records without it.
            if let horizon = header.deleteHorizonMs { mayDiscard = mayDiscard && horizon <= nowMs } else { mayDiscard = false }
        } else {
            mayDiscard = transactions.isAborted(header)
        }
        var filter = RecordFilter(map: map, nowMs: nowMs, keepsLegacyTombstones: keepsLegacyTombstones)
        try readable(header) { () throws(RecordError) in if !mayDiscard { try filter.look(at: batch, header) } }
        if filter.kept == 0 {
            if mustKeepEmpty(header) { try output.append(EmptyBatch.bytes(of: batch.bytes)) }
            return
        }
        let needsHorizon = (filter.hasTombstones || lacksRecords) && !header.isLegacy && !header.hasDeleteHorizon
        // A message of magic 0 or 1 stays whole if anything in it stays.
        if (filter.keepsAll && !needsHorizon) || header.isLegacy { return try output.append(batch.bytes) }
        let horizon = needsHorizon ? nowMs &+ configuration.deleteRetentionMs : header.deleteHorizonMs
        let rebuilt = try readable(header) { () throws(RecordError) in
            try filter.rebuild(batch, header, deleteHorizonMs: horizon)
        }
        try output.append(rebuilt)
    }

    private func readable<R>(_ header: RecordBatchHeader, _ body: () throws(RecordError) -> R) throws(LogError) -> R {
        do throws(RecordError) {
            return try body()
        } catch {
            throw LogError(.corruptMessage, "cannot clean the batch at offset \(header.baseOffset): \(error)")
        }
    }

    private func mustKeepEmpty(_ header: RecordBatchHeader) -> Bool {
        guard !header.isLegacy else { return false }
        if header.nextOffset == endOffset { return true }
        guard header.hasProducerId, let entry = producers[header.producerId] else { return false }
        if let last = entry.lastBatch { return header.lastOffset == last.lastOffset }
        return header.isControl && header.producerEpoch == entry.epoch
    }
}

/// Which records of a batch stay.
private struct RecordFilter {
    let map: OffsetMap
    let nowMs: Int64
    let keepsLegacyTombstones: Bool
    private(set) var kept = 0
    private(set) var total = 0
    private(set) var hasTombstones = false

    init(map: OffsetMap, nowMs: Int64, keepsLegacyTombstones: Bool) {
        self.map = map
        self.nowMs = nowMs
        self.keepsLegacyTombstones = keepsLegacyTombstones
    }

    var keepsAll: Bool { kept == total }

    mutating func look(at batch: BatchView, _ header: RecordBatchHeader) throws(RecordError) {
        try RecordScratch.borrow { scratch throws(RecordError) in
            var records = try batch.records(scratch: scratch)
            while let record = try records.next() {
                total += 1
                guard stays(record, header) else { continue }
                kept += 1
                if record.value == nil, !header.isControl { hasTombstones = true }
            }
        }
    }

    private func stays(_ record: RecordView, _ header: RecordBatchHeader) -> Bool {
        if header.isControl || record.offset > map.latestOffset { return true }
        // A record without a key has no place in a compacted topic.
        guard let key = record.key, record.offset >= map.offset(of: key) else { return false }
        if record.value != nil { return true }
        if header.isLegacy { return keepsLegacyTombstones }
        guard let horizon = header.deleteHorizonMs else { return true }
        return nowMs < horizon
    }

    /// The batch with those records alone; its range of offsets, its producer and its codec stay.
    func rebuild(
        _ batch: BatchView, _ header: RecordBatchHeader, deleteHorizonMs: Int64?
    ) throws(RecordError) -> [UInt8] {
        var builder = RecordBatchBuilder(
            compression: Compression(header.compression ?? .none), baseOffset: header.baseOffset)
        builder.partitionLeaderEpoch = header.partitionLeaderEpoch
        builder.producerId = header.producerId
        builder.producerEpoch = header.producerEpoch
        builder.baseSequence = header.baseSequence
        builder.isTransactional = header.isTransactional
        builder.isControl = header.isControl
        builder.logAppendTimeMs = header.timestampType == .logAppendTime ? header.maxTimestamp : nil
        builder.deleteHorizonMs = deleteHorizonMs
        builder.lastOffset = header.lastOffset
        try RecordScratch.borrow { scratch throws(RecordError) in
            var records = try batch.records(scratch: scratch)
            while let record = try records.next() {
                if stays(record, header) { builder.append(record, offset: record.offset) }
            }
        }
        return try builder.build()
    }
}

/// A batch without records, which keeps offsets and a producer's last sequence (Kafka's writeEmptyHeader).
enum EmptyBatch {
    static func bytes(of batch: UnsafeRawBufferPointer) -> [UInt8] {
        var bytes = Array(batch[..<RecordBatchHeader.size])
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: Int32(RecordBatchHeader.size - 12).bigEndian, toByteOffset: 8, as: Int32.self)
            // No codec, no delete horizon.
            let attributes = Int16(bigEndian: buffer.loadUnaligned(fromByteOffset: 21, as: Int16.self)) & ~0x47
            buffer.storeBytes(of: attributes.bigEndian, toByteOffset: 21, as: Int16.self)
            buffer.storeBytes(of: Int64(-1).bigEndian, toByteOffset: 27, as: Int64.self)
            buffer.storeBytes(of: Int32(0).bigEndian, toByteOffset: 57, as: Int32.self)
            let crc = crc32c(UnsafeRawBufferPointer(rebasing: buffer[21...]))
            buffer.storeBytes(of: crc.bigEndian, toByteOffset: 17, as: UInt32.self)
        }
        return bytes
    }
}

/// The new segment as it grows: batches gathered in memory, written in large pieces, and indexed.
struct CleanedOutput {
    let target: Segment
    private var builder: IndexBuilder
    private var bytes: [UInt8] = []
    private let bufferBytes: Int

    /// Bytes so far.
    var count: Int { target.size + bytes.count }

    init(target: Segment, interval: Int, bufferBytes: Int) {
        self.target = target
        self.bufferBytes = bufferBytes
        builder = IndexBuilder(segment: target, interval: interval)
    }

    mutating func append(_ batch: [UInt8]) throws(LogError) {
        // Typed throws do not pass through the closures of arrays: hence the detour.
        let outcome = batch.withUnsafeBytes { buffer in Result { () throws(LogError) in try append(buffer) } }
        try outcome.get()
    }

    mutating func append(_ batch: UnsafeRawBufferPointer) throws(LogError) {
        if let header = RecordBatchHeader(batch) { try builder.add(header, at: target.size + bytes.count) }
        bytes += batch
        if bytes.count >= bufferBytes { try flush() }
    }

    mutating func flush() throws(LogError) {
        guard !bytes.isEmpty else { return }
        let position = target.size
        let file = try target.openLog()
        try storage { () throws(FileError) in try file.write(bytes, at: Int64(position)) }
        target.setSize(position + bytes.count)
        bytes.removeAll(keepingCapacity: true)
    }
}
