internal import Files
internal import Synchronization

/// A timestamp and the offset it stands at.
package struct TimestampOffset: Sendable, Equatable {
    package var timestamp: Int64
    package var offset: Int64

    package init(timestamp: Int64, offset: Int64) {
        self.timestamp = timestamp
        self.offset = offset
    }
}

/// `.timeindex`: the largest timestamp up to an offset, 12 bytes an entry: timestamp, offset less base offset. Timestamps rise.
/// It also knows the segment's largest timestamp so far, which gets its entry when the segment is closed.
final class TimeIndex: Sendable {
    struct Entry: IndexEntry {
        static let size = 12
        var timestamp: Int64
        var relativeOffset: Int32

        var key: Int64 { timestamp }

        init(timestamp: Int64, relativeOffset: Int32) {
            self.timestamp = timestamp
            self.relativeOffset = relativeOffset
        }

        init(_ bytes: UnsafeRawPointer) {
            timestamp = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
            relativeOffset = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self))
        }

        func store(to bytes: UnsafeMutableRawPointer) {
            bytes.storeBytes(of: timestamp.bigEndian, as: Int64.self)
            bytes.storeBytes(of: relativeOffset.bigEndian, toByteOffset: 8, as: Int32.self)
        }
    }

    private struct State {
        var entries: EntryFile<Entry>
        /// nil until it was read from the file's last entry; -1 where the segment has no timestamp.
        var largest: TimestampOffset?
        /// The last entry's timestamp, for the rule that they rise.
        var lastIndexed: Int64?
    }

    let baseOffset: Int64
    let file: SegmentFile
    private let state: Mutex<State>

    init(baseOffset: Int64, file: SegmentFile, written: Int) {
        self.baseOffset = baseOffset
        self.file = file
        let none = written == 0
        state = Mutex(
            State(
                entries: EntryFile(file: file, written: written),
                largest: none ? TimestampOffset(timestamp: -1, offset: baseOffset) : nil, lastIndexed: none ? -1 : nil))
    }

    var count: Int { state.withLock { $0.entries.count } }

    /// The segment's largest timestamp so far with its batch's last offset; timestamp -1 where it has none.
    func largest() throws(LogError) -> TimestampOffset {
        try state.withLock { state throws(LogError) in try largest(&state) }
    }

    /// The same without looking into the file; nil where that would be needed.
    var knownLargest: TimestampOffset? { state.withLock { $0.largest } }

    private func largest(_ state: inout State) throws(LogError) -> TimestampOffset {
        if let largest = state.largest { return largest }
        let entry = try state.entries.entry(state.entries.count - 1)
        let largest = TimestampOffset(timestamp: entry.timestamp, offset: baseOffset + Int64(entry.relativeOffset))
        state.largest = largest
        state.lastIndexed = entry.timestamp
        return largest
    }

    /// A batch with this largest timestamp was appended.
    func note(timestamp: Int64, lastOffset: Int64) throws(LogError) {
        try state.withLock { state throws(LogError) in
            if timestamp > (try largest(&state)).timestamp {
                state.largest = TimestampOffset(timestamp: timestamp, offset: lastOffset)
            }
        }
    }

    /// An entry for the largest timestamp so far, where it is larger than the last entry's.
    func appendLargest() throws(LogError) {
        try state.withLock { state throws(LogError) in
            let largest = try largest(&state)
            guard largest.timestamp > state.lastIndexed ?? -1 else { return }
            let entry = Entry(timestamp: largest.timestamp, relativeOffset: Int32(largest.offset - baseOffset))
            do throws(FileError) { try state.entries.append(entry) } catch { throw LogError(error) }
            state.lastIndexed = largest.timestamp
        }
    }

    func entry(_ slot: Int) throws(LogError) -> TimestampOffset {
        try state.withLock { state throws(LogError) in
            let entry = try state.entries.entry(slot)
            return TimestampOffset(timestamp: entry.timestamp, offset: baseOffset + Int64(entry.relativeOffset))
        }
    }

    func last() throws(LogError) -> TimestampOffset? {
        try state.withLock { state throws(LogError) in
            guard state.entries.count > 0 else { return nil }
            let entry = try state.entries.entry(state.entries.count - 1)
            return TimestampOffset(timestamp: entry.timestamp, offset: baseOffset + Int64(entry.relativeOffset))
        }
    }

    /// The offset of the last entry whose timestamp is below the asked one: the search may begin there; else the base offset.
    func floor(before timestamp: Int64) throws(LogError) -> Int64 {
        try state.withLock { state throws(LogError) in
            guard let found = try state.entries.floor(timestamp - 1) else { return baseOffset }
            return baseOffset + Int64(found.entry.relativeOffset)
        }
    }

    /// Keeps the entries for offsets below `offset`; the largest timestamp is then that of the last one that stays,
    /// and the caller notes what lies between.
    func truncate(toOffset offset: Int64, durably: Bool = true) throws(LogError) {
        try state.withLock { state throws(LogError) in
            let relative = offset - baseOffset
            var low = 0, high = state.entries.count
            while low < high {
                let middle = (low + high) / 2
                if try Int64(state.entries.entry(middle).relativeOffset) < relative { low = middle + 1 } else { high = middle }
            }
            if low < state.entries.count {
                do throws(FileError) { try state.entries.truncate(to: low, durably: durably) } catch { throw LogError(error) }
            }
            forgetLargest(&state)
        }
    }

    private func forgetLargest(_ state: inout State) {
        let none = state.entries.count == 0
        state.largest = none ? TimestampOffset(timestamp: -1, offset: baseOffset) : nil
        state.lastIndexed = none ? -1 : nil
    }

    /// Whether timestamps rise and offsets do not fall throughout, and stay below the segment's end. Zeros are taken for an entry that
    /// was lost, though a first batch of 1970 would have them.
    func isConsistent(endOffset: Int64) throws(LogError) -> Bool {
        try state.withLock { state throws(LogError) in
            var last: Entry?, isConsistent = true
            try state.entries.forEach { entry in
                isConsistent = entry.relativeOffset >= 0 && (entry.timestamp != 0 || entry.relativeOffset != 0)
                    && baseOffset &+ Int64(entry.relativeOffset) < endOffset
                if let last {
                    isConsistent = isConsistent && entry.timestamp > last.timestamp && entry.relativeOffset >= last.relativeOffset
                }
                last = entry
                return isConsistent
            }
            return isConsistent
        }
    }

    func makeRoom() throws(FileError) { try state.withLock { state throws(FileError) in try state.entries.makeRoom() } }
    func write() throws(FileError) { try state.withLock { state throws(FileError) in try state.entries.write() } }
    func rest() throws(FileError) { try state.withLock { state throws(FileError) in try state.entries.rest() } }

    func reset(durably: Bool = true) throws(FileError) {
        try state.withLock { state throws(FileError) in
            try state.entries.truncate(to: 0, durably: durably)
            forgetLargest(&state)
        }
    }

    func distrust() { state.withLock { $0.entries.distrust() } }

    func sync() throws(FileError) {
        let dirty = try state.withLock { state throws(FileError) in try state.entries.takeDirty() }
        try dirty?.sync()
    }
}
