package import KafkaMessages

/// The partitions of `__consumer_offsets`, as this room needs them. The broker's are those of `Replication`; a test has its own.
package protocol GroupLog: AnyObject, Sendable {
    /// Appends one batch (magic 2, offsets from 0); its place in the log when this returns. Thread-safe.
    func append(
        _ batch: UnsafeMutableRawBufferPointer, to partition: Int32, leaderEpoch: Int32
    ) throws(GroupLogError) -> GroupLogAppend

    /// Calls `body` once: when the records up to `lastOffset` are committed, or with an error when they never will be. On any
    /// thread, maybe inside this call.
    func whenCommitted(
        _ partition: Int32, lastOffset: Int64, timeoutMs: Int32, _ body: @escaping @Sendable (ErrorCode) -> Void)

    /// Reads whole batches from `offset` on, at least one, at most `maxBytes` where the first is not larger, and hands them to
    /// `body` together. False at the end of the log. Waits for the disk.
    func read(
        _ partition: Int32, from offset: Int64, maxBytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool

    func logStartOffset(_ partition: Int32) -> Int64
}

package struct GroupLogAppend: Sendable {
    package var baseOffset: Int64
    package var lastOffset: Int64
    /// Nobody has to wait: the only replica has it.
    package var isCommitted: Bool

    package init(baseOffset: Int64, lastOffset: Int64, isCommitted: Bool) {
        self.baseOffset = baseOffset
        self.lastOffset = lastOffset
        self.isCommitted = isCommitted
    }
}

/// Why records could not be appended, as the log says it.
package struct GroupLogError: Error {
    package var code: ErrorCode
    package var message: String

    package init(code: ErrorCode, message: String) {
        self.code = code
        self.message = message
    }

    /// What the members and committers are told: errors of a log mean nothing to them.
    var forClients: ErrorCode { code.asCoordinatorError }
}

extension ErrorCode {
    /// Kafka's translation of an append's error for group requests.
    var asCoordinatorError: ErrorCode {
        switch self {
        case .unknownTopicOrPartition, .notEnoughReplicas, .notEnoughReplicasAfterAppend, .requestTimedOut:
            .coordinatorNotAvailable
        case .notLeaderOrFollower, .kafkaStorageError:
            .notCoordinator
        case .messageTooLarge, .recordListTooLarge, .invalidFetchSize:
            .unknownServerError
        default:
            self
        }
    }
}
