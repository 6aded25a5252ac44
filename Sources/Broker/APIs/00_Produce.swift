internal import EventLoop
internal import Exchange
internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire
internal import PartitionLog
internal import Replication

// Produce, versions 0-13: appends batches to partitions.
//   1  throttle time             2  log append time          3  transactional id, magic 2 and one batch a partition
//   5  log start offset          7  zstd                     8  which records were refused, and why (KIP-467)
//   9  flexible                 10  the new leader on an error (KIP-951)                    13  topics by id (KIP-516)
// acks=0 gets no answer; if something went wrong the connection is closed, so that the client notices. Versions 0 to 2 bring old
// message sets, which are converted up. Null records, on which Kafka never answers, are INVALID_RECORD.
//
// An answer may have to wait: for a flush (flush.messages), or for a worker that writes while a disk is slow. Where so much waits for
// a slow disk already that no more is taken, the request itself waits, in the connection that it came by, which reads no further.

struct Produce: APIHandler {
    static let versions: ClosedRange<Int16> = 0...13

    let partitions: ServedPartitions
    let identity: BrokerIdentity

    /// Whether a log directory may have so much to write that it takes no more.
    var mayBeCongested: @Sendable () -> Bool = { false }

    func handle(_ request: ProduceRequest, from caller: Caller, reply: consuming Reply) {
        let table = partitions.current
        let topics = request.distinctTopics(in: caller.arena)
        if mayBeCongested(), needsCongestedDirectory(topics, caller.version, table) { return reply.holdBack() }
        let wallMs = caller.loop.clock.wallMs()
        let refusal = Self.refusal(of: request)
        var hasErrors = false
        var waits: [ProduceWait] = []
        var namesThisBroker = false
        var response = ProduceResponse()
        response.responses = WireArray(count: topics.count, in: caller.arena) { index, answer in
            let topic = topics[index]
            answer.name = topic.name
            answer.topicId = topic.topicId
            let served = caller.version >= 13 ? table.topic(topic.topicId) : table.topic(topic.name)
            answer.partitionResponses = WireArray(count: topic.partitionData.count, in: caller.arena) { place, answer in
                let data = topic.partitionData[place]
                answer.index = data.index
                answer.baseOffset = -1
                guard refusal == 0 else { return answer.errorCode = refusal }
                guard let served else {
                    let unknown: ErrorCode = caller.version >= 13 ? .unknownTopicId : .unknownTopicOrPartition
                    return answer.errorCode = unknown.rawValue
                }
                guard !served.isInternal else { return answer.errorCode = ErrorCode.invalidTopicException.rawValue }
                let here = served.partition(data.index)
                guard let partition = here, partition.isLed else {
                    let absence = here == nil ? served.absence(data.index) : .notLeaderOrFollower
                    answer.errorCode = absence.rawValue
                    if absence.tellsOfAnotherLeader, caller.version >= 10,
                        let leadership = served.leadership(data.index)
                    {
                        answer.currentLeader.fill(leadership)
                        namesThisBroker = namesThisBroker || leadership.isHere
                    }
                    return
                }
                let outcome = partition.produce(data.records, version: caller.version, wallMs: wallMs)
                outcome.fill(&answer, caller.arena)
                if outcome.mustWait { waits.append(ProduceWait(partition: partition, below: outcome.endOffset, topic: index, place: place)) }
            }
            for answer in answer.partitionResponses where answer.errorCode != 0 { hasErrors = true }
        }
        if namesThisBroker {
            let own = OwnEndpoint(identity: identity, listener: caller.client.listener)
            response.nodeEndpoints = WireArray(own, in: caller.arena)
        }
        if request.acks == 0, hasErrors {
            reply.refuse(Self.reason(response))
        } else if !waits.isEmpty {
            HeldProduce(response, isSilent: request.acks == 0, reply).settle(waits)
        } else if request.acks == 0 {
            reply.declined()
        } else {
            reply.send(response)
        }
    }

    private func needsCongestedDirectory(
        _ topics: WireArray<ProduceRequest.TopicProduceData>, _ version: Int16, _ table: PartitionTable
    ) -> Bool {
        for topic in topics {
            guard let served = version >= 13 ? table.topic(topic.topicId) : table.topic(topic.name) else { continue }
            for data in topic.partitionData where served.partition(data.index)?.log.isCongested == true { return true }
        }
        return false
    }

    /// The error of the request as a whole, 0 if there is none.
    private static func refusal(of request: ProduceRequest) -> Int16 {
        if !(-1...1).contains(request.acks) { return ErrorCode.invalidRequiredAcks.rawValue }
        // Transactions are not served yet, and are refused whole rather than done by half.
        if request.transactionalId != nil { return ErrorCode.unsupportedVersion.rawValue }
        return 0
    }

    static func reason(_ response: ProduceResponse) -> String {
        for topic in response.responses {
            for partition in topic.partitionResponses where partition.errorCode != 0 {
                return "a produce without acknowledgement (acks=0) to \(topic.name.string)-\(partition.index) failed: "
                    + "\(ErrorCode(rawValue: partition.errorCode))"
            }
        }
        return "a produce without acknowledgement failed"
    }
}

extension ProduceOutcome {
    fileprivate func fill(_ answer: inout ProduceResponse.PartitionProduceResponse, _ arena: Arena) {
        answer.errorCode = errorCode
        answer.baseOffset = baseOffset
        answer.logAppendTimeMs = logAppendTimeMs
        answer.logStartOffset = logStartOffset
        guard !rejected.isEmpty || message != nil else { return }
        answer.errorMessage = message.map { WireBytes(copying: $0, in: arena) }
        answer.recordErrors = WireArray(count: rejected.count, in: arena) { index, error in
            error.batchIndex = rejected[index].batchIndex
            error.batchIndexErrorMessage = WireBytes(copying: rejected[index].message, in: arena)
        }
    }
}
