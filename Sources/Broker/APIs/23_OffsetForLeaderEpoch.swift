internal import Exchange
internal import KafkaMessages
internal import KafkaWire
internal import PartitionLog
internal import Replication

// OffsetForLeaderEpoch, versions 0-4: where an epoch's records end, so that a client or follower learns what it has to give up.
//   1  the epoch that was found      2  the epoch that the client believes current (KIP-320)      3  replica id      4  flexible
// A wrong answer here makes clients ask without end (librdkafka#4425): an epoch that nobody knows is -1 with offset -1.

struct OffsetForLeaderEpoch: APIHandler {
    static let versions: ClosedRange<Int16> = 0...4

    let partitions: ServedPartitions

    func handle(_ request: OffsetForLeaderEpochRequest, from caller: Caller, reply: consuming Reply) {
        let table = partitions.current
        var response = OffsetForLeaderEpochResponse()
        response.topics = WireArray(count: request.topics.count, in: caller.arena) { index, answer in
            let topic = request.topics[index]
            answer.topic = topic.topic
            let served = table.topic(topic.topic)
            answer.partitions = WireArray(count: topic.partitions.count, in: caller.arena) { place, answer in
                let wanted = topic.partitions[place]
                answer.partition = wanted.partition
                guard let partition = served?.partition(wanted.partition) else {
                    return answer.errorCode = (served?.absence(wanted.partition) ?? .unknownTopicOrPartition).rawValue
                }
                let verdict = partition.check(currentLeaderEpoch: wanted.currentLeaderEpoch)
                guard verdict == .same else { return answer.errorCode = verdict.error.rawValue }
                guard let end = partition.log.endOffset(forLeaderEpoch: wanted.leaderEpoch) else { return }
                answer.leaderEpoch = end.epoch
                answer.endOffset = end.endOffset
            }
        }
        reply.send(response)
    }
}
