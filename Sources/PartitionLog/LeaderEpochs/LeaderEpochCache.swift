internal import Files

/// At which offset each leader epoch began (KIP-101), kept in `leader-epoch-checkpoint`: `0`, the count, `epoch startOffset` lines.
struct LeaderEpochCache: Sendable {
    struct Entry: Sendable, Equatable {
        var epoch: Int32
        var startOffset: Int64
    }

    static let fileName = "leader-epoch-checkpoint"

    /// Both rise.
    private(set) var entries: [Entry] = []
    /// Changed since it was written, and since it was synced.
    private(set) var needsWrite = false

    var latest: Entry? { entries.last }

    /// A batch of this epoch stands at this offset. Whether that was new.
    mutating func assign(_ epoch: Int32, startOffset: Int64) -> Bool {
        guard epoch >= 0, startOffset >= 0 else { return false }
        if let last = entries.last, epoch <= last.epoch { return false }
        // An epoch without records is followed by the next at the same offset: it has nothing to say.
        while let last = entries.last, last.startOffset >= startOffset { entries.removeLast() }
        entries.append(Entry(epoch: epoch, startOffset: startOffset))
        needsWrite = true
        return true
    }

    /// Kafka's endOffsetFor: the end of the largest epoch at or below the asked one; nil where it says nothing of it.
    func endOffset(of epoch: Int32, logEndOffset: Int64) -> (epoch: Int32, endOffset: Int64)? {
        guard epoch >= 0, let last = entries.last else { return nil }
        if epoch == last.epoch { return (epoch, logEndOffset) }
        guard let higher = entries.firstIndex(where: { $0.epoch > epoch }) else { return nil }
        if higher == 0 { return (epoch, entries[0].startOffset) }
        return (entries[higher - 1].epoch, entries[higher].startOffset)
    }

    func epoch(of offset: Int64) -> Int32? { entries.last { $0.startOffset <= offset }?.epoch }

    /// The log begins at `offset` now.
    mutating func truncateFromStart(_ offset: Int64) {
        guard let covering = entries.lastIndex(where: { $0.startOffset <= offset }) else { return }
        guard covering > 0 || entries[0].startOffset < offset else { return }
        entries.removeFirst(covering)
        entries[0].startOffset = offset
        needsWrite = true
    }

    /// The log ends at `offset` now.
    mutating func truncateFromEnd(_ offset: Int64) {
        let kept = entries.prefix { $0.startOffset < offset }.count
        guard kept < entries.count else { return }
        entries.removeLast(entries.count - kept)
        needsWrite = true
    }

    mutating func wasWritten() { needsWrite = false }

    /// What it holds was not read from its own file.
    mutating func mustBeWritten() { needsWrite = true }

    var text: [UInt8] {
        CheckpointText(lines: entries.map { "\($0.epoch) \($0.startOffset)" }).bytes
    }

    init() {}

    /// nil where the file is not one of ours.
    init?(_ bytes: [UInt8]) {
        guard let text = CheckpointText(bytes) else { return nil }
        for line in text.lines {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let epoch = Int32(parts[0]), let offset = Int64(parts[1]), epoch >= 0, offset >= 0 else {
                return nil
            }
            // Where Kafka's cache meets entries that do not rise it keeps the later one; so does this.
            while let last = entries.last, last.epoch >= epoch || last.startOffset >= offset { entries.removeLast() }
            entries.append(Entry(epoch: epoch, startOffset: offset))
        }
    }
}
