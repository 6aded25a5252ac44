/// Levels of the feature `metadata.version` (Kafka's MetadataVersion): which forms of record a cluster may have.
package enum MetadataVersion {
    package static let featureName = "metadata.version"
    /// 3.9-IV0, which both Kafka 3.9 and 4.4 open: what a fresh directory gets.
    package static let fresh: Int16 = 21
    /// 3.3-IV3, the oldest that Kafka 4 opens.
    package static let oldest: Int16 = 7
    /// What Kafka 4.4 writes.
    package static let newest: Int16 = 33

    /// Partitions know the log directory of each replica since 3.7-IV2.
    static func partitionRecordVersion(_ level: Int16) -> Int16 { level >= 23 ? 2 : level >= 17 ? 1 : 0 }
    static func partitionChangeRecordVersion(_ level: Int16) -> Int16 { partitionRecordVersion(level) }
    static func registerBrokerRecordVersion(_ level: Int16) -> Int16 { level >= 17 ? 3 : level >= 8 ? 2 : 1 }
}
