package import Files

/// A place in the log: an offset and where it stands in which segment. Segment -1: not known yet.
struct LogPlace: Sendable {
    var offset: Int64
    var segmentBase: Int64 = -1
    var position = 0

    var isKnown: Bool { segmentBase >= 0 }
}

/// What readers see of a log: published by appends, copied by readers under a lock that is held for the copy alone.
struct LogView: Sendable {
    var segments: [Segment]
    var logStartOffset: Int64
    /// The end of the log; its position is the active segment's size.
    var end: LogPlace
    var highWatermark: LogPlace
    /// The first offset of a transaction that is not decided; nil where there is none.
    var firstUnstable: LogPlace?
    var epochs: LeaderEpochCache
    /// What was appended last: most readers wait for just this. nil where that is not known any more.
    var lastAppend: LastAppend?

    var lastStable: LogPlace {
        guard let firstUnstable, firstUnstable.offset < highWatermark.offset else { return highWatermark }
        return firstUnstable
    }

    func bound(_ isolation: ReadIsolation) -> LogPlace {
        switch isolation {
        case .logEnd: end
        case .highWatermark: highWatermark
        case .lastStable: lastStable
        }
    }
}

/// Where the last append's first batch stands; its batches reach to the log's end.
struct LastAppend: Sendable {
    var first: BatchPlace
    var segmentBase: Int64
    var atMs: Int64

    init(_ first: BatchPlace, _ segment: Segment, at position: Int, nowMs: Int64) {
        self.first = first
        self.first.position = position
        segmentBase = segment.baseOffset
        atMs = nowMs
    }

    /// So long what was written is taken to be in the page cache. Nothing can drive it out before it is on the disk, which the
    /// kernel takes longer for.
    static let recentMs: Int64 = 5_000
}

/// How far a reader may see.
package enum ReadIsolation: Sendable {
    /// Followers.
    case logEnd
    /// Consumers.
    case highWatermark
    /// Consumers of committed records alone.
    case lastStable
}

package struct AppendResult: Sendable, Equatable {
    package var firstOffset: Int64
    package var lastOffset: Int64
    /// -1 where the topic's timestamps are the producer's.
    package var logAppendTimeMs: Int64
    package var logStartOffset: Int64
    /// The batch was in the log already; nothing was written, and the offsets are the old ones.
    package var isDuplicate = false
    /// `flush.messages` says that this append is on the disk before it is acknowledged: see `PartitionLog.acknowledged`.
    package var mustFlush = false
    /// The disk is slow: the batches have their offsets, and a worker writes them.
    package var isPending = false

    /// Nothing to wait for.
    package var isAcknowledged: Bool { !mustFlush && !isPending }
}

package struct LogRead: Sendable {
    /// nil where there is nothing to read.
    package var region: FileRegion?
    package var highWatermark: Int64
    package var lastStableOffset: Int64
    package var logStartOffset: Int64
    package var logEndOffset: Int64
    /// For `.lastStable` alone: those that overlap with the region, by first offset.
    package var abortedTransactions: [AbortedTransaction] = []
}
