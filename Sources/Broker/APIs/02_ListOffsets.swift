internal import EventLoop
internal import Exchange
internal import KafkaMessages
internal import KafkaWire
internal import PartitionLog
internal import Replication

// ListOffsets, versions 0-11: the offset at a time, at the log's ends, or of the largest timestamp.
//   0  a list of segments' offsets before a time, the form of Kafka 0.8
//   1  one offset with its timestamp       2  isolation level       4  leader epochs (KIP-320)      6  flexible
//   7  largest timestamp (KIP-734)         8  earliest local (KIP-405)      9  last tiered (KIP-1005)
//  10  time-out                           11  earliest pending upload (KIP-1023)
// A special timestamp that the version does not know is UNSUPPORTED_VERSION for that partition. What is not yet readable at
// the asked isolation is not found: offset -1.

struct ListOffsets: APIHandler {
    static let versions: ClosedRange<Int16> = 0...11

    let partitions: ServedPartitions
    let workers: WorkerPool

    func handle(_ request: ListOffsetsRequest, from caller: Caller, reply: consuming Reply) {
        let query = OffsetQuery(request, version: caller.version)
        let table = partitions.current
        let desk = caller.desk
        let nowMs = caller.loop.clock.wallMs()
        guard query.readsRecords else {
            query.send(query.answers(from: table, nowMs: nowMs), desk.arena, reply)
            return
        }
        // Looking for a time reads index pages and batches: a worker may wait for them.
        let waiting = WaitingReply(reply)
        let submitted = workers.submit {
            let found = query.answers(from: table, nowMs: nowMs)
            desk.loop.post { if let reply = waiting.take() { query.send(found, desk.arena, reply) } }
        }
        if !submitted { waiting.take()?.refuse("the broker is stopping") }
    }
}

/// A ListOffsets request in the broker's own types: it may outlive its frame.
private struct OffsetQuery: Sendable {
    struct Wanted: Sendable {
        let partition: Int32
        let currentLeaderEpoch: Int32
        let timestamp: Int64
        let maxOffsets: Int32
        /// Named more than once, which Kafka refuses.
        var isRepeated = false
    }
    struct Found: Sendable {
        var errorCode: Int16 = 0
        var offset: Int64 = -1
        var timestamp: Int64 = -1
        var leaderEpoch: Int32 = -1
        /// Version 0 alone.
        var offsets: [Int64] = []
    }
    let version: Int16
    let isolation: ReadIsolation
    private(set) var topics: [(name: [UInt8], wanted: [Wanted])]

    init(_ request: ListOffsetsRequest, version: Int16) {
        self.version = version
        isolation = request.isolationLevel == 1 ? .lastStable : .highWatermark
        topics = request.topics.map { topic in
            (
                name: topic.name.array,
                wanted: topic.partitions.map {
                    Wanted(
                        partition: $0.partitionIndex, currentLeaderEpoch: $0.currentLeaderEpoch, timestamp: $0.timestamp,
                        maxOffsets: $0.maxNumOffsets)
                }
            )
        }
        let mayHaveRepeats =
            request.topics.hasRepeats { $0.name } || request.topics.contains { $0.partitions.hasRepeatedIndexes { $0.partitionIndex } }
        if version > 0, mayHaveRepeats { markRepeats() }
    }

    /// A partition that is named more than once is refused, and answered once.
    private mutating func markRepeats() {
        var mentions: [FetchKey: Int] = [:]
        func key(_ topic: Int, _ place: Int) -> FetchKey {
            FetchKey(topicId: .zero, name: topics[topic].name, partition: topics[topic].wanted[place].partition)
        }
        for topic in topics.indices {
            for place in topics[topic].wanted.indices { mentions[key(topic, place), default: 0] += 1 }
        }
        guard mentions.values.contains(where: { $0 > 1 }) else { return }
        for topic in topics.indices {
            topics[topic].wanted = topics[topic].wanted.indices.compactMap { place in
                guard let count = mentions.removeValue(forKey: key(topic, place)) else { return nil }
                var wanted = topics[topic].wanted[place]
                wanted.isRepeated = count > 1
                return wanted
            }
        }
        topics.removeAll { $0.wanted.isEmpty }
    }

    /// Whether the log's ends alone are not enough for an answer.
    var readsRecords: Bool {
        version == 0
            || topics.contains { $0.wanted.contains { $0.timestamp >= 0 || $0.timestamp == Special.maxTimestamp.rawValue } }
    }

    func answers(from table: PartitionTable, nowMs: Int64) -> [[Found]] {
        var all: [[Found]] = []
        for topic in topics {
            let served = topic.name.withUnsafeBytes { table.topic(WireBytes($0)) }
            var ofTopic: [Found] = []
            for wanted in topic.wanted {
                var found = Found()
                if wanted.isRepeated {
                    found.errorCode = ErrorCode.invalidRequest.rawValue
                } else if let partition = served?.partition(wanted.partition) {
                    do throws(LogError) {
                        try look(for: wanted, in: partition, nowMs, &found)
                    } catch {
                        found.errorCode = error.errorCode
                    }
                } else {
                    found.errorCode = (served?.absence(wanted.partition) ?? .unknownTopicOrPartition).rawValue
                }
                ofTopic.append(found)
            }
            all.append(ofTopic)
        }
        return all
    }

    /// The special timestamps, and since which version each is known.
    private enum Special: Int64 {
        case latest = -1, earliest = -2, maxTimestamp = -3, earliestLocal = -4, latestTiered = -5
        case earliestPendingUpload = -6

        var since: Int16 {
            switch self {
            case .latest, .earliest: 0
            case .maxTimestamp: 7
            case .earliestLocal: 8
            case .latestTiered: 9
            case .earliestPendingUpload: 11
            }
        }
    }

    private func look(
        for wanted: Wanted, in partition: Partition, _ nowMs: Int64, _ found: inout Found
    ) throws(LogError) {
        let verdict = partition.check(currentLeaderEpoch: wanted.currentLeaderEpoch)
        guard verdict == .same else { return found.errorCode = verdict.error.rawValue }
        let log = partition.log
        let special = Special(rawValue: wanted.timestamp)
        guard wanted.timestamp >= 0 || special.map({ version >= $0.since }) == true else {
            return found.errorCode = ErrorCode.unsupportedVersion.rawValue
        }
        if version == 0 {
            found.offsets = try log.segmentOffsets(before: wanted.timestamp, limit: Int(wanted.maxOffsets), nowMs: nowMs)
            return
        }
        guard let special else {
            if let place = try log.firstOffset(atOrAfter: wanted.timestamp, isolation: isolation) {
                (found.offset, found.timestamp, found.leaderEpoch) = (place.offset, place.timestamp, place.leaderEpoch)
            }
            return
        }
        switch special {
        case .latest:
            found.offset = isolation == .lastStable ? log.lastStableOffset : log.highWatermark
            found.leaderEpoch = partition.leaderEpoch
        case .earliest, .earliestLocal:
            found.offset = log.logStartOffset
            found.leaderEpoch = log.leaderEpoch(of: found.offset) ?? partition.leaderEpoch
        case .maxTimestamp:
            if let place = try log.offsetOfLargestTimestamp() {
                (found.offset, found.timestamp, found.leaderEpoch) = (place.offset, place.timestamp, place.leaderEpoch)
            }
        case .latestTiered, .earliestPendingUpload:
            break  // nothing is ever tiered here
        }
    }

    func send(_ found: [[Found]], _ arena: Arena, _ reply: consuming Reply) {
        var response = ListOffsetsResponse()
        response.topics = WireArray(count: found.count, in: arena) { index, topic in
            topic.name = WireBytes(copying: topics[index].name, in: arena)
            topic.partitions = WireArray(count: found[index].count, in: arena) { place, partition in
                let answer = found[index][place]
                partition.partitionIndex = topics[index].wanted[place].partition
                partition.errorCode = answer.errorCode
                partition.timestamp = answer.timestamp
                partition.offset = answer.offset
                if version >= 4 { partition.leaderEpoch = answer.leaderEpoch }
                if version == 0 { partition.oldStyleOffsets = WireIntegers(copying: answer.offsets, in: arena) }
            }
        }
        reply.send(response)
    }
}
