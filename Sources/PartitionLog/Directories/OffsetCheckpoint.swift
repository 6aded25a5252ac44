internal import Files

/// A topic and a partition's number.
package struct TopicPartition: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32

    package init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package var description: String { "\(topic)-\(partition)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }
}

/// One of a log directory's files of `topic partition offset` lines.
struct OffsetCheckpoint {
    enum Kind: String, CaseIterable {
        case recoveryPoint = "recovery-point-offset-checkpoint"
        case logStartOffset = "log-start-offset-checkpoint"
        case highWatermark = "replication-offset-checkpoint"
        case cleaner = "cleaner-offset-checkpoint"
    }

    var offsets: [TopicPartition: Int64] = [:]

    init(_ offsets: [TopicPartition: Int64] = [:]) { self.offsets = offsets }

    /// Empty where there is no file; nil where it cannot be read as one.
    static func read(_ kind: Kind, in directory: String, of fileSystem: FileSystem) throws(FileError) -> OffsetCheckpoint? {
        let path = directory + "/" + kind.rawValue
        guard let bytes = try fileSystem.contents(path, limit: LogLimits.smallFileBytes) else { return OffsetCheckpoint() }
        return OffsetCheckpoint(bytes)
    }

    init?(_ bytes: [UInt8]) {
        guard let text = CheckpointText(bytes) else { return nil }
        for line in text.lines {
            let parts = line.split(separator: " ")
            guard parts.count == 3, let partition = Int32(parts[1]), let offset = Int64(parts[2]) else { return nil }
            offsets[TopicPartition(String(parts[0]), partition)] = offset
        }
    }

    var bytes: [UInt8] {
        CheckpointText(
            lines: offsets.sorted { $0.key < $1.key }.map { "\($0.key.topic) \($0.key.partition) \($0.value)" }).bytes
    }

    func write(_ kind: Kind, in directory: String, of fileSystem: FileSystem) throws(FileError) {
        try fileSystem.replace(directory + "/" + kind.rawValue, with: bytes, durably: true)
    }
}
