internal import Files
internal import KafkaRecords
internal import Telemetry

/// The segments of `__cluster_metadata-0` on disk: append at the end, sync, read once at start, drop what a snapshot covers.
///
/// Not thread-safe: the store's lock guards it. It writes no indexes: nobody reads the log by offset, and
/// Kafka makes them anew from the segments, as it does at each of its own starts.
final class MetadataLog {
    private struct Segment {
        var base: Int64
        var file: File
        var size: Int64
    }

    let directory: String
    let fileSystem: FileSystem
    /// What a segment may have before the next batch begins another one: bytes.
    private let segmentBytes: Int64
    private var segments: [Segment] = []
    private(set) var endOffset: Int64 = 0
    /// Segments with something behind their last whole batch.
    private var unfinished: [(file: File, good: Int64, size: Int64)] = []
    /// What was appended since the last snapshot, or was read behind it: bytes.
    var bytesSinceSnapshot: Int64 = 0
    private static let logger = Logger("metadata")

    init(directory: String, fileSystem: FileSystem, segmentBytes: Int64) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.segmentBytes = segmentBytes
    }

    /// The first offset that the segments have.
    var startOffset: Int64 { segments.first?.base ?? endOffset }
    var isEmpty: Bool { segments.allSatisfy { $0.size == 0 } }
    var sizeInBytes: Int64 { segments.reduce(0) { $0 + $1.size } }

    // MARK: start

    /// Opens the segments and hands out every batch from `offset` on. What follows the first damaged batch, which a kill can
    /// leave behind, was never acknowledged; `settle` cuts it off.
    func open(from offset: Int64, _ body: (BatchView) throws(MetadataError) -> Void) throws(MetadataError) {
        var bases: [Int64] = []
        for name in try disk({ () throws(FileError) in try fileSystem.list(directory) }) {
            if let base = Self.base(ofName: name, suffix: ".log") { bases.append(base) }
        }
        bases.sort()
        endOffset = offset
        for (index, base) in bases.enumerated() {
            let segment = try load(base, from: offset, body)
            segments.append(segment)
            if index + 1 < bases.count, endOffset < bases[index + 1], bases[index + 1] > offset {
                // A hole between segments: acknowledged metadata are missing, and only the operator can say what to do.
                throw MetadataError(
                    .unreadable,
                    "\(directory): the segment \(bases[index + 1]) begins behind offset \(endOffset), where the one before it ends")
            }
        }
    }

    private func load(
        _ base: Int64, from offset: Int64, _ body: (BatchView) throws(MetadataError) -> Void
    ) throws(MetadataError) -> Segment {
        let path = path(ofSegment: base)
        let file = try disk { () throws(FileError) in try fileSystem.open(path, .readWrite) }
        let size = try disk { () throws(FileError) in try file.size() }
        let good = try BatchFile(file: file, size: size).forEachBatch { batch, header throws(MetadataError) in
            if header.nextOffset > endOffset { endOffset = header.nextOffset }
            guard header.nextOffset > offset else { return }
            bytesSinceSnapshot += Int64(batch.bytes.count)
            try body(batch)
        }
        if good < size { unfinished.append((file, good: good, size: size)) }
        return Segment(base: base, file: file, size: good)
    }

    /// Cuts off what `open` found behind the last whole batch: nothing may be written before.
    func settle() throws(MetadataError) {
        for (file, good, size) in unfinished {
            Self.logger.warn(
                "cut off an unfinished end of the metadata log", ["segment": file.path, "bytes": size - good])
            try disk { () throws(FileError) in
                try file.truncate(to: good)
                try file.sync()
            }
        }
        unfinished = []
    }

    // MARK: append

    /// Writes a batch at the end; it is durable after `sync`.
    func append(_ batch: [UInt8], lastOffset: Int64) throws(MetadataError) {
        if segments.isEmpty || (segments[segments.count - 1].size >= segmentBytes) { try roll() }
        let last = segments.count - 1
        try disk { () throws(FileError) in try segments[last].file.write(batch, at: segments[last].size) }
        segments[last].size += Int64(batch.count)
        bytesSinceSnapshot += Int64(batch.count)
        endOffset = lastOffset + 1
    }

    /// What was appended is on the disk when this returns: a segment that ended is already.
    func sync() throws(MetadataError) {
        guard let file = segments.last?.file else { return }
        try disk { () throws(FileError) in try file.sync() }
    }

    /// Ends the active segment and begins another at the log's end.
    func roll() throws(MetadataError) {
        if let last = segments.last {
            if last.size == 0 { return }
            // What is in a finished segment is never synced again.
            try disk { () throws(FileError) in try last.file.sync() }
        }
        let path = path(ofSegment: endOffset)
        let file = try disk { () throws(FileError) in
            let file = try fileSystem.open(path, .create)
            try fileSystem.syncDirectory(directory)
            return file
        }
        segments.append(Segment(base: endOffset, file: file, size: 0))
    }

    /// Removes the segments that have nothing from `offset` on.
    func removeSegments(before offset: Int64) throws(MetadataError) {
        while segments.count > 1, segments[1].base <= offset {
            let base = segments.removeFirst().base
            for suffix in [".log", ".index", ".timeindex", ".snapshot"] {
                let path = directory + "/" + Self.name(base) + suffix
                do throws(FileError) {
                    try fileSystem.remove(path)
                } catch where error.isNotFound {
                } catch {
                    throw MetadataError(.storage, "\(error)")
                }
            }
        }
    }

    // MARK: names

    private func path(ofSegment base: Int64) -> String { directory + "/" + Self.name(base) + ".log" }

    /// Twenty digits.
    static func name(_ offset: Int64) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    static func base(ofName name: String, suffix: String) -> Int64? {
        guard name.hasSuffix(suffix), name.utf8.count == 20 + suffix.utf8.count else { return nil }
        return Int64(name.dropLast(suffix.utf8.count)).flatMap { $0 >= 0 ? $0 : nil }
    }

    private func disk<T>(_ body: () throws(FileError) -> T) throws(MetadataError) -> T {
        do {
            return try body()
        } catch {
            throw MetadataError(.storage, "\(error)")
        }
    }
}

/// A file of batches, read from its beginning.
struct BatchFile {
    let file: File
    let size: Int64

    /// Hands out each batch whose checksum is right, and says where the first one that is not (or the end) is.
    func forEachBatch(
        _ body: (BatchView, RecordBatchHeader) throws(MetadataError) -> Void
    ) throws(MetadataError) -> Int64 {
        var position: Int64 = 0
        var window = ClusterLimits.readBytes
        while position < size {
            let wanted = Int(min(Int64(window), size - position))
            let bytes: [UInt8]
            do {
                bytes = try file.bytes(at: position, count: wanted)
            } catch {
                throw MetadataError(.storage, "\(error)")
            }
            let outcome = bytes.withUnsafeBytes { bytes in
                Result { () throws(MetadataError) in try walk(bytes, body) }
            }
            let (used, isDamaged) = try outcome.get()
            position += Int64(used)
            if isDamaged || (used == 0 && wanted == Int(size - position)) { return position }
            // A batch that is larger than the window comes with a larger window.
            if used == 0 { window *= 2 } else { window = ClusterLimits.readBytes }
        }
        return position
    }

    private func walk(
        _ bytes: UnsafeRawBufferPointer, _ body: (BatchView, RecordBatchHeader) throws(MetadataError) -> Void
    ) throws(MetadataError) -> (used: Int, isDamaged: Bool) {
        var batches = RecordBatches(bytes)
        var used = 0
        while true {
            let batch: BatchView
            let header: RecordBatchHeader
            do {
                guard let next = try batches.next() else { return (used, false) }
                header = try next.validHeader()
                batch = next
            } catch {
                return (used, true)
            }
            try body(batch, header)
            used = batches.position
        }
    }
}
