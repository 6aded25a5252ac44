internal import EventLoop
internal import Files
internal import KafkaRecords

/// `OFFSET-EPOCH.checkpoint`: the metadata before OFFSET as records, so that the log before it may go.
struct SnapshotName: Comparable, Sendable {
    /// The offset behind the last record that is in it.
    var endOffset: Int64
    var epoch: Int32

    static let suffix = ".checkpoint"

    static func < (left: SnapshotName, right: SnapshotName) -> Bool {
        (left.endOffset, left.epoch) < (right.endOffset, right.epoch)
    }

    init(endOffset: Int64, epoch: Int32) {
        self.endOffset = endOffset
        self.epoch = epoch
    }

    /// Twenty digits, a dash, ten digits.
    init?(_ name: String) {
        guard name.hasSuffix(Self.suffix) else { return nil }
        let parts = name.dropLast(Self.suffix.utf8.count).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 20, parts[1].utf8.count == 10 else { return nil }
        guard let endOffset = Int64(parts[0]), let epoch = Int32(parts[1]), endOffset >= 0, epoch >= 0 else { return nil }
        self.init(endOffset: endOffset, epoch: epoch)
    }

    var fileName: String {
        let digits = String(epoch)
        let padded = String(repeating: "0", count: max(0, 10 - digits.utf8.count)) + digits
        return "\(MetadataLog.name(endOffset))-\(padded)\(Self.suffix)"
    }
}

/// Writes an image as a snapshot: a header, batches of records, a footer.
struct SnapshotWriter {
    let directory: String
    let fileSystem: FileSystem
    let timestamp: Int64

    /// The snapshot is complete, and on the disk, when this returns.
    func write(
        _ records: [[UInt8]], as name: SnapshotName, control: [ControlRecord.Bytes] = []
    ) throws(MetadataError) {
        let path = directory + "/" + name.fileName
        var offset: Int64 = 0
        var position: Int64 = 0
        do {
            // Kafka's own suffix for one that is not finished; whoever finds it removes it.
            let file = try fileSystem.open(path + ".part", .replace)
            func append(_ batch: [UInt8], _ count: Int) throws {
                try file.write(batch, at: position)
                position += Int64(batch.count)
                offset += Int64(count)
            }
            let head = [ControlRecord.snapshotHeader(lastContainedLogTimestamp: timestamp)] + control
            try append(
                MetadataBatch.build(control: head, at: offset, epoch: name.epoch, timestamp: timestamp), head.count)
            for slice in batches(records) {
                try append(
                    MetadataBatch.build(slice, at: offset, epoch: name.epoch, timestamp: timestamp), slice.count)
            }
            try append(
                MetadataBatch.build(
                    control: [ControlRecord.snapshotFooter], at: offset, epoch: name.epoch, timestamp: timestamp), 1)
            try file.sync()
            try fileSystem.rename(path + ".part", to: path)
            try fileSystem.syncDirectory(directory)
        } catch let error as MetadataError {
            throw error
        } catch {
            throw MetadataError(.storage, "\(error)")
        }
    }

    private func batches(_ records: [[UInt8]]) -> [ArraySlice<[UInt8]>] {
        var result: [ArraySlice<[UInt8]>] = []
        var start = 0
        var bytes = 0
        for (index, record) in records.enumerated() {
            if index > start && bytes + record.count > ClusterLimits.snapshotBatchBytes {
                result.append(records[start..<index])
                start = index
                bytes = 0
            }
            bytes += record.count
        }
        if start < records.count { result.append(records[start...]) }
        return result
    }
}

extension ClusterImage {
    /// The records of a snapshot of it.
    package var snapshotRecords: [[UInt8]] { records() }

    /// How many records are kept of each type that nobody here reads.
    package var keptRecordCounts: [String: Int] { kept.counts }

    /// The records that make this image, features first: those say how the others are to be read.
    func records() -> [[UInt8]] {
        var list = RecordList()
        if let level = features[MetadataVersion.featureName] { list.feature(MetadataVersion.featureName, level: level) }
        for (name, level) in features.sorted(by: { $0.key < $1.key }) where name != MetadataVersion.featureName {
            list.feature(name, level: level)
        }
        var result = list.records
        result += brokers.map(\.framed)
        for topic in topics.sorted(by: { $0.name < $1.name }) {
            var one = RecordList()
            one.topic(topic.name, id: topic.id)
            result += one.records
            result += topic.partitionRecords
        }
        var configurations = RecordList()
        let resources = self.configurations.sorted { ($0.key.type, $0.key.name) < ($1.key.type, $1.key.name) }
        for (resource, values) in resources {
            for (name, value) in values.sorted(by: { $0.key < $1.key }) { configurations.configuration(resource, name, value) }
        }
        result += configurations.records
        if !producerIdsRecord.isEmpty { result.append(producerIdsRecord) }
        return result + kept.all
    }
}
