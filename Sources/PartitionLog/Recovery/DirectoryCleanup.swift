internal import Files
internal import KafkaRecords

/// What a start does with files that an unfinished compaction, split or deletion left (Kafka's LogLoader).
struct DirectoryCleanup {
    let path: String
    let environment: LogEnvironment

    private var fileSystem: FileSystem { environment.fileSystem }

    /// Resolves them; the names that are left.
    func run() throws(LogError) -> [String] {
        do throws(FileError) {
            let names = try fileSystem.list(path)
            // Nearly always: then nobody has to look twice.
            guard names.contains(where: Self.isUnfinished) else { return names }
            let swaps = try dropUnfinished(names)
            if !swaps.isEmpty { try completeSwaps(swaps, names) }
            return try fileSystem.list(path)
        } catch {
            throw LogError(error)
        }
    }

    private static func isUnfinished(_ name: String) -> Bool {
        [SegmentSuffix.swap, SegmentSuffix.deleted, SegmentSuffix.cleaned, ".tmp"].contains { name.hasSuffix($0) }
    }

    /// `.deleted` goes; `.cleaned` was not finished and goes; a `.swap` at or above the lowest `.cleaned` is part of a split that was
    /// not finished (KAFKA-6264) and goes too. What is left of the swaps is complete.
    private func dropUnfinished(_ names: [String]) throws(FileError) -> [String] {
        let cleaned = names.filter { $0.hasSuffix(SegmentSuffix.cleaned) }
        let lowest = cleaned.compactMap { SegmentName.parse($0)?.offset }.min() ?? .max
        var swaps: [String] = []
        for name in names {
            if name.hasSuffix(SegmentSuffix.swap) {
                guard let offset = SegmentName.parse(name)?.offset, offset < lowest else {
                    try fileSystem.remove(path + "/" + name)
                    continue
                }
                swaps.append(name)
            } else if name.hasSuffix(SegmentSuffix.deleted) || name.hasSuffix(SegmentSuffix.cleaned) || name.hasSuffix(".tmp") {
                try fileSystem.remove(path + "/" + name)
            }
        }
        return swaps
    }

    /// The old segments in the swaps' range go, then the swaps take their names.
    private func completeSwaps(_ swaps: [String], _ names: [String]) throws(FileError) {
        let logs = swaps.filter { $0.hasSuffix(SegmentSuffix.log + SegmentSuffix.swap) }
        var first = Int64.max, end = Int64.min
        for name in logs {
            guard let base = SegmentName.parse(name)?.offset else { continue }
            first = min(first, base)
            end = max(end, try endOffset(ofSwap: name, base: base))
        }
        for name in names where !name.hasSuffix(SegmentSuffix.swap) {
            guard let (offset, suffix) = SegmentName.parse(name), SegmentSuffix.ofSegment.contains(suffix) else { continue }
            if offset >= first && offset < end { try fileSystem.remove(path + "/" + name) }
        }
        for name in swaps {
            try fileSystem.rename(path + "/" + name, to: path + "/" + name.dropLast(SegmentSuffix.swap.utf8.count))
        }
        try fileSystem.syncDirectory(path)
    }

    private func endOffset(ofSwap name: String, base: Int64) throws(FileError) -> Int64 {
        let size = Int(try fileSystem.status(path + "/" + name)?.size ?? 0)
        let segment = Segment(
            directory: path, baseOffset: base, suffix: SegmentSuffix.swap, found: .init(logBytes: size, createdMs: 0),
            in: environment)
        var end = base
        // A swap was synced before it got its name; where it cannot be read to its end, what it has is all there is.
        try? segment.walkHeaders(from: 0, to: size) { header, _ in
            end = max(end, header.nextOffset)
            return true
        }
        return end
    }
}
