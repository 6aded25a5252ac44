internal import Exchange
internal import KafkaMessages
internal import KafkaWire
internal import PartitionLog
internal import Replication
internal import Synchronization

/// A fetch with its session: which partitions it reads and how its answer is put together.
struct FetchContext: Sendable {
    enum Kind: Sendable {
        /// All partitions are answered.
        case sessionless
        /// All partitions are answered, and a session begins if there was room for one.
        case first
        /// Only what is new is answered.
        case incremental
    }
    let targets: [FetchTarget]
    let session: FetchSession?
    let kind: Kind

    func send(_ reading: FetchReading, _ terms: FetchTerms, on desk: RequestDesk, _ reply: consuming Reply) {
        let outcomes = kind == .incremental ? reading.outcomes.filter(\.isNews) : reading.outcomes
        // The answer that begins a session leaves the order as the client gave it, as Kafka's does.
        let isLater = kind == .incremental
        session?.state.withLock { state in
            state.answered(
                outcomes.map {
                    (
                        key: $0.target.key, highWatermark: $0.toldHighWatermark, logStartOffset: $0.logStartOffset,
                        moves: isLater && $0.recordBytes > 0
                    )
                })
        }
        var response = FetchResponse()
        response.sessionId = session?.id ?? 0
        let arena = desk.arena
        let groups = Self.groupByTopic(outcomes)
        response.responses = WireArray(count: groups.count, in: arena) { index, topic in
            let range = groups[index]
            let key = outcomes[range.lowerBound].target.key
            topic.topic = WireBytes(copying: key.name, in: arena)
            topic.topicId = key.topicId
            topic.partitions = WireArray(count: range.count, in: arena) { offset, partition in
                outcomes[range.lowerBound + offset].fill(&partition, terms, desk)
            }
        }
        reply.send(response)
    }

    /// Runs of neighbours of one topic.
    private static func groupByTopic(_ outcomes: [FetchOutcome]) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var start = 0
        for index in outcomes.indices.dropFirst() {
            let (key, before) = (outcomes[index].target.key, outcomes[index - 1].target.key)
            if key.topicId != before.topicId || key.name != before.name {
                groups.append(start..<index)
                start = index
            }
        }
        if !outcomes.isEmpty { groups.append(start..<outcomes.count) }
        return groups
    }
}

extension FetchOutcome {
    fileprivate func fill(_ partition: inout FetchResponse.PartitionData, _ terms: FetchTerms, _ desk: RequestDesk) {
        partition.partitionIndex = target.key.partition
        partition.errorCode = errorCode
        partition.highWatermark = highWatermark
        partition.lastStableOffset = lastStableOffset
        partition.logStartOffset = logStartOffset
        if let divergingEpoch {
            partition.divergingEpoch.epoch = divergingEpoch.epoch
            partition.divergingEpoch.endOffset = divergingEpoch.endOffset
        }
        // Only for who reads committed records; sorted by first offset, as clients walk them. Kafka has none either where the
        // first batch did not fit; an empty list, whatever is asked for, where it does not know the partition at all.
        if isUnknown || terms.isolation == .lastStable && errorCode == 0 && !isCutShort {
            partition.abortedTransactions = WireArray(count: abortedTransactions.count, in: desk.arena) { index, aborted in
                aborted.producerId = abortedTransactions[index].producerId
                aborted.firstOffset = abortedTransactions[index].firstOffset
            }
        } else {
            partition.abortedTransactions = nil
        }
        if let converted {
            partition.records = .bytes(WireBytes(copying: converted, in: desk.arena))
        } else if let region {
            partition.records = desk.attach(region)
        } else {
            partition.records = .empty
        }
    }
}
