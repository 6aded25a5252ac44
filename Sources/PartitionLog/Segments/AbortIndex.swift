internal import Files
internal import Synchronization

/// A transaction that was aborted: what a reader of committed records has to leave out.
package struct AbortedTransaction: Sendable, Equatable {
    package var producerId: Int64
    package var firstOffset: Int64
    /// The abort marker's offset.
    package var lastOffset: Int64
    /// Where the last stable offset stood when it was aborted.
    package var lastStableOffset: Int64

    package init(producerId: Int64, firstOffset: Int64, lastOffset: Int64, lastStableOffset: Int64) {
        self.producerId = producerId
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.lastStableOffset = lastStableOffset
    }
}

/// `.txnindex`: the transactions whose abort marker stands in the segment, by the marker's offset. 34 bytes an entry: version 0,
/// producer id, first offset, last offset, last stable offset. The file is made with the first entry.
final class AbortIndex: Sendable {
    private static let size = 34

    private struct State {
        /// -1: not yet looked at.
        var count = -1
        var isDirty = false
    }

    let file: SegmentFile
    private let state = Mutex(State())

    init(file: SegmentFile, isAbsent: Bool) {
        self.file = file
        if isAbsent { state.withLock { $0.count = 0 } }
    }

    func isEmpty() throws(LogError) -> Bool {
        try state.withLock { state throws(LogError) in try loadedCount(&state) == 0 }
    }

    private func loadedCount(_ state: inout State) throws(LogError) -> Int {
        if state.count >= 0 { return state.count }
        do throws(FileError) {
            state.count = Int(try file.open().size()) / Self.size
        } catch where error.isNotFound {
            state.count = 0
        } catch {
            throw LogError(error)
        }
        return state.count
    }

    func append(_ transaction: AbortedTransaction) throws(LogError) {
        try state.withLock { state throws(LogError) in
            let slot = try loadedCount(&state)
            do throws(FileError) {
                try file.open(create: true).write(Self.encode(transaction), at: Int64(slot * Self.size))
            } catch {
                throw LogError(error)
            }
            state.count = slot + 1
            state.isDirty = true
        }
    }

    /// All of them, in the order of their markers.
    func transactions() throws(LogError) -> [AbortedTransaction] {
        let count = try state.withLock { state throws(LogError) in try loadedCount(&state) }
        guard count > 0 else { return [] }
        do throws(FileError) {
            let bytes = try file.open().bytes(at: 0, count: count * Self.size)
            return bytes.withUnsafeBytes { buffer in
                (0..<(buffer.count / Self.size)).map { Self.decode(buffer, at: $0 * Self.size) }
            }
        } catch {
            throw LogError(error)
        }
    }

    /// Keeps the transactions whose marker stands below `offset`.
    func truncate(toOffset offset: Int64) throws(LogError) {
        let all = try transactions()
        let kept = all.prefix { $0.lastOffset < offset }.count
        guard kept < all.count else { return }
        try state.withLock { state throws(LogError) in
            do throws(FileError) {
                let file = try file.open(create: true)
                try file.truncate(to: Int64(kept * Self.size))
                try file.sync()
            } catch {
                throw LogError(error)
            }
            state.count = kept
        }
    }

    func reset() throws(LogError) { try truncate(toOffset: .min) }

    /// An earlier process wrote it and may not have synced it.
    func distrust() { state.withLock { $0.isDirty = $0.count != 0 } }

    func sync() throws(FileError) {
        let isDirty = state.withLock { state in
            defer { state.isDirty = false }
            return state.isDirty
        }
        if isDirty { try file.open(create: true).sync() }
    }

    private static func encode(_ transaction: AbortedTransaction) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
        bytes.withUnsafeMutableBytes { buffer in
            let fields = [
                transaction.producerId, transaction.firstOffset, transaction.lastOffset, transaction.lastStableOffset,
            ]
            for (slot, field) in fields.enumerated() {
                buffer.storeBytes(of: field.bigEndian, toByteOffset: 2 + 8 * slot, as: Int64.self)
            }
        }
        return bytes
    }

    private static func decode(_ buffer: UnsafeRawBufferPointer, at offset: Int) -> AbortedTransaction {
        func field(_ slot: Int) -> Int64 {
            Int64(bigEndian: buffer.loadUnaligned(fromByteOffset: offset + 2 + 8 * slot, as: Int64.self))
        }
        return AbortedTransaction(
            producerId: field(0), firstOffset: field(1), lastOffset: field(2), lastStableOffset: field(3))
    }
}
