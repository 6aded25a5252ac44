/// What a batch's timestamps mean: set by the producer, or by the broker when it appended.
package enum TimestampType: UInt8, Sendable, Hashable {
    case createTime = 0
    case logAppendTime = 1
}

/// The codecs, with the numbers that batch attributes carry (bits 0 to 2).
package enum CompressionType: UInt8, Sendable, Hashable, CaseIterable {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// The word in `compression.type` and in Kafka's tools.
    package var name: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    /// By the word in `compression.type`; `uncompressed` is that configuration's word for none.
    package init?(name: String) {
        switch name {
        case "none", "uncompressed": self = .none
        case "gzip": self = .gzip
        case "snappy": self = .snappy
        case "lz4": self = .lz4
        case "zstd": self = .zstd
        default: return nil
        }
    }
}

/// What a batch says where it has nothing to say (Kafka's RecordBatch constants).
package enum NoValue {
    package static let timestamp: Int64 = -1
    package static let producerId: Int64 = -1
    package static let producerEpoch: Int16 = -1
    package static let sequence: Int32 = -1
    package static let partitionLeaderEpoch: Int32 = -1
}
