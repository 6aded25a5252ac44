internal import Files

/// The index files beside a segment. Their entries are shown and held against the segment, where it is there.
struct IndexReader {
    /// The path without suffix: folder and the twenty digits.
    let stem: String
    let baseOffset: Int64
    /// `.swap` and its like, which all files of a segment share.
    var suffix = ""
    let fileSystem: FileSystem
    let findings: Findings
    var showsEntries = true
    var depth = 0

    private struct Entry {
        var offset: Int64
        /// A position or a timestamp.
        var value: Int64
    }

    /// `.index`: int32 offset less the base, int32 position.
    func readOffsets() throws(FileError) -> Int {
        let path = stem + ".index" + suffix
        let segment = try segment()
        var last: Entry?
        var walk = segment.map { HeaderWalk($0.file, size: $0.size) }
        return try entries(path, size: 8, "offset index") { bytes throws(FileError) in
            let entry = Entry(
                offset: baseOffset &+ Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))),
                value: Int64(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: Int32.self))))
            if showsEntries {
                findings.tell(
                    Fact("entry", depth: depth, ["offset": Shown(entry.offset), "position": Shown(entry.value)]))
            }
            if let last, entry.offset <= last.offset || entry.value <= last.value {
                fault(
                    path, "the entry for offset \(entry.offset) at \(entry.value) does not rise over the one before it")
                return
            }
            last = entry
            guard entry.offset >= baseOffset else {
                return fault(path, "the entry's offset \(entry.offset) is below the segment's base")
            }
            guard let segment else { return }
            guard entry.value >= 0, entry.value < segment.size else {
                return fault(
                    path, "the entry for offset \(entry.offset) points to byte \(entry.value) of \(segment.size)")
            }
            while let head = try walk?.next() {
                if head.position < entry.value { continue }
                if head.position > entry.value {
                    fault(
                        path,
                        "the entry for offset \(entry.offset) points to byte \(entry.value), where no batch begins")
                } else if head.lastOffset != entry.offset, head.magic == 2 {
                    fault(
                        path, "the entry for offset \(entry.offset) points to a batch that ends at \(head.lastOffset)")
                }
                return
            }
        }
    }

    /// `.timeindex`: int64 timestamp, int32 offset less the base.
    func readTimes() throws(FileError) -> Int {
        let path = stem + ".timeindex" + suffix
        let segment = try segment()
        var last: Entry?
        var walk = segment.map { HeaderWalk($0.file, size: $0.size) }
        var head: HeaderWalk.Head?
        return try entries(path, size: 12, "time index") { bytes throws(FileError) in
            let entry = Entry(
                offset: baseOffset &+ Int64(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self))),
                value: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
            if showsEntries {
                findings.tell(
                    Fact("entry", depth: depth, ["timestamp": Shown(entry.value), "offset": Shown(entry.offset)]))
            }
            if let last, entry.value <= last.value || entry.offset < last.offset {
                // Kafka gives a segment that is closed its last entry again where nothing came since.
                if entry.value == last.value, entry.offset == last.offset { return }
                return fault(
                    path,
                    "the entry for timestamp \(entry.value) at offset \(entry.offset) does not rise over the one before it"
                )
            }
            last = entry
            guard segment != nil else { return }
            while head == nil || head!.lastOffset < entry.offset {
                guard let next = try walk?.next() else {
                    return fault(path, "the entry's offset \(entry.offset) is in no batch")
                }
                head = next
            }
            if let head, head.magic == 2, head.maxTimestamp != entry.value {
                fault(
                    path,
                    "the entry says timestamp \(entry.value) for offset \(entry.offset), its batch has \(head.maxTimestamp)"
                )
            }
        }
    }

    /// `.txnindex`: int16 version, then producer id, first offset, last offset and last stable offset of an aborted transaction.
    func readAborted() throws(FileError) -> Int {
        let path = stem + ".txnindex" + suffix
        var last: Int64 = -1
        return try entries(path, size: 34, "index of aborted transactions") { bytes throws(FileError) in
            func field(_ slot: Int) -> Int64 {
                Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2 + 8 * slot, as: Int64.self))
            }
            let version = Int16(bigEndian: bytes.loadUnaligned(as: Int16.self))
            guard version == 0 else { return fault(path, "version \(version) where 0 is expected") }
            if showsEntries {
                findings.tell(
                    Fact(
                        "abortedTransaction", depth: depth,
                        [
                            "producerId": Shown(field(0)), "firstOffset": Shown(field(1)),
                            "lastOffset": Shown(field(2)),
                            "lastStableOffset": Shown(field(3)),
                        ]))
            }
            if field(2) <= last {
                fault(path, "the transaction that ends at \(field(2)) comes after one that ends at \(last)")
            }
            if field(1) > field(2) { fault(path, "a transaction from \(field(1)) to \(field(2))") }
            last = max(last, field(2))
        }
    }

    private func segment() throws(FileError) -> (file: File, size: Int64)? {
        do throws(FileError) {
            let file = try fileSystem.open(stem + ".log" + suffix, .read)
            return (file, try file.size())
        } catch  where error.isNotFound {
            return nil
        }
    }

    private func fault(_ path: String, _ reason: String) {
        findings.problem(reason, depth: depth, ["file": .text(path)])
    }

    /// Each entry in turn; how many there were. Zeros at the end are room that Kafka allocated beforehand.
    private func entries(
        _ path: String, size: Int, _ name: String, _ visit: (UnsafeRawBufferPointer) throws(FileError) -> Void
    ) throws(FileError) -> Int {
        let file = try fileSystem.open(path, .read)
        let total = try file.size()
        if total % Int64(size) != 0 {
            fault(path, "\(total) bytes are no whole number of entries of \(size) bytes: not an \(name), or cut off")
        }
        var place: Int64 = 0, count = 0, zeros: Int64 = 0
        let perWindow = 64 * 1024 / size * size
        while place + Int64(size) <= total {
            let window = try file.bytes(
                at: place, count: Int(min(Int64(perWindow), (total - place) / Int64(size) * Int64(size))))
            if window.count < size { break }
            for start in stride(from: 0, through: window.count - size, by: size) {
                let entry = window[start..<start + size]
                if entry.allSatisfy({ $0 == 0 }) {
                    zeros += 1
                    continue
                }
                if zeros > 0 {
                    fault(path, "\(zeros) empty entries before the one at byte \(place + Int64(start))")
                    zeros = 0
                }
                count += 1
                let outcome = entry.withUnsafeBytes { bytes in
                    Result { () throws(FileError) in try visit(bytes) }
                }
                try outcome.get()
            }
            place += Int64(window.count / size * size)
        }
        if zeros > 0, showsEntries {
            findings.note("room for \(zeros) more entries, allocated beforehand", depth: depth, ["file": .text(path)])
        }
        return count
    }
}
