internal import Files
internal import Synchronization

/// `.index`: where a batch begins, by the offset of its last record, for about every `index.interval.bytes` of the segment.
/// 8 bytes an entry: offset less base offset, file position. Written in place as it grows; Kafka preallocates and trims.
final class OffsetIndex: Sendable {
    struct Entry: IndexEntry {
        static let size = 8
        var relativeOffset: Int32
        var position: Int32

        var key: Int64 { Int64(relativeOffset) }

        init(relativeOffset: Int32, position: Int32) {
            self.relativeOffset = relativeOffset
            self.position = position
        }

        init(_ bytes: UnsafeRawPointer) {
            relativeOffset = Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))
            position = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self))
        }

        func store(to bytes: UnsafeMutableRawPointer) {
            bytes.storeBytes(of: relativeOffset.bigEndian, as: Int32.self)
            bytes.storeBytes(of: position.bigEndian, toByteOffset: 4, as: Int32.self)
        }
    }

    let baseOffset: Int64
    let file: SegmentFile
    private let entries: Mutex<EntryFile<Entry>>

    init(baseOffset: Int64, file: SegmentFile, written: Int) {
        self.baseOffset = baseOffset
        self.file = file
        entries = Mutex(EntryFile(file: file, written: written))
    }

    var count: Int { entries.withLock { $0.count } }

    /// The caller has seen to it that the offset is within the segment's reach.
    func append(lastOffset: Int64, position: Int) throws(FileError) {
        let entry = Entry(relativeOffset: Int32(lastOffset - baseOffset), position: Int32(position))
        try entries.withLock { entries throws(FileError) in try entries.append(entry) }
    }

    /// A position at or before the batch with the offset: of the last entry at or below it, else the segment's start.
    func floor(_ offset: Int64, mayWait: Bool) throws(LogError) -> (offset: Int64, position: Int) {
        let relative = offset - baseOffset
        let found = try entries.withLock { entries throws(LogError) in try entries.floor(relative, mayWait: mayWait) }
        guard let found else { return (baseOffset, 0) }
        return (baseOffset + Int64(found.entry.relativeOffset), Int(found.entry.position))
    }

    /// The first entry whose position is at or after `position`: an offset beyond what lies before it; nil where there is none.
    func offset(atOrAfterPosition position: Int, from offset: Int64, mayWait: Bool) throws(LogError) -> Int64? {
        try entries.withLock { entries throws(LogError) in
            var low = try entries.floor(offset - baseOffset, mayWait: mayWait)?.slot ?? 0
            var high = entries.count
            let end = high
            while low < high {
                let middle = (low + high) / 2
                if try Int(entries.entry(middle, mayWait: mayWait).position) < position { low = middle + 1 } else { high = middle }
            }
            return low < end ? baseOffset + Int64(try entries.entry(low, mayWait: mayWait).relativeOffset) : nil
        }
    }

    func entry(_ slot: Int) throws(LogError) -> (offset: Int64, position: Int) {
        try entries.withLock { entries throws(LogError) in
            let entry = try entries.entry(slot)
            return (baseOffset + Int64(entry.relativeOffset), Int(entry.position))
        }
    }

    func last() throws(LogError) -> (offset: Int64, position: Int)? {
        try entries.withLock { entries throws(LogError) in
            guard entries.count > 0 else { return nil }
            let entry = try entries.entry(entries.count - 1)
            return (baseOffset + Int64(entry.relativeOffset), Int(entry.position))
        }
    }

    /// Keeps the entries for positions below `size`.
    func truncate(toPosition size: Int, durably: Bool = true) throws(LogError) {
        try entries.withLock { entries throws(LogError) in
            var low = 0, high = entries.count
            while low < high {
                let middle = (low + high) / 2
                if try Int(entries.entry(middle).position) < size { low = middle + 1 } else { high = middle }
            }
            guard low < entries.count else { return }
            do throws(FileError) { try entries.truncate(to: low, durably: durably) } catch { throw LogError(error) }
        }
    }

    /// Whether offsets and positions rise throughout and stay inside a segment of `size` bytes. No entry is for the first batch, so
    /// zeros are entries that were lost.
    func isConsistent(segmentSize size: Int) throws(LogError) -> Bool {
        try entries.withLock { entries throws(LogError) in
            var last: Entry?, isConsistent = true
            try entries.forEach { entry in
                isConsistent = entry.relativeOffset >= 0 && entry.position > 0 && entry.position < size
                if let last {
                    isConsistent = isConsistent && entry.relativeOffset > last.relativeOffset && entry.position > last.position
                }
                last = entry
                return isConsistent
            }
            return isConsistent
        }
    }

    func makeRoom() throws(FileError) { try entries.withLock { entries throws(FileError) in try entries.makeRoom() } }
    func write() throws(FileError) { try entries.withLock { entries throws(FileError) in try entries.write() } }
    func rest() throws(FileError) { try entries.withLock { entries throws(FileError) in try entries.rest() } }
    func reset(durably: Bool = true) throws(FileError) {
        try entries.withLock { entries throws(FileError) in try entries.truncate(to: 0, durably: durably) }
    }

    func distrust() { entries.withLock { $0.distrust() } }

    func sync() throws(FileError) {
        let dirty = try entries.withLock { entries throws(FileError) in try entries.takeDirty() }
        try dirty?.sync()
    }
}
