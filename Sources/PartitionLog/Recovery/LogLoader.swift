internal import EventLoop
internal import Files
internal import KafkaRecords
package import KafkaWire
internal import Telemetry

/// Opens a partition's directory: what it finds, what it mends, and where the log ends.
///
/// After a clean stop only the end of the active segment is looked at, from its last index entry on. After a kill everything from the
/// recovery point on is read and checked; what lies before it is on the disk with its indexes, epochs and a producer snapshot.
struct LogLoader {
    let partition: TopicPartition
    let directory: LogDirectory
    let environment: LogEnvironment
    let path: String
    let configuration: LogConfiguration
    /// As the checkpoint says; 0 where it says nothing.
    let recoveryPoint: Int64
    let logStartOffset: Int64
    let wasClean: Bool
    var cleanedOffset: Int64 = 0
    /// For a partition that is new.
    var topicId = Uuid.zero

    static let logger = Logger("log")

    func load() throws(LogError) -> PartitionLog {
        let nowMs = environment.clock.wallMs()
        let names = try DirectoryCleanup(path: path, environment: environment).run()
        var segments = try segments(names)
        var scan = LogScan(path: path, environment: environment, configuration: configuration)
        for segment in segments.dropLast() {
            let stem = SegmentName.digits(segment.baseOffset)
            if names.contains(stem + SegmentSuffix.offsetIndex), names.contains(stem + SegmentSuffix.timeIndex) { continue }
            try scan.makeIndexes(of: segment)
            try segment.finish()
            // Nothing will look at them again, so they go to the disk now.
            try storage { () throws(FileError) in
                try segment.syncAll()
                try environment.fileSystem.syncDirectory(path)
            }
        }
        if wasClean {
            // It would count for whatever stands here the next time.
            if names.contains(WrittenMark.fileName) { try removeMark() }
        } else {
            scan = try recover(&segments, names)
        }

        if segments.isEmpty {
            segments = [try newSegment(at: logStartOffset, nowMs)]
        }
        var end: Int64
        do throws(LogError) {
            end = try scan.endOffset(of: segments[segments.count - 1])
        } catch where error.kind == .corruptMessage {
            // The stop was called clean and the end is not: somebody else wrote here, or the disk did not keep its word.
            let base = segments[segments.count - 1].baseOffset
            _ = try scan.recover(&segments, from: base, settled: base, partition: partition)
            end = try scan.endOffset(of: segments[segments.count - 1])
        }
        if end < logStartOffset {
            // Everything that is left lies below the log's start (DeleteRecords, then a loss): begin anew at the start.
            Self.logger.warn(
                "the log ends before its start offset; its segments are dropped",
                ["partition": partition, "logEndOffset": end, "logStartOffset": logStartOffset])
            try storage { () throws(FileError) in for segment in segments { try segment.remove() } }
            segments = [try newSegment(at: logStartOffset, nowMs)]
            end = logStartOffset
        }
        return try open(segments, end, scan, names, nowMs)
    }

    /// After a kill: from the mark on where it counts, else from the recovery point on.
    private func recover(_ segments: inout [Segment], _ names: [String]) throws(LogError) -> LogScan {
        if names.contains(WrittenMark.fileName), let mark = try mark(), mark.endOffset > recoveryPoint,
            try mark.isTrue(of: segments) {
            var scan = LogScan(path: path, environment: environment, configuration: configuration)
            var producers = ProducerStateTable()
            producers.load(
                mark.producers, at: mark.endOffset, expiredBefore: environment.clock.wallMs() - environment.producerIdExpirationMs)
            scan.replayed = ReplayedState(producers: producers, epochs: mark.epochs)
            scan.replayed?.epochs.mustBeWritten()
            scan.largestBefore = (mark.segmentBase, mark.largestTimestamp)
            let end = try scan.recover(&segments, from: mark.endOffset, settled: recoveryPoint, partition: partition)
            if end >= mark.endOffset, scan.replayed != nil { return scan }
            Self.logger.warn(
                "the mark says more than is there; reading from the recovery point on",
                ["partition": partition, "mark": mark.endOffset, "end": end])
            try removeMark()
        }
        var scan = LogScan(path: path, environment: environment, configuration: configuration)
        do throws(LogError) {
            var state = ReplayedState(epochs: try epochs(names))
            state.epochs.truncateFromEnd(recoveryPoint)
            state.producers = try replay.run(names, scan, segments, endingAt: recoveryPoint, &state.epochs)
            scan.replayed = state
        } catch where error.kind == .corruptMessage {
            // What the scan leaves of it is read again.
        }
        _ = try scan.recover(&segments, from: recoveryPoint, settled: recoveryPoint, partition: partition)
        return scan
    }

    private var replay: ProducerReplay {
        ProducerReplay(path: path, environment: environment, trustedUpTo: wasClean ? .max : recoveryPoint)
    }

    private func mark() throws(LogError) -> WrittenMark? {
        guard let uptimeName = environment.fileSystem.uptimeName else { return nil }
        let bytes = try storage { () throws(FileError) in
            try environment.fileSystem.contents(path + "/" + WrittenMark.fileName, limit: LogLimits.markBytes)
        }
        return bytes.flatMap { WrittenMark($0, uptimeName: uptimeName) }
    }

    private func removeMark() throws(LogError) {
        try storage { () throws(FileError) in try environment.fileSystem.remove(path + "/" + WrittenMark.fileName) }
    }

    private func open(
        _ segments: [Segment], _ end: Int64, _ scan: LogScan, _ names: [String], _ nowMs: Int64
    ) throws(LogError) -> PartitionLog {
        let start = max(logStartOffset, segments[0].baseOffset)
        let active = segments[segments.count - 1]
        let settled = wasClean ? end : min(recoveryPoint, end)
        var core = LogCore(
            path: path, configuration: configuration, segments: segments, logStartOffset: start, logEndOffset: end,
            flushedOffset: settled, recoveryPoint: settled, lastFlushMs: nowMs,
            // Also after a clean stop: a log that was new and empty then has had nothing to flush.
            needsDirectorySync: true, highWatermark: end)
        core.cleanedOffset = cleanedOffset
        core.rollJitterMs = PartitionLog.jitter(configuration)
        core.bytesSinceIndexEntry = active.size - (try active.offsetIndex.last()?.position ?? 0)
        if active.size > 0 {
            try active.walkHeaders(from: 0, to: active.size) { header, _ throws(LogError) in
                core.rollingBaseTimestamp = header.maxTimestamp
                return false
            }
        }
        defer {
            // Most partitions rest: their files are opened when somebody comes.
            for segment in segments { for file in segment.files { file.close() } }
        }
        if let replayed = scan.replayed {
            core.producers = replayed.producers
            core.epochs = replayed.epochs
            try replay.removeSnapshots(names, beyond: end)
        } else {
            core.epochs = try epochs(names)
            core.epochs.truncateFromEnd(end)
            core.producers = try replay.run(names, scan, segments, endingAt: end, &core.epochs)
        }
        core.epochs.truncateFromEnd(end)
        core.epochs.truncateFromStart(start)
        core.producers.endOffset = end
        core.producers.highWatermarkReached(core.highWatermark)
        return PartitionLog(
            partition: partition, topicId: try topicId(names), directory: directory, environment: environment, core: core)
    }

    // MARK: what stands in the directory

    private func segments(_ names: [String]) throws(LogError) -> [Segment] {
        let all = Set(names)
        var segments: [Segment] = []
        for name in names {
            guard let (base, suffix) = SegmentName.parse(name), SegmentSuffix.ofSegment.contains(suffix) else { continue }
            let stem = String(name.prefix(20))
            if suffix == SegmentSuffix.log {
                segments.append(try found(base, stem, all))
            } else if !all.contains(stem + SegmentSuffix.log) {
                // An index without its segment: the deletion was not finished.
                try storage { () throws(FileError) in try environment.fileSystem.remove(path + "/" + name) }
            }
        }
        return segments.sorted { $0.baseOffset < $1.baseOffset }
    }

    private func found(_ base: Int64, _ stem: String, _ names: Set<String>) throws(LogError) -> Segment {
        func status(_ suffix: String) throws(LogError) -> FileStatus? {
            guard names.contains(stem + suffix) else { return nil }
            return try storage { () throws(FileError) in try environment.fileSystem.status(path + "/" + stem + suffix) }
        }
        let log = try status(SegmentSuffix.log)
        let segment = Segment(
            directory: path, baseOffset: base,
            found: .init(
                logBytes: Int(log?.size ?? 0), offsetIndexBytes: Int(try status(SegmentSuffix.offsetIndex)?.size ?? 0),
                timeIndexBytes: Int(try status(SegmentSuffix.timeIndex)?.size ?? 0),
                hasAbortIndex: names.contains(stem + SegmentSuffix.abortIndex), createdMs: log?.modifiedMs ?? 0),
            in: environment)
        return segment
    }

    private func newSegment(at offset: Int64, _ nowMs: Int64) throws(LogError) -> Segment {
        let segment = Segment(directory: path, baseOffset: offset, found: .init(createdMs: nowMs), in: environment)
        _ = try segment.openLog(create: true)
        return segment
    }

    private func epochs(_ names: [String]) throws(LogError) -> LeaderEpochCache {
        let file = path + "/" + LeaderEpochCache.fileName
        guard names.contains(LeaderEpochCache.fileName) else { return LeaderEpochCache() }
        let bytes = try storage { () throws(FileError) in
            try environment.fileSystem.contents(file, limit: LogLimits.smallFileBytes)
        }
        if let cache = LeaderEpochCache(bytes ?? []) { return cache }
        Self.logger.warn("not a leader epoch checkpoint; the epochs of older records are unknown", ["file": file])
        return LeaderEpochCache()
    }

    private func topicId(_ names: [String]) throws(LogError) -> Uuid {
        let file = path + "/" + PartitionMetadataFile.name
        if names.contains(PartitionMetadataFile.name) {
            let bytes = try storage { () throws(FileError) in
                try environment.fileSystem.contents(file, limit: LogLimits.smallFileBytes)
            }
            if let id = bytes.flatMap(PartitionMetadataFile.parse) { return id }
            if topicId == .zero { Self.logger.warn("no topic id in it", ["file": file]) }
        }
        guard topicId != .zero else { return .zero }
        try storage { () throws(FileError) in
            try environment.fileSystem.replace(file, with: PartitionMetadataFile.text(topicId), durably: false)
        }
        return topicId
    }
}

extension PartitionLog {
    /// A log that no `LogManager` keeps (the metadata log): made where it is missing, and read as a whole, since nobody keeps a
    /// checkpoint of it.
    package static func open(
        _ partition: TopicPartition, topicId: Uuid, in directory: LogDirectory, environment: LogEnvironment,
        configuration: LogConfiguration
    ) throws(LogError) -> PartitionLog {
        let path = directory.path + "/\(partition)"
        try storage { () throws(FileError) in try environment.fileSystem.makeDirectory(path) }
        return try LogLoader(
            partition: partition, directory: directory, environment: environment, path: path, configuration: configuration,
            recoveryPoint: 0, logStartOffset: 0, wasClean: false, topicId: topicId
        ).load()
    }
}

/// Runs file operations where only a LogError may leave.
func storage<R>(_ body: () throws(FileError) -> R) throws(LogError) -> R {
    do throws(FileError) { return try body() } catch { throw LogError(error) }
}
