package import Configuration
package import KafkaRecords

/// What the operator can set about groups and their offsets; each field stands for the Kafka key beside it.
package struct GroupConfiguration: Sendable {
    package var minSessionTimeoutMs: Int32 = 6_000  // group.min.session.timeout.ms
    package var maxSessionTimeoutMs: Int32 = 1_800_000  // group.max.session.timeout.ms
    package var initialRebalanceDelayMs: Int32 = 3_000  // group.initial.rebalance.delay.ms
    package var maxSize: Int = Int(Int32.max)  // group.max.size
    package var offsetMetadataMaxBytes = 4_096  // offset.metadata.max.bytes
    package var offsetsRetentionMs: Int64 = 10_080 * 60_000  // offsets.retention.minutes
    package var offsetsRetentionCheckIntervalMs: Int64 = 600_000  // offsets.retention.check.interval.ms
    package var offsetsLoadBufferBytes = 5_242_880  // offsets.load.buffer.size
    package var compression = Compression.none  // offsets.topic.compression.codec
    package var commitTimeoutMs: Int32 = 5_000  // offsets.commit.timeout.ms

    package init() {}
}

extension GroupConfiguration {
    package init(_ broker: BrokerConfiguration) {
        minSessionTimeoutMs = broker.groupMinSessionTimeoutMs
        maxSessionTimeoutMs = broker.groupMaxSessionTimeoutMs
        initialRebalanceDelayMs = broker.groupInitialRebalanceDelayMs
        maxSize = broker.groupMaxSize
        offsetMetadataMaxBytes = broker.offsetMetadataMaxBytes
        offsetsRetentionMs = broker.offsetsRetentionMinutes * 60_000
        offsetsRetentionCheckIntervalMs = broker.offsetsRetentionCheckIntervalMs
        offsetsLoadBufferBytes = broker.int(.offsetsLoadBufferSize)
        compression = Compression(CompressionType(rawValue: UInt8(clamping: broker.offsetsTopicCompressionCodec)) ?? .none)
        commitTimeoutMs = Int32(clamping: broker.offsetsCommitTimeoutMs)
    }
}
