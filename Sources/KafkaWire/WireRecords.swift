/// Record batches in a message: as they came, or a piece that the answer carries beside its bytes.
public enum WireRecords: BitwiseCopyable, Equatable {
    case null
    case bytes(WireBytes)
    /// The piece with this number in the list of whoever sends the answer. The writer writes the length and notes
    /// where the piece belongs.
    case piece(number: Int32, length: Int32)

    @inlinable public static var empty: WireRecords { .bytes(.empty) }

    @inlinable public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The bytes, where there are some here: empty for null, nil for a piece.
    @inlinable public var bytes: WireBytes? {
        switch self {
        case .null: .empty
        case .bytes(let bytes): bytes
        case .piece: nil
        }
    }

    @inlinable public var count: Int {
        switch self {
        case .null: 0
        case .bytes(let bytes): bytes.count
        case .piece(_, let length): Int(length)
        }
    }
}
