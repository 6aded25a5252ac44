internal import Files
internal import KafkaRecords
internal import KafkaWire
internal import Telemetry

/// `__cluster_metadata-0` in a log directory: which files there are, and what they say at start.
struct MetadataDirectory {
    /// The log directory that it is in.
    let parent: String
    let fileSystem: FileSystem

    static let name = "__cluster_metadata-0"
    /// The id that Kafka gives the topic `__cluster_metadata`.
    static let topicId = Uuid(0, 1)
    var path: String { parent + "/" + Self.name }
    private static let logger = Logger("metadata")

    /// Whether there are metadata, or a format by Kafka's storage tool.
    func exists() throws(MetadataError) -> Bool {
        try disk { () throws(FileError) in try fileSystem.status(path) != nil }
    }

    func make() throws(MetadataError) {
        try disk { () throws(FileError) in
            try fileSystem.makeDirectories(path)
            let partition = path + "/partition.metadata"
            if try fileSystem.status(partition) == nil {
                try fileSystem.replace(
                    partition, with: Array("version: 0\ntopic_id: \(Self.topicId)".utf8), durably: false)
            }
        }
    }

    // MARK: snapshots

    /// Complete snapshots, the oldest first.
    func snapshots() throws(MetadataError) -> [SnapshotName] {
        try disk { () throws(FileError) in try fileSystem.list(path).compactMap(SnapshotName.init).sorted() }
    }

    /// Removes what a writer left unfinished, and what was being deleted.
    func removeUnfinished() throws(MetadataError) {
        try disk { () throws(FileError) in
            for file in try fileSystem.list(path) where file.hasSuffix(".checkpoint.part") || file.hasSuffix(".checkpoint.deleted") {
                try fileSystem.remove(path + "/" + file)
            }
        }
    }

    /// How large a snapshot is, and of when its last record: what decides whether it is kept.
    func facts(of snapshot: SnapshotName) throws(MetadataError) -> (bytes: Int64, lastTimestamp: Int64) {
        let (file, size) = try disk { () throws(FileError) in
            let file = try fileSystem.open(path + "/" + snapshot.fileName, .read)
            return (file, try file.size())
        }
        let head = try disk { () throws(FileError) in try file.bytes(at: 0, count: Int(min(size, 4096))) }
        let timestamp = head.withUnsafeBytes { ControlRecord.snapshotTimestamp(inFirstBatchOf: $0) }
        return (size, timestamp ?? -1)
    }

    func remove(_ snapshot: SnapshotName) throws(MetadataError) {
        try disk { () throws(FileError) in try fileSystem.remove(path + "/" + snapshot.fileName) }
    }

    /// The image of a snapshot. One that is damaged is an error: it was complete before it got its name.
    func replay(_ snapshot: SnapshotName) throws(MetadataError) -> MetadataReplay {
        var replay = MetadataReplay()
        try read(path + "/" + snapshot.fileName) { batch throws(MetadataError) in try replay.apply(batch) }
        replay.place(after: snapshot.endOffset - 1, epoch: snapshot.epoch)
        return replay
    }

    private func read(_ path: String, _ body: (BatchView) throws(MetadataError) -> Void) throws(MetadataError) {
        let (file, size) = try disk { () throws(FileError) in
            let file = try fileSystem.open(path, .read)
            return (file, try file.size())
        }
        guard size <= ClusterLimits.snapshotBytes else {
            throw MetadataError(.unreadable, "\(path): \(size) bytes are more than the \(ClusterLimits.snapshotBytes) of a snapshot")
        }
        let good = try BatchFile(file: file, size: size).forEachBatch { batch, _ throws(MetadataError) in try body(batch) }
        if good < size { throw MetadataError(.unreadable, "\(path) is damaged at byte \(good)") }
    }

    // MARK: bootstrap

    private static let bootstrapFile = "bootstrap.checkpoint"

    /// The records with which an empty log begins: what Kafka's storage tool left (3.9 in the log directory, 4.x as the
    /// snapshot at offset 0), else our own.
    func bootstrapRecords() throws(MetadataError) -> [[UInt8]] {
        for path in [parent + "/" + Self.bootstrapFile, path + "/" + SnapshotName(endOffset: 0, epoch: 0).fileName] {
            if try disk({ () throws(FileError) in try fileSystem.status(path) }) == nil { continue }
            var records: [[UInt8]] = []
            let scratch = RecordScratch()
            try read(path) { batch throws(MetadataError) in
                guard batch.header?.isControl == false else { return }
                do {
                    var iterator = try batch.records(scratch: scratch)
                    while let record = try iterator.next() {
                        if let value = record.value { records.append(Array(value)) }
                    }
                } catch {
                    throw MetadataError(.unreadable, "\(path): \(error)")
                }
            }
            return records
        }
        var list = RecordList()
        list.feature(MetadataVersion.featureName, level: MetadataVersion.fresh)
        return list.records
    }

    /// Leaves the bootstrap checkpoint as Kafka 3.9 does; Kafka 4 reads it too.
    func writeBootstrap(_ records: [[UInt8]], timestamp: Int64) throws(MetadataError) {
        let path = parent + "/" + Self.bootstrapFile
        if try disk({ () throws(FileError) in try fileSystem.status(path) }) != nil { return }
        let header = try MetadataBatch.build(
            control: [ControlRecord.snapshotHeader(lastContainedLogTimestamp: timestamp)], at: 0, epoch: 0,
            timestamp: timestamp)
        let body = try MetadataBatch.build(records, at: 1, epoch: 0, timestamp: timestamp)
        let footer = try MetadataBatch.build(
            control: [ControlRecord.snapshotFooter], at: Int64(1 + records.count), epoch: 0, timestamp: timestamp)
        try disk { () throws(FileError) in try fileSystem.replace(path, with: header + body + footer, durably: false) }
    }

    // MARK: quorum-state

    func quorumState() throws(MetadataError) -> QuorumState? {
        let file = path + "/" + QuorumState.fileName
        let bytes = try disk { () throws(FileError) in
            try fileSystem.contents(file, limit: ClusterLimits.smallFileBytes)
        }
        guard let bytes else { return nil }
        if let state = QuorumState(bytes) { return state }
        // The epoch also stands in the log's batches.
        Self.logger.warn("not a quorum-state; going on with the epoch of the log", ["file": file])
        return nil
    }

    func write(_ state: QuorumState) throws(MetadataError) {
        try disk { () throws(FileError) in
            try fileSystem.replace(path + "/" + QuorumState.fileName, with: state.bytes, durably: true)
        }
    }

    private func disk<T>(_ body: () throws(FileError) -> T) throws(MetadataError) -> T {
        do {
            return try body()
        } catch {
            throw MetadataError(.storage, "\(error)")
        }
    }
}
