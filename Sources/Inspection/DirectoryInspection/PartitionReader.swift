internal import Files
internal import KafkaWire

/// A segment as its files tell of it, without its records being read.
struct SegmentFacts {
    var baseOffset: Int64
    var bytes: Int64
    var offsetEntries: Int64 = 0
    var timeEntries: Int64 = 0
    var abortedTransactions: Int64 = 0
    var largestTimestamp: Int64 = -1
    var nextOffset: Int64

    var fact: Fact {
        Fact(
            "segment", depth: 2,
            [
                "baseOffset": Shown(baseOffset), "nextOffset": Shown(nextOffset), "bytes": Shown(bytes),
                "offsetIndexEntries": Shown(offsetEntries), "timeIndexEntries": Shown(timeEntries),
                "abortedTransactions": Shown(abortedTransactions), "largestTimestamp": Shown(largestTimestamp),
            ])
    }
}

/// A partition's folder.
struct PartitionReader {
    let path: String
    let fileSystem: FileSystem
    let options: InspectionOptions
    let findings: Findings
    /// A broker has the directory open.
    let isInUse: Bool

    struct Contents {
        var segments: [SegmentFacts] = []
        /// `.deleted`, `.cleaned`, `.swap`: what a start resolves.
        var unfinished: [String] = []
        var unknown: [String] = []
        var topicId: String?
        var latestEpoch: Int32?
        var producerSnapshots = 0
        var bytes: Int64 { segments.reduce(0) { $0 + $1.bytes } }
    }

    private static let plainFiles: Set<String> = ["leader-epoch-checkpoint", "partition.metadata", "written-mark"]

    func read() throws(FileError) -> Contents {
        let names = try fileSystem.list(path)
        var contents = Contents()
        var bases: [Int64] = []
        for name in names {
            guard let segment = SegmentFileName(name) else {
                if !Self.plainFiles.contains(name) { contents.unknown.append(name) }
                continue
            }
            if !segment.suffix.isEmpty {
                contents.unfinished.append(name)
            } else if segment.kind == ".log" {
                bases.append(segment.offset)
            } else if segment.kind == ".snapshot" {
                contents.producerSnapshots += 1
            }
        }
        bases.sort()
        for (place, base) in bases.enumerated() {
            contents.segments.append(try facts(base, isLast: place + 1 == bases.count))
        }
        if names.contains("partition.metadata") { contents.topicId = try topicId() }
        if names.contains("leader-epoch-checkpoint") { contents.latestEpoch = try latestEpoch() }
        return contents
    }

    private func stem(_ base: Int64) -> String { path + "/" + Self.digits(base) }

    static func digits(_ offset: Int64) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    // MARK: segments

    private func facts(_ base: Int64, isLast: Bool) throws(FileError) -> SegmentFacts {
        let stem = stem(base)
        let file = try fileSystem.open(stem + ".log", .read)
        let size = try file.size()
        var facts = SegmentFacts(baseOffset: base, bytes: size, nextOffset: base)
        let offsets = try IndexTail(stem + ".index", entry: 8, fileSystem)
        let times = try IndexTail(stem + ".timeindex", entry: 12, fileSystem)
        facts.offsetEntries = offsets.count
        facts.timeEntries = times.count
        facts.abortedTransactions = try IndexTail(stem + ".txnindex", entry: 34, fileSystem).count
        for (index, name) in [(offsets, ".index"), (times, ".timeindex")] {
            if index.isTorn { findings.problem("no whole number of entries", depth: 1, ["file": .text(stem + name)]) }
            if index.isMissing, !isLast {
                findings.problem("a closed segment without its index", depth: 1, ["file": .text(stem + name)])
            }
        }
        if let last = times.last {
            facts.largestTimestamp = last.withUnsafeBytes { Int64(bigEndian: $0.loadUnaligned(as: Int64.self)) }
        }
        try readTail(
            of: file, size, from: offsets.last.map(Self.position) ?? 0, offsets.last, stem, &facts, isLast: isLast)
        return facts
    }

    private static func position(_ entry: [UInt8]) -> Int64 {
        entry.withUnsafeBytes { Int64(Int32(bigEndian: $0.loadUnaligned(fromByteOffset: 4, as: Int32.self))) }
    }

    /// From the last index entry on: where the segment ends, and whether that entry is right.
    private func readTail(
        of file: File, _ size: Int64, from position: Int64, _ entry: [UInt8]?, _ stem: String,
        _ facts: inout SegmentFacts,
        isLast: Bool
    ) throws(FileError) {
        var start = position
        if start < 0 || start >= max(1, size) {
            findings.problem(
                "the last entry points to byte \(start) of \(size)", depth: 1, ["file": .text(stem + ".index")])
            start = 0
        }
        var walk = HeaderWalk(file, size: size, from: start)
        var isFirst = true
        while let head = try walk.next() {
            if isFirst, let entry, start > 0, head.magic == 2 {
                let offset =
                    facts.baseOffset
                    &+ entry.withUnsafeBytes { Int64(Int32(bigEndian: $0.loadUnaligned(as: Int32.self))) }
                if head.lastOffset != offset {
                    findings.problem(
                        "the last entry says offset \(offset) at byte \(start), the batch there ends at \(head.lastOffset)",
                        depth: 1,
                        ["file": .text(stem + ".index")])
                }
            }
            isFirst = false
            facts.nextOffset = max(facts.nextOffset, head.lastOffset &+ 1)
            facts.largestTimestamp = max(facts.largestTimestamp, head.maxTimestamp)
        }
        guard walk.position < size else { return }
        let about: KeyValuePairs<String, Shown> = [
            "file": .text(stem + ".log"), "position": Shown(walk.position), "size": Shown(size),
        ]
        if isInUse, isLast { return findings.note("not complete yet", depth: 1, about) }
        findings.problem("no whole batch to the segment's end", depth: 1, about)
    }

    // MARK: everything, batch by batch

    func verify(_ contents: Contents, topic: String) throws(FileError) {
        for (place, segment) in contents.segments.enumerated() {
            let stem = stem(segment.baseOffset), isLast = place + 1 == contents.segments.count
            let file = try fileSystem.open(stem + ".log", .read)
            let reading = SegmentReading(
                family: RecordFamily(topic: topic), showsBatches: false, showsRecords: false,
                baseOffset: segment.baseOffset,
                isGrowing: isInUse && isLast, depth: 2)
            let summary = try SegmentReader(file: file, size: try file.size(), reading: reading, findings: findings)
                .read()
            findings.tell(
                Fact(
                    "verified", depth: 2,
                    [
                        "baseOffset": Shown(segment.baseOffset), "batches": Shown(summary.batches),
                        "records": Shown(summary.records),
                        "bytes": Shown(summary.goodBytes),
                    ]))
            let index = IndexReader(
                stem: stem, baseOffset: segment.baseOffset, fileSystem: fileSystem, findings: findings,
                showsEntries: false, depth: 2)
            // While somebody appends, an index is ahead of what was read of its segment.
            if isInUse, isLast { continue }
            try unlessMissing { () throws(FileError) in _ = try index.readOffsets() }
            try unlessMissing { () throws(FileError) in _ = try index.readTimes() }
            try unlessMissing { () throws(FileError) in _ = try index.readAborted() }
        }
    }

    private func unlessMissing(_ body: () throws(FileError) -> Void) throws(FileError) {
        do throws(FileError) { try body() } catch  where error.isNotFound {}
    }

    // MARK: small files

    private func lines(_ name: String) throws(FileError) -> [Substring] {
        let bytes = try fileSystem.contents(path + "/" + name, limit: InspectionLimits.smallFileBytes) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    private func topicId() throws(FileError) -> String? {
        for line in try lines("partition.metadata") where line.hasPrefix("topic_id:") {
            let text = String(line.dropFirst(9).filter { $0 != " " })
            if Uuid(text) != nil { return text }
        }
        findings.problem("no topic id", depth: 1, ["file": .text(path + "/partition.metadata")])
        return nil
    }

    private func latestEpoch() throws(FileError) -> Int32? {
        let lines = try lines("leader-epoch-checkpoint")
        // Kafka leaves a file with nothing in it where there are no epochs.
        if lines.isEmpty { return nil }
        guard lines.count >= 2, lines[0] == "0", Int(lines[1]) == lines.count - 2 else {
            findings.problem(
                "not a leader epoch checkpoint", depth: 1, ["file": .text(path + "/leader-epoch-checkpoint")])
            return nil
        }
        return lines.count > 2 ? lines.last?.split(separator: " ").first.flatMap { Int32($0) } : nil
    }
}

/// How many entries an index file has, and the last of them; empty ones at the end are room that was allocated beforehand.
struct IndexTail {
    private(set) var count: Int64 = 0
    private(set) var last: [UInt8]?
    private(set) var isTorn = false
    private(set) var isMissing = false

    init(_ path: String, entry size: Int, _ fileSystem: FileSystem) throws(FileError) {
        let file: File
        do throws(FileError) {
            file = try fileSystem.open(path, .read)
        } catch  where error.isNotFound {
            isMissing = true
            return
        }
        let total = try file.size()
        isTorn = total % Int64(size) != 0
        // Entries stand without gaps before the empty ones.
        var low: Int64 = 0, high = total / Int64(size)
        while low < high {
            let middle = (low + high) / 2
            let entry = try file.bytes(at: middle * Int64(size), count: size)
            if entry.contains(where: { $0 != 0 }) { low = middle + 1 } else { high = middle }
        }
        count = low
        if low > 0 { last = try file.bytes(at: (low - 1) * Int64(size), count: size) }
        if last.map({ $0.count < size }) == true { last = nil }
    }
}
