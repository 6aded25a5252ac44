/// Every bound of this room, with its unit.
package enum ClusterLimits {
    /// Longer topic names are refused, as by Kafka: characters.
    package static let topicNameLength = 249
    /// What one request may make at once: partitions. Kafka's controller takes 10,000 records in a batch, and so do we.
    package static let recordsPerChange = 10_000
    /// What a partition may have: replicas.
    static let replicasPerPartition = 32_767
    /// Names and values of a configuration: bytes. The record's string length is an int16 in Kafka's generated classes.
    package static let configurationValueBytes = 32_767
    /// What is read of the metadata log or a snapshot at a time: bytes; a larger batch gets its own size.
    static let readBytes = 1 << 20
    /// A snapshot beyond this is not read into memory: bytes.
    static let snapshotBytes = 1 << 30
    /// Records between two snapshots' data batches: bytes.
    static let snapshotBatchBytes = 1 << 20
    /// Small files (quorum-state) beyond this are not ours: bytes.
    static let smallFileBytes = 64 << 10
    /// Producer ids are stored in blocks of this many before one is given out; Kafka's block.
    package static let producerIdBlock: Int64 = 1000
}
