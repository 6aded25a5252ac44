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
    let own: OwnEndpoint

    func send(_ reading: FetchReading, _ terms: FetchTerms, on desk: RequestDesk, _ reply: consuming Reply) {
        let isPartial = kind == .incremental && !reading.outcomes.allSatisfy(\.isNews)
        let outcomes = isPartial ? reading.outcomes.filter(\.isNews) : reading.outcomes
        // The answer that begins a session leaves the order as the client gave it, as Kafka's does.
        session?.state.withLock { $0.answered(outcomes, reorders: kind == .incremental) }
        var response = FetchResponse()
        response.sessionId = session?.id ?? 0
        let arena = desk.arena
        // Neighbours of one topic share an entry.
        var topics = 0, next = 0
        while next < outcomes.count {
            topics += 1
            next = Self.endOfTopic(next, outcomes)
        }
        var start = 0
        response.responses = WireArray(count: topics, in: arena) { _, topic in
            let range = start..<Self.endOfTopic(start, outcomes)
            start = range.upperBound
            let key = outcomes[range.lowerBound].target.key
            topic.topic = WireBytes(copying: key.name, in: arena)
            topic.topicId = key.topicId
            topic.partitions = WireArray(count: range.count, in: arena) { offset, partition in
                outcomes[range.lowerBound + offset].fill(&partition, terms, desk)
            }
        }
        if terms.version >= 16, outcomes.contains(where: { $0.leadership?.isHere == true }) {
            response.nodeEndpoints = WireArray(own, in: arena)
        }
        reply.send(response)
    }

    private static func endOfTopic(_ start: Int, _ outcomes: [FetchOutcome]) -> Int {
        let topicId = outcomes[start].target.key.topicId
        var end = start + 1
        while end < outcomes.count, outcomes[end].target.key.topicId == topicId,
            outcomes[end].target.key.name == outcomes[start].target.key.name
        { end += 1 }
        return end
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
        if terms.version >= 16, let leadership { partition.currentLeader.fill(leadership) }
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
