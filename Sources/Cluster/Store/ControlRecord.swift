internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire

/// The Raft layer's own records among the metadata: they stand in control batches.
enum ControlRecord {
    /// Types of KRaft's control records (Kafka's ControlRecordType).
    enum Kind: Int16 {
        case leaderChange = 2
        case snapshotHeader = 3
        case snapshotFooter = 4
        case kraftVersion = 5
        case voters = 6
    }

    /// A record as it is written: key and value.
    struct Bytes: Sendable {
        var key: [UInt8]
        var value: [UInt8]
    }

    /// The kind that a control record's key names; nil: one that we do not know.
    static func kind(ofKey key: UnsafeRawBufferPointer?) -> Kind? {
        // int16 version, int16 type.
        guard let key, key.count >= 4 else { return nil }
        return Kind(rawValue: Int16(bigEndian: key.loadUnaligned(fromByteOffset: 2, as: Int16.self)))
    }

    private static func make(_ kind: Kind, _ message: some WireMessage) -> Bytes {
        do {
            var key: [UInt8] = [0, 0]
            key += [UInt8(kind.rawValue >> 8), UInt8(kind.rawValue & 0xFF)]
            return Bytes(key: key, value: try message.encoded(version: 0))
        } catch {
            preconditionFailure("a control record of ours that cannot be encoded: \(error)")
        }
    }

    /// Begins an epoch whose only voter is this node.
    static func leaderChange(node: Int32) -> Bytes {
        let arena = Arena(capacity: 256)
        defer { arena.staysUntilHere() }
        var voter = LeaderChangeMessage.Voter()
        voter.voterId = node
        var message = LeaderChangeMessage()
        message.leaderId = node
        message.voters = WireArray(copying: [voter], in: arena)
        message.grantingVoters = message.voters
        return make(.leaderChange, message)
    }

    static func snapshotHeader(lastContainedLogTimestamp: Int64) -> Bytes {
        var message = SnapshotHeaderRecord()
        message.lastContainedLogTimestamp = lastContainedLogTimestamp
        return make(.snapshotHeader, message)
    }

    /// What the header of a snapshot says; nil where the bytes do not begin with one.
    static func snapshotTimestamp(inFirstBatchOf bytes: UnsafeRawBufferPointer) -> Int64? {
        do throws(RecordError) {
            guard let batch = try BatchView(firstOf: bytes), batch.header?.isControl == true else { return nil }
            return try RecordScratch.borrow { scratch throws(RecordError) -> Int64? in
                var records = try batch.records(scratch: scratch)
                guard let first = try records.next(), kind(ofKey: first.key) == .snapshotHeader, let value = first.value else { return nil }
                let arena = Arena(capacity: 256)
                defer { arena.staysUntilHere() }
                let header = Result { () throws(DecodeError) in try SnapshotHeaderRecord(wholeOf: value, version: 0, arena: arena) }
                return try? header.get().lastContainedLogTimestamp
            }
        } catch {
            return nil
        }
    }

    static var snapshotFooter: Bytes { make(.snapshotFooter, SnapshotFooterRecord()) }
}

/// A batch of the metadata log or of a snapshot.
enum MetadataBatch {
    static func build(
        _ records: some Collection<[UInt8]>, at offset: Int64, epoch: Int32, timestamp: Int64
    ) throws(MetadataError) -> [UInt8] {
        var builder = RecordBatchBuilder(baseOffset: offset)
        builder.partitionLeaderEpoch = epoch
        for record in records { builder.append(timestamp: timestamp, key: nil, value: record) }
        return try finish(builder)
    }

    static func build(
        control records: [ControlRecord.Bytes], at offset: Int64, epoch: Int32, timestamp: Int64
    ) throws(MetadataError) -> [UInt8] {
        var builder = RecordBatchBuilder(baseOffset: offset)
        builder.partitionLeaderEpoch = epoch
        builder.isControl = true
        for record in records { builder.append(timestamp: timestamp, key: record.key, value: record.value) }
        return try finish(builder)
    }

    private static func finish(_ builder: RecordBatchBuilder) throws(MetadataError) -> [UInt8] {
        do {
            return try builder.build()
        } catch {
            throw MetadataError(.storage, "metadata batch: \(error)")
        }
    }
}
