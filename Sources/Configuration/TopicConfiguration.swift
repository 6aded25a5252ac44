/// What happens to a partition's old records; both at once is allowed, and so is neither (everything is kept).
package struct CleanupPolicy: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let delete = CleanupPolicy(rawValue: 1)
    package static let compact = CleanupPolicy(rawValue: 2)
}

/// compression.type of a topic.
package enum TopicCompression: String, Sendable {
    /// As the producer sent it.
    case producer
    case uncompressed, gzip, snappy, lz4, zstd
}

package enum MessageTimestampType: String, Sendable {
    case createTime = "CreateTime"
    case logAppendTime = "LogAppendTime"
}

/// A topic's configuration in force: its overrides, under them the broker's, under them Kafka's defaults.
///
/// Immutable, so that partitions share it; topics without overrides share one.
package final class TopicConfiguration: Sendable {
    package let cleanupPolicy: CleanupPolicy
    package let compressionType: TopicCompression
    /// -1: the library's own default.
    package let compressionGzipLevel: Int32
    package let compressionLz4Level: Int32
    package let compressionZstdLevel: Int32
    package let deleteRetentionMs: Int64
    package let fileDeleteDelayMs: Int64
    package let flushMessages: Int64
    package let flushMs: Int64
    package let indexIntervalBytes: Int
    package let maxCompactionLagMs: Int64
    package let minCompactionLagMs: Int64
    package let maxDecompressedMessageBytes: Int
    package let maxMessageBytes: Int
    /// Whether readers of the time before Kafka 0.11 get their records converted.
    package let messageDownconversionEnable: Bool
    package let messageTimestampAfterMaxMs: Int64
    package let messageTimestampBeforeMaxMs: Int64
    package let messageTimestampType: MessageTimestampType
    package let minCleanableDirtyRatio: Double
    package let minInSyncReplicas: Int
    package let preallocate: Bool
    /// -1: no limit.
    package let retentionBytes: Int64
    /// -1: no limit.
    package let retentionMs: Int64
    package let segmentBytes: Int
    package let segmentIndexBytes: Int
    package let segmentJitterMs: Int64
    package let segmentMs: Int64
    package let uncleanLeaderElectionEnable: Bool

    /// `rejected` hears of overrides that cannot be read (a metadata log may hold such); the broker's value counts then.
    package init(
        overrides: [String: String] = [:], broker: BrokerConfiguration = BrokerConfiguration(),
        rejected: (ConfigurationError) -> Void = { _ in }
    ) {
        let readable = overrides.filter { name, value in
            do throws(ConfigurationError) {
                try TopicKey(name)?.facts.parse(value)
                return true
            } catch {
                rejected(error)
                return false
            }
        }
        let values = Values(overrides: readable, broker: broker)
        var policy: CleanupPolicy = []
        for element in values.list(.cleanupPolicy) { policy.insert(element == "compact" ? .compact : .delete) }
        cleanupPolicy = policy
        compressionType = TopicCompression(rawValue: values.string(.compressionType)) ?? .producer
        compressionGzipLevel = Int32(values.integer(.compressionGzipLevel))
        compressionLz4Level = Int32(values.integer(.compressionLz4Level))
        compressionZstdLevel = Int32(values.integer(.compressionZstdLevel))
        deleteRetentionMs = values.integer(.deleteRetentionMs)
        fileDeleteDelayMs = values.integer(.fileDeleteDelayMs)
        flushMessages = values.integer(.flushMessages)
        flushMs = values.integer(.flushMs)
        indexIntervalBytes = Int(values.integer(.indexIntervalBytes))
        maxCompactionLagMs = values.integer(.maxCompactionLagMs)
        minCompactionLagMs = values.integer(.minCompactionLagMs)
        maxDecompressedMessageBytes = Int(values.integer(.maxDecompressedMessageBytes))
        maxMessageBytes = Int(values.integer(.maxMessageBytes))
        messageDownconversionEnable = values.bool(.messageDownconversionEnable)
        messageTimestampAfterMaxMs = values.integer(.messageTimestampAfterMaxMs)
        messageTimestampBeforeMaxMs = values.integer(.messageTimestampBeforeMaxMs)
        messageTimestampType = MessageTimestampType(rawValue: values.string(.messageTimestampType)) ?? .createTime
        minCleanableDirtyRatio = values.double(.minCleanableDirtyRatio)
        minInSyncReplicas = Int(values.integer(.minInsyncReplicas))
        preallocate = values.bool(.preallocate)
        retentionBytes = values.integer(.retentionBytes)
        retentionMs = values.integer(.retentionMs)
        // internal.segment.bytes goes below the megabyte that segment.bytes asks for: Kafka's own tests use it.
        segmentBytes = Int(values.optionalInteger(.internalSegmentBytes) ?? values.integer(.segmentBytes))
        segmentIndexBytes = Int(values.integer(.segmentIndexBytes))
        segmentJitterMs = values.integer(.segmentJitterMs)
        segmentMs = values.integer(.segmentMs)
        uncleanLeaderElectionEnable = values.bool(.uncleanLeaderElectionEnable)
    }

    /// Overrides in literal form, for tests and internal topics.
    package convenience init(_ overrides: KeyValuePairs<String, String>, broker: BrokerConfiguration = .init()) {
        self.init(overrides: Dictionary(uniqueKeysWithValues: overrides.map { ($0.key, $0.value) }), broker: broker)
    }

    /// Kafka's defaults for a jitter that depends on the partition: segments do not all roll at the same time.
    package func randomSegmentJitterMs(random: UInt64) -> Int64 {
        segmentJitterMs <= 0 ? 0 : Int64(random % UInt64(min(segmentJitterMs, segmentMs) + 1))
    }

    private struct Values {
        let overrides: [String: String]
        let broker: BrokerConfiguration

        func value(_ key: TopicKey) -> ConfigurationValue? {
            if !overrides.isEmpty, let text = overrides[key.name] { return try? key.facts.parse(text) }
            guard let brokerKey = key.brokerKey else { return key.facts.parsedDefault(in: broker.keys) }
            if let group = SynonymGroup(of: brokerKey) { return .integer(broker.milliseconds(group)) }
            return broker.value(brokerKey)
        }

        func optionalInteger(_ key: TopicKey) -> Int64? {
            guard case .integer(let number)? = value(key) else { return nil }
            return number
        }
        func integer(_ key: TopicKey) -> Int64 { optionalInteger(key) ?? 0 }
        func bool(_ key: TopicKey) -> Bool { value(key) == .boolean(true) }
        func string(_ key: TopicKey) -> String {
            guard case .string(let text)? = value(key) else { return "" }
            return text
        }
        func double(_ key: TopicKey) -> Double {
            guard case .double(let number)? = value(key) else { return 0 }
            return number
        }
        func list(_ key: TopicKey) -> [String] {
            guard case .list(let elements)? = value(key) else { return [] }
            return elements
        }
    }
}

extension TopicConfiguration {
    /// Checks a topic's overrides as a whole, as Kafka does before it creates or alters a topic.
    package static func validate(
        _ overrides: [String: String], broker: BrokerConfiguration
    ) throws(ConfigurationError) {
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
            guard let key = TopicKey(name) else {
                throw ConfigurationError(key: name, value: value, message: "Unknown topic config name: \(name)")
            }
            try key.facts.parse(value)
        }
        let whole = TopicConfiguration(overrides: overrides, broker: broker)
        if whole.minCompactionLagMs > whole.maxCompactionLagMs {
            throw ConfigurationError(
                key: "max.compaction.lag.ms", value: "\(whole.maxCompactionLagMs)",
                message: "conflict topic config setting min.compaction.lag.ms (\(whole.minCompactionLagMs))"
                    + " > max.compaction.lag.ms (\(whole.maxCompactionLagMs))")
        }
        if let value = overrides["remote.storage.enable"], value.trimmingBlanks.lowercased() == "true" {
            throw ConfigurationError(
                key: "remote.storage.enable", value: value,
                message: "Tiered Storage functionality is disabled in the broker. "
                    + "Topic cannot be configured with remote log storage.")
        }
    }
}
