// The keys that the broker acts upon, under their own names and in their own units.
extension BrokerConfiguration {
    // MARK: Identity

    package static let defaultNodeId: Int32 = 1

    /// node.id, or the broker.id of Kafka 3; 1 where neither is set.
    package var nodeId: Int32 {
        if let id = explicitInteger(.nodeId) { return Int32(id) }
        if let id = explicitInteger(.brokerId), id >= 0 { return Int32(id) }
        return Self.defaultNodeId
    }

    package var rack: String? { string(.brokerRack) }

    private func explicitInteger(_ key: BrokerKey) -> Int64? { isSet(key) ? optionalInteger(key) : nil }

    // MARK: Directories

    package static let defaultDataDirectory = "./jackdaw-data"

    /// log.dirs, or log.dir, or ./jackdaw-data.
    package var logDirectories: [String] {
        if isSet(.logDirs) { return list(.logDirs) }
        if isSet(.logDir) { return list(.logDir) }
        return [Self.defaultDataDirectory]
    }

    /// Where `__cluster_metadata-0` lies: metadata.log.dir, or the first log directory.
    package var metadataLogDirectory: String { string(.metadataLogDir) ?? logDirectories[0] }

    // MARK: Connections

    package var socketRequestMaxBytes: Int { int(.socketRequestMaxBytes) }
    /// -1: not set.
    package var queuedMaxRequestBytes: Int64 { integer(.queuedMaxRequestBytes) }
    package var connectionsMaxIdleMs: Int64 { integer(.connectionsMaxIdleMs) }
    package var maxConnections: Int { int(.maxConnections) }
    package var maxConnectionsPerIp: Int { int(.maxConnectionsPerIp) }
    package var socketListenBacklogSize: Int32 { Int32(int(.socketListenBacklogSize)) }
    /// -1: what the system gives.
    package var socketSendBufferBytes: Int32 { Int32(int(.socketSendBufferBytes)) }
    package var socketReceiveBufferBytes: Int32 { Int32(int(.socketReceiveBufferBytes)) }
    /// nil where it is not set: Kafka's default of 3 threads is not ours.
    package var numNetworkThreads: Int? { isSet(.numNetworkThreads) ? int(.numNetworkThreads) : nil }
    package var numIoThreads: Int { int(.numIoThreads) }

    /// max.connections.per.ip.overrides: an address or host name to its number of connections.
    package var maxConnectionsPerIpOverrides: [(host: String, connections: Int)] {
        (string(.maxConnectionsPerIpOverrides) ?? "").configurationList.compactMap { entry in
            guard let colon = entry.lastIndex(of: ":") else { return nil }
            guard let connections = Int(String(entry[entry.index(after: colon)...]).trimmingBlanks) else { return nil }
            return (String(entry[..<colon]).trimmingBlanks, connections)
        }
    }

    // MARK: Topics

    package var autoCreateTopicsEnable: Bool { bool(.autoCreateTopicsEnable) }
    package var deleteTopicEnable: Bool { bool(.deleteTopicEnable) }
    package var numPartitions: Int { int(.numPartitions) }
    package var defaultReplicationFactor: Int { int(.defaultReplicationFactor) }
    package var messageMaxBytes: Int { int(.messageMaxBytes) }
    package var fetchMaxBytes: Int { int(.fetchMaxBytes) }
    package var maxIncrementalFetchSessionCacheSlots: Int { int(.maxIncrementalFetchSessionCacheSlots) }
    package var maxRequestPartitionSizeLimit: Int { int(.maxRequestPartitionSizeLimit) }
    package var requestTimeoutMs: Int64 { integer(.requestTimeoutMs) }

    // MARK: Logs

    package var logRetentionCheckIntervalMs: Int64 { integer(.logRetentionCheckIntervalMs) }
    package var logFlushSchedulerIntervalMs: Int64 { integer(.logFlushSchedulerIntervalMs) }
    package var logFlushOffsetCheckpointIntervalMs: Int64 { integer(.logFlushOffsetCheckpointIntervalMs) }
    package var logFlushStartOffsetCheckpointIntervalMs: Int64 { integer(.logFlushStartOffsetCheckpointIntervalMs) }
    package var logInitialTaskDelayMs: Int64 { integer(.logInitialTaskDelayMs) }
    package var numRecoveryThreadsPerDataDir: Int { int(.numRecoveryThreadsPerDataDir) }
    package var replicaHighWatermarkCheckpointIntervalMs: Int64 { integer(.replicaHighWatermarkCheckpointIntervalMs) }
    package var producerIdExpirationMs: Int64 { integer(.producerIdExpirationMs) }
    package var producerIdExpirationCheckIntervalMs: Int64 { integer(.producerIdExpirationCheckIntervalMs) }
    package var logCleanerEnable: Bool { bool(.logCleanerEnable) }
    package var logCleanerThreads: Int { int(.logCleanerThreads) }
    package var logCleanerBackoffMs: Int64 { integer(.logCleanerBackoffMs) }
    package var logCleanerDedupeBufferSize: Int64 { integer(.logCleanerDedupeBufferSize) }
    package var logCleanerIoBufferSize: Int { int(.logCleanerIoBufferSize) }
    package var logCleanerIoBufferLoadFactor: Double { double(.logCleanerIoBufferLoadFactor) }
    package var logCleanerIoMaxBytesPerSecond: Double { double(.logCleanerIoMaxBytesPerSecond) }

    // MARK: Metadata log

    package var metadataLogMaxRecordBytesBetweenSnapshots: Int64 { integer(.metadataLogMaxRecordBytesBetweenSnapshots) }
    package var metadataLogMaxSnapshotIntervalMs: Int64 { integer(.metadataLogMaxSnapshotIntervalMs) }
    package var metadataLogSegmentBytes: Int { int(.metadataLogSegmentBytes) }
    package var metadataMaxRetentionBytes: Int64 { integer(.metadataMaxRetentionBytes) }
    package var metadataMaxRetentionMs: Int64 { integer(.metadataMaxRetentionMs) }

    // MARK: Groups

    package var groupInitialRebalanceDelayMs: Int32 { Int32(int(.groupInitialRebalanceDelayMs)) }
    package var groupMinSessionTimeoutMs: Int32 { Int32(int(.groupMinSessionTimeoutMs)) }
    package var groupMaxSessionTimeoutMs: Int32 { Int32(int(.groupMaxSessionTimeoutMs)) }
    package var groupMaxSize: Int { int(.groupMaxSize) }
    package var offsetMetadataMaxBytes: Int { int(.offsetMetadataMaxBytes) }
    package var offsetsRetentionMinutes: Int64 { integer(.offsetsRetentionMinutes) }
    package var offsetsRetentionCheckIntervalMs: Int64 { integer(.offsetsRetentionCheckIntervalMs) }
    package var offsetsCommitTimeoutMs: Int64 { integer(.offsetsCommitTimeoutMs) }
    package var offsetsTopicNumPartitions: Int { int(.offsetsTopicNumPartitions) }
    package var offsetsTopicSegmentBytes: Int { int(.offsetsTopicSegmentBytes) }
    /// A CompressionType id: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    package var offsetsTopicCompressionCodec: Int8 { Int8(clamping: int(.offsetsTopicCompressionCodec)) }

    // MARK: Transactions

    package var transactionStateLogNumPartitions: Int { int(.transactionStateLogNumPartitions) }
    package var transactionStateLogSegmentBytes: Int { int(.transactionStateLogSegmentBytes) }
    package var transactionMaxTimeoutMs: Int32 { Int32(int(.transactionMaxTimeoutMs)) }
    package var transactionalIdExpirationMs: Int64 { integer(.transactionalIdExpirationMs) }

    /// Replicas of an internal topic: as configured, but no more than there are brokers. One node serves groups with
    /// Kafka's defaults of 3 that way (Kafka itself does not: kafkajs#1752).
    package func replicationFactor(_ key: BrokerKey, brokers: Int) -> Int { max(1, min(int(key), brokers)) }
    package func offsetsTopicReplicationFactor(brokers: Int) -> Int {
        replicationFactor(.offsetsTopicReplicationFactor, brokers: brokers)
    }
    package func transactionStateLogReplicationFactor(brokers: Int) -> Int {
        replicationFactor(.transactionStateLogReplicationFactor, brokers: brokers)
    }
    package func transactionStateLogMinIsr(brokers: Int) -> Int {
        replicationFactor(.transactionStateLogMinIsr, brokers: brokers)
    }
}
