package import Configuration
package import KafkaRecords
package import PartitionLog

// What configurations mean to the rooms below, which have plain structs of their own for it.

extension LogConfiguration {
    package init(_ topic: TopicConfiguration) {
        self.init()
        segmentBytes = topic.segmentBytes
        segmentMs = topic.segmentMs
        segmentJitterMs = topic.segmentJitterMs
        segmentIndexBytes = topic.segmentIndexBytes
        indexIntervalBytes = topic.indexIntervalBytes
        retentionMs = topic.retentionMs
        retentionBytes = topic.retentionBytes
        maxMessageBytes = topic.maxMessageBytes
        flushMessages = topic.flushMessages
        flushMs = topic.flushMs
        fileDeleteDelayMs = topic.fileDeleteDelayMs
        deletes = topic.cleanupPolicy.contains(.delete)
        compacts = topic.cleanupPolicy.contains(.compact)
        minCleanableDirtyRatio = topic.minCleanableDirtyRatio
        minCompactionLagMs = topic.minCompactionLagMs
        maxCompactionLagMs = topic.maxCompactionLagMs
        deleteRetentionMs = topic.deleteRetentionMs
    }
}

extension CleanerConfiguration {
    package init(_ broker: BrokerConfiguration) {
        self.init()
        isEnabled = broker.logCleanerEnable
        threads = max(1, broker.logCleanerThreads)
        memoryBytes = Int(clamping: broker.logCleanerDedupeBufferSize)
        loadFactor = broker.logCleanerIoBufferLoadFactor
        bufferBytes = broker.logCleanerIoBufferSize
        maxBytesPerSecond = broker.logCleanerIoMaxBytesPerSecond
        backoffMs = broker.logCleanerBackoffMs
    }
}

/// What a topic's configuration says of its partitions beside their logs.
package struct PartitionRules: Sendable {
    package var append: AppendRules
    /// `message.downconversion.enable`
    package var convertsDown: Bool
    /// `compression.type=zstd`: clients that cannot read it are told so.
    package var isZstandard: Bool

    package init(_ topic: TopicConfiguration) {
        append = AppendRules(topic)
        convertsDown = topic.messageDownconversionEnable
        isZstandard = topic.compressionType == .zstd
    }
}

extension AppendRules {
    package init(_ topic: TopicConfiguration) {
        self.init()
        timestampType = topic.messageTimestampType == .logAppendTime ? .logAppendTime : .createTime
        timestampBeforeMaxMs = topic.messageTimestampBeforeMaxMs
        timestampAfterMaxMs = topic.messageTimestampAfterMaxMs
        isCompacted = topic.cleanupPolicy.contains(.compact)
        compression = Compression(topic)
        maxMessageBytes = topic.maxMessageBytes
        maxDecompressedMessageBytes = topic.maxDecompressedMessageBytes
    }
}

extension Compression {
    /// nil: as the producer sent it.
    fileprivate init?(_ topic: TopicConfiguration) {
        switch topic.compressionType {
        case .producer: return nil
        case .uncompressed: self = .none
        case .gzip: self.init(.gzip, level: topic.compressionGzipLevel < 0 ? nil : topic.compressionGzipLevel)
        case .snappy: self.init(.snappy)
        case .lz4: self.init(.lz4, level: topic.compressionLz4Level)
        case .zstd: self.init(.zstd, level: topic.compressionZstdLevel)
        }
    }
}
