internal import Exchange
internal import KafkaMessages
internal import KafkaWire
internal import PartitionLog
internal import Replication
internal import Synchronization

/// One partition of a produce request that may not be acknowledged yet, and its place in the answer.
struct ProduceWait: Sendable {
    let partition: Partition
    let below: Int64
    let topic: Int
    let place: Int
}

/// The answer to a produce request that waits for a disk, in memory of its own: the request is gone when it leaves.
final class HeldProduce: Sendable {
    private struct Topic: Sendable {
        var name: [UInt8]
        var id: Uuid
        var partitions: [PartitionAnswer]
    }

    private let topics: Mutex<[Topic]>
    /// acks=0: an error closes the connection, and nothing else is said.
    private let isSilent: Bool
    private let reply: WaitingReply

    init(_ response: borrowing ProduceResponse, isSilent: Bool, _ reply: consuming Reply) {
        var topics: [Topic] = []
        for topic in response.responses {
            topics.append(
                Topic(name: topic.name.array, id: topic.topicId, partitions: topic.partitionResponses.map { PartitionAnswer($0) }))
        }
        self.topics = Mutex(topics)
        self.isSilent = isSilent
        self.reply = WaitingReply(reply)
    }

    /// The answer leaves when all of them are acknowledged, or cannot be.
    func settle(_ waits: [ProduceWait]) {
        let left = Countdown(waits.count)
        for wait in waits {
            wait.partition.log.acknowledged(upTo: wait.below) { [self] failure in
                if let failure {
                    topics.withLock { topics in
                        topics[wait.topic].partitions[wait.place] = PartitionAnswer(
                            index: wait.partition.index, failure: failure.errorCode)
                    }
                } else {
                    wait.partition.waiting.wakeAll()
                }
                if left.isLast() { send() }
            }
        }
    }

    private func send() {
        guard let reply = reply.take() else { return }
        let topics = topics.withLock { $0 }
        let arena = Arena(capacity: 1024)
        defer { arena.staysUntilHere() }
        var response = ProduceResponse()
        response.responses = WireArray(count: topics.count, in: arena) { index, answer in
            answer.name = WireBytes(copying: topics[index].name, in: arena)
            answer.topicId = topics[index].id
            answer.partitionResponses = WireArray(count: topics[index].partitions.count, in: arena) { place, partition in
                topics[index].partitions[place].fill(&partition, arena)
            }
        }
        guard isSilent else { return reply.send(response) }
        let hasErrors = topics.contains { $0.partitions.contains { $0.errorCode != 0 } }
        if hasErrors { reply.refuse(Produce.reason(response)) } else { reply.declined() }
    }
}

/// A partition's part of the answer. The errors of single records and the hints of another leader, which stand beside a partition
/// that was refused, are left out where another partition of the request has to wait.
private struct PartitionAnswer: Sendable {
    var index: Int32
    var errorCode: Int16
    var baseOffset: Int64 = -1
    var logAppendTimeMs: Int64 = -1
    var logStartOffset: Int64 = -1
    var message: [UInt8]?

    init(index: Int32, failure: Int16) {
        self.index = index
        errorCode = failure
    }

    init(_ answer: ProduceResponse.PartitionProduceResponse) {
        index = answer.index
        errorCode = answer.errorCode
        baseOffset = answer.baseOffset
        logAppendTimeMs = answer.logAppendTimeMs
        logStartOffset = answer.logStartOffset
        message = answer.errorMessage?.array
    }

    func fill(_ answer: inout ProduceResponse.PartitionProduceResponse, _ arena: Arena) {
        answer.index = index
        answer.errorCode = errorCode
        answer.baseOffset = baseOffset
        answer.logAppendTimeMs = logAppendTimeMs
        answer.logStartOffset = logStartOffset
        answer.errorMessage = message.map { WireBytes(copying: $0, in: arena) }
    }
}
