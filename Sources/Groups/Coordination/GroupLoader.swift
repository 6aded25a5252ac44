internal import EventLoop
internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire

/// Reads one partition of `__consumer_offsets` from its start and replays it. One buffer of the log's, one record at a time:
/// memory beside the groups themselves does not grow with the log.
struct GroupLoader {
    let coordinator: GroupCoordinator
    let partition: GroupPartition
    private let arena = Arena()
    private let scratch = RecordScratch()
    private(set) var recordCount = 0
    /// The group of the record before: commits of a group come in a row.
    private var last: Group?
    /// Records of kinds that this version does not serve (other groups than classic ones), by key type.
    private(set) var foreign: [Int16: Int] = [:]

    init(_ coordinator: GroupCoordinator, _ partition: GroupPartition) {
        self.coordinator = coordinator
        self.partition = partition
    }

    /// The offset after the last batch.
    mutating func replay(_ batches: UnsafeRawBufferPointer) throws -> Int64? {
        var walk = RecordBatches(batches)
        var next: Int64?
        while let batch = try walk.next() {
            guard let header = batch.header else {
                throw RecordError(.corruptMessage, "a batch of \(batch.bytes.count) bytes is shorter than its head")
            }
            next = header.nextOffset
            if header.recordCount == 0 { continue }
            var records = try batch.records(scratch: scratch)
            if header.isControl {
                if let record = try records.next() { end(record, producerId: header.producerId) }
                continue
            }
            let producerId = header.isTransactional ? header.producerId : nil
            while let record = try records.next() {
                recordCount += 1
                try replay(record, producerId: producerId)
            }
        }
        return next
    }

    private mutating func replay(_ record: RecordView, producerId: Int64?) throws {
        guard let key = record.key, key.count >= 2 else {
            throw RecordError(.invalidRecord, "record \(record.offset) has no key of a coordinator")
        }
        defer { arena.reset() }
        let type = Int16(bigEndian: key.loadUnaligned(as: Int16.self))
        let body = UnsafeRawBufferPointer(rebasing: key[2...])
        switch type {
        case StoredKey.oldOffset, StoredKey.offset:
            let key = try OffsetCommitKey(wholeOf: body, version: 0, arena: arena)
            try replay(key, record, producerId: producerId)
        case StoredKey.group:
            let key = try GroupMetadataKey(wholeOf: body, version: 0, arena: arena)
            try replay(key, record)
        default:
            foreign[type, default: 0] += 1
        }
    }

    private func value<Value: WireMessage>(_ type: Value.Type, of bytes: UnsafeRawBufferPointer) throws -> Value {
        guard bytes.count >= 2 else { throw RecordError(.invalidRecord, "a value of \(bytes.count) bytes has no version") }
        let version = Int16(bigEndian: bytes.loadUnaligned(as: Int16.self))
        return try Value(wholeOf: UnsafeRawBufferPointer(rebasing: bytes[2...]), version: version, arena: arena)
    }

    private mutating func replay(_ key: OffsetCommitKey, _ record: RecordView, producerId: Int64?) throws {
        guard let bytes = record.value else {
            guard let group = find(key.group) else { return }
            return group.withState { $0.replayTombstone(key.topic, key.partition) }
        }
        let value = try value(OffsetCommitValue.self, of: bytes)
        guard let group = findOrMake(key.group) else { return }
        guard let producerId else {
            return group.withState {
                $0.replay(key.topic, key.partition, value, recordOffset: record.offset)
            }
        }
        group.withState {
            $0.replayPending(
                key.topic, key.partition, value, recordOffset: record.offset, producerId: producerId)
        }
        partition.withState { state in
            if state.transactions[producerId]?.contains(where: { $0 === group }) != true {
                state.transactions[producerId, default: []].append(group)
            }
        }
    }

    private mutating func replay(_ key: GroupMetadataKey, _ record: RecordView) throws {
        guard let bytes = record.value else {
            guard let group = find(key.group) else { return }
            let isRemoved = group.withState { state in
                state.replayTombstone(at: coordinator.moment)
                return state.isRemoved
            }
            guard isRemoved else { return }
            last = nil
            return partition.withState { $0.groups.remove(group) }
        }
        let stored = try value(GroupMetadataValue.self, of: bytes).group
        findOrMake(key.group)?.withState { $0.replay(stored) }
    }

    private func end(_ record: RecordView, producerId: Int64) {
        // Control records: int16 version, int16 type; 0 aborts, 1 commits.
        guard let key = record.key, key.count >= 4 else { return }
        let type = Int16(bigEndian: key.loadUnaligned(fromByteOffset: 2, as: Int16.self))
        guard type == 0 || type == 1 else { return }
        let groups = partition.withState { $0.transactions.removeValue(forKey: producerId) ?? [] }
        for group in groups { group.withState { $0.replayEnd(ofProducer: producerId, isCommit: type == 1) } }
    }

    private func find(_ id: WireBytes) -> Group? {
        if let last, last.id.equals(id.buffer) { return last }
        return partition.withState { $0.groups.find(id.buffer, hash: ByteString.javaHash(id.buffer)) }
    }

    private mutating func findOrMake(_ id: WireBytes) -> Group? {
        if let last, last.id.equals(id.buffer) { return last }
        let made = partition.findOrMake(id.buffer, hash: ByteString.javaHash(id.buffer), whileLoading: true) {
            ClassicGroup(ByteString(id), at: coordinator.moment)
        }
        guard case .group(let group) = made.found else { return nil }
        last = group
        return group
    }
}
