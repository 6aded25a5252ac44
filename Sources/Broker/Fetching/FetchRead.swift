internal import Files
internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire
internal import PartitionLog
internal import Replication

/// What one partition of a fetch came to.
struct FetchOutcome {
    let target: FetchTarget
    var errorCode: Int16 = 0
    var highWatermark: Int64 = -1
    var lastStableOffset: Int64 = -1
    var logStartOffset: Int64 = -1
    var region: FileRegion?
    /// Down-converted records, for clients that cannot read what is stored.
    var converted: [UInt8]?
    var abortedTransactions: [AbortedTransaction] = []
    var divergingEpoch: (epoch: Int32, endOffset: Int64)?

    /// No such topic or partition here.
    var isUnknown = false
    /// Who leads the partition, where the client has to know (KIP-951).
    var leadership: PartitionLeadership?
    /// There were records, but the bounds let not even the first batch pass.
    var isCutShort = false

    var recordBytes: Int { converted?.count ?? region?.count ?? 0 }

    /// What a session remembers: after an error or a divergence the next good answer is news whatever it says.
    var toldHighWatermark: Int64 { errorCode == 0 && divergingEpoch == nil ? highWatermark : -1 }

    /// Whether a client of a session has to hear of it.
    var isNews: Bool {
        errorCode != 0 || recordBytes > 0 || divergingEpoch != nil || highWatermark != target.knownHighWatermark
            || logStartOffset != target.knownLogStartOffset
    }
}

/// How a fetch is to be read: what the whole request says.
struct FetchTerms: Sendable {
    let version: Int16
    let maxBytes: Int
    let minBytes: Int
    let isolation: ReadIsolation

    /// An answer's length is a 32-bit number, and there is more in it than records.
    private static let mostBytes = 1 << 30

    /// `fetch.max.bytes` bounds what a client may ask for.
    init(_ request: FetchRequest, version: Int16, fetchMaxBytes: Int) {
        self.version = version
        maxBytes = min(max(0, Int(request.maxBytes)), fetchMaxBytes, Self.mostBytes)
        minBytes = min(Int(request.minBytes), maxBytes)
        isolation = request.isolationLevel == 1 ? .lastStable : .highWatermark
    }

    /// The newest message format that the client can read, where that is older than what is stored.
    var olderMagic: Int8? { version < 2 ? 0 : version < 4 ? 1 : nil }

    /// Up to version 2 a response was cut wherever the client's bound lay.
    var givesWholeFirstBatch: Bool { version >= 3 }
}

extension FetchOutcome {
    /// Brings stored batches into a format that the client can read. This reads the region on the thread that answers: clients of
    /// that age are rare, and the region was probed or loaded before.
    fileprivate mutating func convert(_ region: FileRegion, to magic: Int8, isAllowed: Bool) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: region.count, alignment: 16)
        defer { buffer.deallocate() }
        let count: Int
        do throws(FileError) {
            count = try region.file.read(into: buffer, at: region.offset)
        } catch {
            return errorCode = ErrorCode.kafkaStorageError.rawValue
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        if !isAllowed, RecordBatches.contain(newerThan: magic, in: bytes) {
            // message.downconversion.enable=false: Kafka tells nothing of such a partition but this.
            self = FetchOutcome(target: target, errorCode: ErrorCode.unsupportedVersion.rawValue)
            return
        }
        let offset = target.fetchOffset
        do throws(RecordError) {
            converted = try RecordScratch.borrow { (scratch) throws(RecordError) in
                try MessageConverter.downConvertToSize(bytes, to: magic, firstOffset: offset, scratch: scratch)
            }
        } catch {
            errorCode = error.errorCode
        }
    }
}

struct FetchReading {
    var outcomes: [FetchOutcome] = []
    var bytes = 0
    /// Something that the client should hear at once.
    var isUrgent = false
    /// A read would have to wait for the disk: a worker has to do it.
    var mustWait = false

    func isEnough(for terms: FetchTerms) -> Bool { isUrgent || bytes >= terms.minBytes }
}

extension PartitionTable {
    /// By id from version 13 on, by name before.
    func topic(of key: FetchKey, version: Int16) -> ServedTopic? {
        version >= 13 ? topic(key.topicId) : key.name.withUnsafeBytes { topic(WireBytes($0)) }
    }

    /// Reads all partitions of a fetch, as far as its bounds go. `mayWait` on workers alone.
    func read(_ targets: [FetchTarget], _ terms: FetchTerms, mayWait: Bool) -> FetchReading {
        var reading = FetchReading()
        reading.outcomes.reserveCapacity(targets.count)
        for target in targets {
            var outcome = FetchOutcome(target: target)
            let topic = topic(of: target.key, version: terms.version)
            if let partition = topic?.partition(target.key.partition) {
                let room = terms.maxBytes - reading.bytes
                do throws(LogError) {
                    try partition.read(into: &outcome, terms, room: room, isFirst: reading.bytes == 0, mayWait: mayWait)
                } catch where error.kind == .notResident {
                    reading.mustWait = true
                    return reading
                } catch {
                    outcome.errorCode = error.errorCode
                }
            } else {
                let unknown: ErrorCode = terms.version >= 13 ? .unknownTopicId : .unknownTopicOrPartition
                let absence = topic?.absence(target.key.partition) ?? unknown
                outcome.errorCode = absence.rawValue
                outcome.isUnknown = absence == unknown || absence == .unknownTopicOrPartition
            }
            if outcome.errorCode != 0, ErrorCode(rawValue: outcome.errorCode).tellsOfAnotherLeader {
                outcome.leadership = topic?.leadership(target.key.partition)
            }
            reading.bytes += outcome.recordBytes
            if outcome.errorCode != 0 || outcome.divergingEpoch != nil { reading.isUrgent = true }
            reading.outcomes.append(outcome)
        }
        // Kafka answers them behind the others.
        if reading.outcomes.contains(where: \.isUnknown) {
            reading.outcomes = reading.outcomes.filter { !$0.isUnknown } + reading.outcomes.filter(\.isUnknown)
        }
        return reading
    }
}

extension Partition {
    fileprivate func read(
        into outcome: inout FetchOutcome, _ terms: FetchTerms, room: Int, isFirst: Bool, mayWait: Bool
    ) throws(LogError) {
        let target = outcome.target
        let verdict = check(currentLeaderEpoch: target.currentLeaderEpoch)
        guard verdict == .same else { return outcome.errorCode = verdict.error.rawValue }
        if terms.version < 10, rules.isZstandard {
            return outcome.errorCode = ErrorCode.unsupportedCompressionType.rawValue
        }
        // A consumer whose last epoch ended earlier here than where it stands has records that this log lost (KIP-595).
        if target.lastFetchedEpoch >= 0 {
            guard let end = log.endOffset(forLeaderEpoch: target.lastFetchedEpoch) else {
                return outcome.errorCode = ErrorCode.offsetOutOfRange.rawValue
            }
            if end.epoch < target.lastFetchedEpoch || end.endOffset < target.fetchOffset {
                outcome.divergingEpoch = (end.epoch, end.endOffset)
            }
        }
        let bytes = outcome.divergingEpoch == nil ? min(Int(target.maxBytes), max(0, room)) : 0
        let read = try log.read(
            from: target.fetchOffset, maxBytes: bytes, isolation: terms.isolation,
            atLeastOneBatch: isFirst && terms.givesWholeFirstBatch && outcome.divergingEpoch == nil, mayWait: mayWait)
        outcome.highWatermark = read.highWatermark
        outcome.lastStableOffset = read.lastStableOffset
        outcome.logStartOffset = read.logStartOffset
        outcome.abortedTransactions = read.abortedTransactions
        if let magic = terms.olderMagic, let region = read.region {
            outcome.convert(region, to: magic, isAllowed: rules.convertsDown)
        } else {
            outcome.region = read.region
        }
        let end = terms.isolation == .lastStable ? read.lastStableOffset : read.highWatermark
        outcome.isCutShort = bytes > 0 && outcome.recordBytes == 0 && target.fetchOffset < end
    }
}
