internal import Files
internal import Synchronization

/// A piece of a log: its records from the base offset on, and the indexes over them. What it holds is changed under the log's
/// append lock alone; each part guards itself for those who read meanwhile.
final class Segment: Sendable {
    let baseOffset: Int64
    let log: SegmentFile
    let offsetIndex: OffsetIndex
    let timeIndex: TimeIndex
    let abortIndex: AbortIndex
    /// When it was made, or its file changed last before the start: for rolling by time while it has no timestamp.
    let createdMs: Int64
    private let bytes: Atomic<Int>

    init(directory: String, baseOffset: Int64, suffix: String = "", found: Found, in environment: LogEnvironment) {
        let stem = directory + "/" + SegmentName.digits(baseOffset)
        func file(_ kind: String) -> SegmentFile {
            SegmentFile(path: stem + kind + suffix, fileSystem: environment.fileSystem, openFiles: environment.openFiles)
        }
        self.baseOffset = baseOffset
        log = file(SegmentSuffix.log)
        offsetIndex = OffsetIndex(
            baseOffset: baseOffset, file: file(SegmentSuffix.offsetIndex),
            written: found.offsetIndexBytes / OffsetIndex.Entry.size)
        timeIndex = TimeIndex(
            baseOffset: baseOffset, file: file(SegmentSuffix.timeIndex), written: found.timeIndexBytes / TimeIndex.Entry.size)
        abortIndex = AbortIndex(file: file(SegmentSuffix.abortIndex), isAbsent: !found.hasAbortIndex)
        createdMs = found.createdMs
        bytes = Atomic(found.logBytes)
    }

    /// What stands on the disk when a segment is made from it; nothing for a new one.
    struct Found {
        var logBytes = 0
        var offsetIndexBytes = 0
        var timeIndexBytes = 0
        var hasAbortIndex = false
        var createdMs: Int64
    }

    var size: Int { bytes.load(ordering: .acquiring) }
    func setSize(_ size: Int) { bytes.store(size, ordering: .releasing) }

    var files: [SegmentFile] { [log, offsetIndex.file, timeIndex.file, abortIndex.file] }

    /// Whether the index can say an offset's distance from the base.
    func reaches(_ offset: Int64) -> Bool {
        let (distance, overflows) = offset.subtractingReportingOverflow(baseOffset)
        return !overflows && 0...Int64(Int32.max) ~= distance
    }

    /// The last entries, when no more records will come.
    func finish() throws(LogError) {
        try timeIndex.appendLargest()
        do throws(FileError) {
            // Kafka wants them to be there, if only empty.
            _ = try offsetIndex.file.open(create: true)
            _ = try timeIndex.file.open(create: true)
            try offsetIndex.rest()
            try timeIndex.rest()
        } catch {
            throw LogError(error)
        }
    }

    /// On the disk: records, indexes, aborted transactions.
    func syncAll() throws(FileError) {
        try log.open().sync()
        try offsetIndex.sync()
        try timeIndex.sync()
        try abortIndex.sync()
    }

    /// The same of offset and time index, whether or not they are known to have changed.
    func syncIndexes() throws(FileError) {
        for index in [offsetIndex.file, timeIndex.file] { try index.open(create: true).sync() }
    }

    func rename(addingSuffix suffix: String) throws(FileError) {
        for file in files where !file.path.hasSuffix(suffix) { try file.rename(to: file.path + suffix) }
    }

    func rename(removingSuffix suffix: String) throws(FileError) {
        for file in files where file.path.hasSuffix(suffix) {
            try file.rename(to: String(file.path.dropLast(suffix.utf8.count)))
        }
    }

    func remove() throws(FileError) {
        for file in files { try file.remove() }
    }
}

extension [Segment] {
    /// The place of the last segment whose base offset is at most `offset`; nil where the first one's is larger.
    func floorIndex(_ offset: Int64) -> Int? {
        // Most ask for the end.
        guard let last, offset < last.baseOffset else { return isEmpty ? nil : count - 1 }
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].baseOffset <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }
}
