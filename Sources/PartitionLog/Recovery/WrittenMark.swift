internal import Files
internal import KafkaRecords
internal import Synchronization

/// `written-mark` in a partition's directory: up to where the log was written, with its leader epochs and producers there.
///
/// A process that is killed loses nothing that it has written: the page cache keeps it as long as the machine runs. So a start in the
/// same uptime looks only at what lies beyond the mark, however slow the disk is and however much of the log it has not taken yet.
/// The mark is not synced and means nothing once the machine was started anew: then the recovery point counts. Nor does it where the
/// batch before its end is not the one that it names: another broker was here since, or the directory is a copy. Kafka ignores
/// the file, and it may be removed at any time.
///
/// "JDMK", CRC-32C of what follows it, then numbers: end offset, the active segment's base offset, its largest timestamp with its
/// offset, position, base offset and checksum of the batch that was appended last; and three pieces with their lengths: the uptime's
/// name, the leader epochs and the producers, both as they stand in their own files.
struct WrittenMark {
    static let fileName = "written-mark"
    private static let magic = Array("JDMK".utf8)
    private static let head = 8

    var endOffset: Int64
    var segmentBase: Int64
    /// Of that segment.
    var largestTimestamp: TimestampOffset
    /// The first batch of the last append: it and those behind it reach to the end.
    var lastBatch: (position: Int, baseOffset: Int64, checksum: UInt32)
    var epochs: LeaderEpochCache
    var producers: [(id: Int64, entry: ProducerEntry)]

    static func encode(
        _ core: borrowing LogCore, largest: TimestampOffset, last: BatchPlace, checksum: UInt32, uptimeName: String
    ) -> [UInt8] {
        var bytes = magic + [0, 0, 0, 0]
        func number(_ value: Int64) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        for value in [core.logEndOffset, core.active.baseOffset, largest.timestamp, largest.offset] { number(value) }
        for value in [Int64(last.position), last.baseOffset, Int64(checksum)] { number(value) }
        for piece in [Array(uptimeName.utf8), core.epochs.text, ProducerSnapshotFile.encode(core.producers)] {
            number(Int64(piece.count))
            bytes += piece
        }
        let crc = bytes.withUnsafeBytes { crc32c(UnsafeRawBufferPointer(rebasing: $0[head...])) }
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: crc.bigEndian, toByteOffset: 4, as: UInt32.self) }
        return bytes
    }

    /// nil where it is torn, or of another uptime.
    init?(_ bytes: [UInt8], uptimeName: String) {
        guard bytes.count >= Self.head, bytes.starts(with: Self.magic) else { return nil }
        let stored = bytes.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }
        guard stored == bytes.withUnsafeBytes({ crc32c(UnsafeRawBufferPointer(rebasing: $0[Self.head...])) }) else { return nil }
        var place = Self.head
        func number() -> Int64? {
            guard bytes.count - place >= 8 else { return nil }
            defer { place += 8 }
            return bytes.withUnsafeBytes { Int64(bigEndian: $0.loadUnaligned(fromByteOffset: place, as: Int64.self)) }
        }
        func piece() -> [UInt8]? {
            guard let count = number(), count >= 0, count <= Int64(bytes.count - place) else { return nil }
            defer { place += Int(count) }
            return Array(bytes[place..<(place + Int(count))])
        }
        guard let end = number(), end >= 0, let base = number(), let timestamp = number(), let offset = number(),
            offset >= base, offset <= end, let position = number(), let first = number(), let checksum = number(),
            0...Int64(LogLimits.segmentBytes) ~= position, 0...Int64(UInt32.max) ~= checksum, let name = piece(), name == Array(uptimeName.utf8),
            let epochs = piece().flatMap({ LeaderEpochCache($0) }), let producers = piece().flatMap(ProducerSnapshotFile.decode)
        else { return nil }
        endOffset = end
        segmentBase = base
        largestTimestamp = TimestampOffset(timestamp: timestamp, offset: offset)
        lastBatch = (Int(position), first, UInt32(checksum))
        self.epochs = epochs
        self.producers = producers
    }
}

extension WrittenMark {
    /// Whether the batches before its end are those that it was written for.
    func isTrue(of segments: [Segment]) throws(LogError) -> Bool {
        guard let segment = segments.first(where: { $0.baseOffset == segmentBase }), lastBatch.position < segment.size else {
            return false
        }
        var isFirst = true, reachesEnd = false
        _ = try segment.walkBatches(from: lastBatch.position, to: segment.size) { batch, header, _ throws(LogError) in
            let isNamed = header.baseOffset == lastBatch.baseOffset && header.crc == lastBatch.checksum
            do throws(RecordError) { try batch.ensureValid() } catch { return false }
            guard isNamed || !isFirst, header.nextOffset <= endOffset else { return false }
            isFirst = false
            reachesEnd = header.nextOffset == endOffset
            return !reachesEnd
        }
        return reachesEnd
    }
}

extension PartitionLog {
    var unmarkedBytes: Int { core.withLock { $0.unmarkedBytes } }

    /// The caller holds the append lock.
    func wantMark(_ core: inout LogCore) {
        guard !core.isMarking else { return }
        core.isMarking = true
        environment.submit { [weak self] in self?.writeMark() }
    }

    /// Says in the partition's directory how far the log is written. Nothing is synced, and `diskWork` is not needed: so it does not
    /// wait for a disk that is behind.
    func writeMark() {
        guard let uptimeName = environment.fileSystem.uptimeName else { return }
        marking.withLock { _ in
            let (active, path, bytes, last) = core.withLock { core in
                let last = published.withLock { $0.lastAppend }
                return (core.active, core.path, core.appendedBytes, core.condition == .open ? last : nil)
            }
            let isWritten: Bool
            do throws(LogError) {
                isWritten = try last.map { last throws(LogError) in try writeMark(last, active, path, uptimeName) } ?? false
            } catch {
                isWritten = false
            }
            core.withLock { core in
                core.isMarking = false
                if isWritten { core.markedBytes = max(core.markedBytes, bytes) }
            }
        }
    }

    /// False where the log has rolled meanwhile: the next append asks again.
    private func writeMark(
        _ last: LastAppend, _ active: Segment, _ path: String, _ uptimeName: String
    ) throws(LogError) -> Bool {
        guard directory.isOnline, last.segmentBase == active.baseOffset else { return false }
        var checksum: UInt32?
        try active.walkHeaders(from: last.first.position, to: active.size) { header, _ in
            checksum = header.crc
            return false
        }
        let mark = core.withLock { core -> [UInt8]? in
            // The largest timestamp is in memory once something was appended.
            guard core.active === active, core.condition == .open, let largest = active.timeIndex.knownLargest, let checksum
            else { return nil }
            return WrittenMark.encode(core, largest: largest, last: last.first, checksum: checksum, uptimeName: uptimeName)
        }
        guard let mark else { return false }
        do throws(FileError) {
            // A start would have to look for the largest timestamp since the last entry.
            try active.offsetIndex.write()
            try active.timeIndex.write()
            try environment.fileSystem.replace(path + "/" + WrittenMark.fileName, with: mark, durably: false)
        } catch {
            throw failed(error)
        }
        return true
    }

    /// Before something else may stand where it says that all is well. The caller holds `marking`.
    func removeMark() throws(LogError) {
        let path = core.withLock { $0.path }
        do throws(FileError) {
            try environment.fileSystem.remove(path + "/" + WrittenMark.fileName)
        } catch {
            throw failed(error)
        }
        core.withLock { $0.markedBytes = 0 }
    }
}
