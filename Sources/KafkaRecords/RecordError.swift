/// Why record bytes are refused: what is wrong, in words for the peer's and the operator's log, and the Kafka error
/// code that a produce request with such bytes is answered with.
package struct RecordError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// A length, a magic or a checksum that cannot be (Kafka's CorruptRecordException).
        case corruptMessage
        /// What is inside a batch does not fit together, or may not come from a client (InvalidRecordException).
        case invalidRecord
        /// A timestamp outside the topic's bounds (InvalidTimestampException).
        case invalidTimestamp
        /// Larger than `max.message.bytes`, or than what may be unpacked from one batch (RecordTooLargeException).
        case messageTooLarge
        /// A codec number without a codec, or a codec that this magic does not know.
        case unsupportedCompressionType
        /// A payload that its codec cannot read. Kafka answers UNKNOWN_SERVER_ERROR; the bytes are corrupt, so we say
        /// that.
        case brokenCompression
        /// Idempotent or transactional batches where the format has no place for them.
        case unsupportedForMessageFormat
        /// Where an arithmetic check of Kafka's own fails and it answers UNKNOWN_SERVER_ERROR; kept for the same
        /// verdict.
        case unreadable
    }

    /// One record that was refused, by its place in the batch, with what the producer's application is told.
    package struct RejectedRecord: Equatable, Sendable {
        package var batchIndex: Int32
        package var message: String

        package init(batchIndex: Int32, message: String) {
            self.batchIndex = batchIndex
            self.message = message
        }

        /// Of a compacted topic; `naming` puts the partition behind it.
        static let lacksKey = "Compacted topic cannot accept message without key in topic partition"
    }

    package var kind: Kind
    package var message: String
    /// The records that a produce answer lists as `RecordErrors` (version 8 and later); empty where the batch as a
    /// whole is wrong.
    package var rejectedRecords: [RejectedRecord]

    package init(_ kind: Kind, _ message: String, rejectedRecords: [RejectedRecord] = []) {
        self.kind = kind
        self.message = message
        self.rejectedRecords = rejectedRecords
    }

    /// The number in Kafka's table of errors.
    package var errorCode: Int16 {
        switch kind {
        case .corruptMessage, .brokenCompression: 2
        case .invalidRecord: 87
        case .invalidTimestamp: 32
        case .messageTooLarge: 10
        case .unsupportedCompressionType: 76
        case .unsupportedForMessageFormat: 43
        case .unreadable: -1
        }
    }

    package var description: String { message }
}

extension RecordError {
    /// With the partition in those texts in which Kafka names it: who checks records does not know whose they are.
    package func naming(partition: @autoclosure () -> String) -> RecordError {
        guard rejectedRecords.contains(where: { $0.message == RejectedRecord.lacksKey }) else { return self }
        var named = self
        for index in named.rejectedRecords.indices where named.rejectedRecords[index].message == RejectedRecord.lacksKey {
            named.rejectedRecords[index].message += " \(partition())"
        }
        if kind == .invalidRecord { named.message = Self.text(of: named.rejectedRecords) }
        return named
    }

    static func text(of rejected: [RejectedRecord]) -> String {
        let shown = rejected.prefix(3).map { "RecordError(batchIndex=\($0.batchIndex), message='\($0.message)')" }
        return "One or more records have been rejected due to \(rejected.count) record errors in total, "
            + "and only showing the first three errors at most: [\(shown.joined(separator: ", "))]"
    }
}
