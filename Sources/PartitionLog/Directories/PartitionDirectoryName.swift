/// What a folder in a log directory is, by its name.
package enum PartitionDirectoryName: Equatable {
    case partition(TopicPartition)
    /// Deleted, and its files not yet removed.
    case deleted
    /// A copy that moves between log directories, or one that the cluster does not know: left alone.
    case future, stray
    case clusterMetadata
    /// What Kafka keeps of a remote store's indexes, and a file system's own folder: left alone.
    case notOurs
    case foreign

    package init(_ name: String) {
        if name == "__cluster_metadata-0" {
            self = .clusterMetadata
        } else if name == "remote-log-index-cache" || name == "lost+found" {
            self = .notOurs
        } else if name.hasSuffix("-delete") {
            self = .deleted
        } else if name.hasSuffix("-future") {
            self = .future
        } else if name.hasSuffix("-stray") {
            self = .stray
        } else if let dash = name.lastIndex(of: "-"), dash != name.startIndex,
            let partition = Int32(name[name.index(after: dash)...]), partition >= 0 {
            self = .partition(TopicPartition(String(name[..<dash]), partition))
        } else {
            self = .foreign
        }
    }

    /// The name of a partition's directory once it is deleted: `topic-0.<32 hex digits>-delete`, at most 255 bytes.
    /// Or, with another suffix, once it is set aside.
    static func deletion(of partition: TopicPartition, unique: UInt64, _ more: UInt64, suffix end: String = "-delete") -> String {
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        let suffix = "-\(partition.partition).\(hex(unique))\(hex(more))\(end)"
        return String(partition.topic.prefix(255 - suffix.utf8.count)) + suffix
    }
}
