package import Files

/// Why a log refuses or fails: a kind with its Kafka error code, and words for the operator.
package struct LogError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        case offsetOutOfRange
        case corruptMessage
        case invalidRecord
        case messageTooLarge
        case recordListTooLarge
        case outOfOrderSequenceNumber
        case invalidProducerEpoch
        case transactionCoordinatorFenced
        case invalidTransactionState
        case unexpectedOffset
        /// The disk failed, or its directory is offline since it did.
        case storage
        /// The partition is being deleted or the broker stops.
        case closed
        /// What is asked for is not in the page cache and the caller must not wait: ask again on a worker.
        case notResident
        /// What stands in the directory cannot be used, and only the operator can say what to do.
        case unusableDirectory
    }

    package var kind: Kind
    package var message: String
    /// Too many open files are the process's trouble, not the disk's.
    private(set) var isOfProcess = false

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package init(_ error: FileError) {
        self.init(.storage, error.description)
        isOfProcess = error.isTooManyOpenFiles
    }

    /// The number in Kafka's table of errors.
    package var errorCode: Int16 {
        switch kind {
        case .offsetOutOfRange: 1
        case .corruptMessage: 2
        case .invalidRecord: 87
        case .messageTooLarge: 10
        case .recordListTooLarge: 18
        case .outOfOrderSequenceNumber: 45
        case .invalidProducerEpoch: 47
        case .transactionCoordinatorFenced: 52
        case .invalidTransactionState: 48
        case .unexpectedOffset: -1
        case .storage, .unusableDirectory: 56
        case .closed: 6
        case .notResident: -1
        }
    }

    package var description: String { message }
}
