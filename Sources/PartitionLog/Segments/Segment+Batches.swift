internal import Files
internal import KafkaRecords

/// Walks over a segment's batches: by their heads alone, or whole.
extension Segment {
    /// Shows each head from `position` on, until the visitor says false or `limit` is reached. What does not look like a batch
    /// there is an error: below a published end everything was checked when it was written.
    func walkHeaders(
        from start: Int, to limit: Int, mayWait: Bool = true,
        _ visit: (_ header: RecordBatchHeader, _ position: Int) throws(LogError) -> Bool
    ) throws(LogError) {
        let file = try openLog()
        let windowBytes = LogLimits.headerWindowBytes
        let result = withUnsafeTemporaryAllocation(byteCount: LogLimits.headerWindowBytes, alignment: 16) { buffer -> Result<Void, LogError> in
            do throws(LogError) {
                var position = start, from = start, count = 0
                while position < limit {
                    if position + RecordBatchHeader.size > from + count, from + count < limit || position >= from + count {
                        from = position
                        count = min(windowBytes, limit - position)
                        try file.fill(.init(rebasing: buffer[..<count]), at: Int64(from), mayWait: mayWait)
                    }
                    let bytes = UnsafeRawBufferPointer(rebasing: buffer[(position - from)..<count])
                    guard let header = RecordBatchHeader(bytes), header.hasPossibleSize,
                        header.sizeInBytes <= limit - position
                    else { throw corruption(at: position) }
                    guard try visit(header, position) else { return .success(()) }
                    position += header.sizeInBytes
                }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Where the batch stands that holds the offset, or the next one where none does (compaction leaves gaps); nil past `limit`.
    func find(_ offset: Int64, before limit: Int, mayWait: Bool) throws(LogError) -> BatchPlace? {
        let start = min(try offsetIndex.floor(offset, mayWait: mayWait).position, limit)
        var found: BatchPlace?
        try walkHeaders(from: start, to: limit, mayWait: mayWait) { header, position throws(LogError) in
            guard header.lastOffset >= offset else { return true }
            found = BatchPlace(header, at: position)
            return false
        }
        return found
    }

    /// Hands out whole batches from `start` on, until the visitor says false, `limit` is reached, or what stands there is no whole
    /// batch; where that was. The checksum is not looked at.
    func walkBatches(
        from start: Int, to limit: Int, window: Int = LogLimits.scanWindowBytes,
        _ visit: (_ batch: BatchView, _ header: RecordBatchHeader, _ position: Int) throws(LogError) -> Bool
    ) throws(LogError) -> Int {
        let file = try openLog()
        var buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(1, min(limit - start, window)), alignment: 16)
        defer { buffer.deallocate() }
        var position = start, from = start, count = 0
        while position < limit {
            let here = UnsafeRawBufferPointer(rebasing: buffer[(position - from)..<count])
            let size = BatchSize(here)
            if case .impossible = size { return position }
            if case .bytes(let size) = size, size <= here.count {
                guard let batch = batch(UnsafeRawBufferPointer(rebasing: here[..<size])), let header = batch.header else {
                    return position
                }
                guard try visit(batch, header, position) else { return position }
                position += size
                continue
            }
            // The batch reaches beyond what was read.
            if from + count >= limit { return position }
            if case .bytes(let size) = size {
                guard size <= limit - position, size <= LogLimits.batchBytes else { return position }
                if size > buffer.count {
                    buffer.deallocate()
                    buffer = .allocate(byteCount: size, alignment: 16)
                }
            }
            from = position
            count = min(buffer.count, limit - position)
            try file.fill(.init(rebasing: buffer[..<count]), at: Int64(from), mayWait: true)
        }
        return position
    }

    private func batch(_ bytes: UnsafeRawBufferPointer) -> BatchView? {
        do throws(RecordError) { return try BatchView(firstOf: bytes) } catch { return nil }
    }

    func openLog(create: Bool = false) throws(LogError) -> File {
        do throws(FileError) { return try log.open(create: create) } catch { throw LogError(error) }
    }

    private func corruption(at position: Int) -> LogError {
        LogError(.corruptMessage, "\(log.path): no record batch at byte \(position)")
    }
}

/// A batch's place in a segment.
struct BatchPlace: Sendable {
    var position: Int
    var size: Int
    var baseOffset: Int64
    var lastOffset: Int64
    var leaderEpoch: Int32

    init(_ header: RecordBatchHeader, at position: Int) {
        self.position = position
        size = header.sizeInBytes
        baseOffset = header.baseOffset
        lastOffset = header.lastOffset
        leaderEpoch = header.partitionLeaderEpoch
    }
}

/// What the first bytes say about the size of the batch that they begin.
private enum BatchSize {
    case unknown, impossible
    case bytes(Int)

    init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= RecordBatchHeader.size else {
            // The last batch of an old log may be a message that is shorter than a batch's head.
            guard let header = RecordBatchHeader(bytes), header.isLegacy else {
                self = .unknown
                return
            }
            self = header.hasPossibleSize ? .bytes(header.sizeInBytes) : .impossible
            return
        }
        guard let header = RecordBatchHeader(bytes), header.hasPossibleSize else {
            self = .impossible
            return
        }
        self = .bytes(header.sizeInBytes)
    }
}

extension RecordBatchHeader {
    /// Whether the length field can be true: it covers the head itself.
    var hasPossibleSize: Bool {
        let smallest = switch magic {
        case 0: 26
        case 1: 34
        default: RecordBatchHeader.size
        }
        return Int(batchLength) + 12 >= smallest && lastOffsetDelta >= 0
    }
}
