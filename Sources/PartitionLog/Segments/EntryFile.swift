internal import Files

/// An entry of an index: of fixed size, big-endian, ordered by its key.
protocol IndexEntry: Sendable {
    static var size: Int { get }
    /// What the entries are ordered by.
    var key: Int64 { get }
    init(_ bytes: UnsafeRawPointer)
    func store(to bytes: UnsafeMutableRawPointer)
}

/// The entries of one index: those on the file, and behind them those that wait in memory to be written in one piece.
///
/// Entries that wait are lost by a kill. That costs nothing: an index with fewer entries is right, only slower, and a start
/// that was not clean makes them anew for all that is not known to be on the disk.
struct EntryFile<Entry: IndexEntry>: Sendable {
    let file: SegmentFile
    /// How many are on the file.
    private(set) var written: Int
    private var pending: [Entry] = []
    /// Written since the file was synced last.
    private(set) var isDirty = false
    /// Where the last search ended: a sequential reader's next one ends nearby.
    private var lastSlot = 0

    init(file: SegmentFile, written: Int) {
        self.file = file
        self.written = written
    }

    var count: Int { written + pending.count }

    mutating func append(_ entry: Entry) throws(FileError) {
        pending.append(entry)
        if pending.count >= LogLimits.pendingIndexEntries { try write() }
    }

    /// Sees to it that a few more entries need no write.
    mutating func makeRoom() throws(FileError) {
        if pending.count >= LogLimits.pendingIndexEntries / 2 { try write() }
    }

    /// Brings what waits onto the file.
    mutating func write() throws(FileError) {
        guard !pending.isEmpty else { return }
        let file = try file.open(create: true)
        var bytes = [UInt8](repeating: 0, count: pending.count * Entry.size)
        bytes.withUnsafeMutableBytes { buffer in
            for (slot, entry) in pending.enumerated() { entry.store(to: buffer.baseAddress! + slot * Entry.size) }
        }
        try file.write(bytes, at: Int64(written * Entry.size))
        written += pending.count
        isDirty = true
        pending.removeAll(keepingCapacity: true)
    }

    /// Writes what waits and gives its memory back: for a partition that rests.
    mutating func rest() throws(FileError) {
        try write()
        pending = []
    }

    /// An earlier process wrote it and may not have synced it.
    mutating func distrust() { isDirty = written > 0 }

    /// The file to sync, or nil where nothing changed since it was synced.
    mutating func takeDirty() throws(FileError) -> File? {
        try write()
        guard isDirty else { return nil }
        isDirty = false
        return try file.open(create: true)
    }

    func entry(_ slot: Int, mayWait: Bool = true) throws(LogError) -> Entry {
        if slot >= written { return pending[slot - written] }
        return try read(slot, 1, mayWait) { (buffer: UnsafeRawBufferPointer) in Entry(buffer.baseAddress!) }
    }

    var lastPending: Entry? { pending.last }

    /// Shows every entry, read by pages, until the visitor says false.
    func forEach(_ visit: (Entry) -> Bool) throws(LogError) {
        let perPage = LogLimits.indexPageBytes / Entry.size
        var slot = 0
        while slot < written {
            let count = min(perPage, written - slot)
            let goesOn = try read(slot, count, true) { buffer in
                (0..<count).allSatisfy { visit(Entry(buffer.baseAddress! + $0 * Entry.size)) }
            }
            guard goesOn else { return }
            slot += count
        }
        _ = pending.allSatisfy(visit)
    }

    /// Keeps the first `count` entries. `durably`: the entries that come now may stand where others stood, for other records;
    /// after a power loss those must not come back.
    mutating func truncate(to count: Int, durably: Bool = true) throws(FileError) {
        lastSlot = 0
        if count >= written {
            pending.removeLast(max(0, min(pending.count, written + pending.count - count)))
            return
        }
        pending.removeAll()
        let file = try file.open(create: true)
        try file.truncate(to: Int64(count * Entry.size))
        if durably { try file.sync() } else { isDirty = true }
        written = count
    }

    /// The last slot whose key is at most `key`; nil where the first one's is larger.
    mutating func floor(_ key: Int64, mayWait: Bool = true) throws(LogError) -> (slot: Int, entry: Entry)? {
        if let first = pending.first, first.key <= key {
            var low = 0, high = pending.count
            while high - low > 1 {
                let middle = (low + high) / 2
                if pending[middle].key <= key { low = middle } else { high = middle }
            }
            return (written + low, pending[low])
        }
        guard written > 0 else { return nil }
        let perPage = LogLimits.indexPageBytes / Entry.size
        var low = 0, high = written
        if lastSlot < written, let found = try search(lastSlot, min(written, lastSlot + perPage), key, mayWait) {
            // At the page's last slot the next page may hold a better one.
            if found.slot + 1 < lastSlot + perPage || found.slot + 1 == written {
                lastSlot = found.slot
                return found
            }
            low = found.slot
        }
        while high - low > perPage {
            let middle = (low + high) / 2
            if try entry(middle, mayWait: mayWait).key <= key { low = middle } else { high = middle }
        }
        guard let found = try search(low, high, key, mayWait) else { return nil }
        lastSlot = found.slot
        return found
    }

    /// The last of the slots `low..<high` (at most a page) whose key is at most `key`.
    private func search(
        _ low: Int, _ high: Int, _ key: Int64, _ mayWait: Bool
    ) throws(LogError) -> (slot: Int, entry: Entry)? {
        guard high > low else { return nil }
        return try read(low, high - low, mayWait) { buffer in
            var from = 0, to = high - low
            while from < to {
                let middle = (from + to) / 2
                if Entry(buffer.baseAddress! + middle * Entry.size).key <= key { from = middle + 1 } else { to = middle }
            }
            guard from > 0 else { return nil }
            return (low + from - 1, Entry(buffer.baseAddress! + (from - 1) * Entry.size))
        }
    }

    private func read<R>(
        _ slot: Int, _ count: Int, _ mayWait: Bool, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(LogError) -> R {
        let file: File
        do throws(FileError) { file = try self.file.open() } catch { throw LogError(error) }
        let bytes = count * Entry.size
        let result = withUnsafeTemporaryAllocation(byteCount: LogLimits.indexPageBytes, alignment: 8) { page -> Result<R, LogError> in
            let buffer = UnsafeMutableRawBufferPointer(rebasing: page[..<bytes])
            do throws(LogError) {
                try file.fill(buffer, at: Int64(slot * Entry.size), mayWait: mayWait)
                return .success(body(UnsafeRawBufferPointer(buffer)))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}

extension File {
    /// Reads exactly the buffer's size; a file that ends before is an error, since what is asked for was written once.
    func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int64, mayWait: Bool) throws(LogError) {
        let got: Int?
        do throws(FileError) {
            got = mayWait ? try read(into: buffer, at: offset) : try readWithoutWaiting(into: buffer, at: offset)
        } catch {
            throw LogError(error)
        }
        if got == buffer.count { return }
        // A short answer without waiting may mean that the cache has no more of it; the one that waits knows.
        if !mayWait { throw LogError(.notResident, "\(path): not in the page cache") }
        throw LogError(.corruptMessage, "\(path) ends before byte \(offset + Int64(buffer.count))")
    }
}
