/// What a partition's log wants to know of its topic's configuration. The names are Kafka's keys.
package struct LogConfiguration: Sendable, Equatable {
    package var segmentBytes = 1 << 30
    package var segmentMs: Int64 = 7 * 24 * 3_600_000
    package var segmentJitterMs: Int64 = 0
    /// `segment.index.bytes`
    package var segmentIndexBytes = 10 << 20
    package var indexIntervalBytes = 4096
    /// -1: without end.
    package var retentionMs: Int64 = 7 * 24 * 3_600_000
    /// -1: without end.
    package var retentionBytes: Int64 = -1
    package var maxMessageBytes = 1_048_588
    /// `flush.messages`
    package var flushMessages = Int64.max
    package var flushMs = Int64.max
    package var fileDeleteDelayMs: Int64 = 60_000
    /// `cleanup.policy` has `delete`.
    package var deletes = true
    /// `cleanup.policy` has `compact`.
    package var compacts = false
    package var minCleanableDirtyRatio = 0.5
    package var minCompactionLagMs: Int64 = 0
    package var maxCompactionLagMs = Int64.max
    package var deleteRetentionMs: Int64 = 24 * 3_600_000

    package init() {}

    /// Where in an index file the last entry ends that `segment.index.bytes` has room for.
    func maxEntries(ofBytes size: Int) -> Int { max(1, segmentIndexBytes / size) }
}
