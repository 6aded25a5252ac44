internal import EventLoop
internal import Exchange
internal import KafkaMessages
internal import KafkaWire
internal import PartitionLog
internal import Replication

// DeleteRecords, versions 0-2: moves a partition's log start offset forward (KIP-107). Offset -1 means the high watermark.
//   2  flexible
// The new start offset reaches its checkpoint as Kafka's does, within log.flush.start.offset.checkpoint.interval.ms.

struct DeleteRecords: APIHandler {
    static let versions: ClosedRange<Int16> = 0...2

    let partitions: ServedPartitions
    let workers: WorkerPool

    private struct Wanted: Sendable {
        let topic: [UInt8]
        let partition: Int32
        var offset: Int64
        var lowWatermark: Int64 = -1
        var errorCode: Int16 = 0
    }

    func handle(_ request: DeleteRecordsRequest, from caller: Caller, reply: consuming Reply) {
        let wanted = Self.lastMentions(
            request.topics.map { topic in
                topic.partitions.map { Wanted(topic: topic.name.array, partition: $0.partitionIndex, offset: $0.offset) }
            })
        let table = partitions.current
        let desk = caller.desk
        let waiting = WaitingReply(reply)
        let submitted = workers.submit {
            let done = wanted.map { $0.map { Self.delete($0, in: table) } }
            desk.loop.post { if let reply = waiting.take() { Self.send(done, desk.arena, reply) } }
        }
        if !submitted { waiting.take()?.refuse("the broker is stopping") }
    }

    /// A partition that is named twice is meant once, with the last offset.
    private static func lastMentions(_ wanted: [[Wanted]]) -> [[Wanted]] {
        var offsets: [FetchKey: Int64] = [:]
        func key(_ one: Wanted) -> FetchKey { FetchKey(topicId: .zero, name: one.topic, partition: one.partition) }
        for one in wanted.joined() { offsets[key(one)] = one.offset }
        guard offsets.count < wanted.reduce(0, { $0 + $1.count }) else { return wanted }
        let distinct = wanted.map { partitions in
            partitions.compactMap { one -> Wanted? in
                guard let offset = offsets.removeValue(forKey: key(one)) else { return nil }
                var last = one
                last.offset = offset
                return last
            }
        }
        return distinct.filter { !$0.isEmpty }
    }

    private static func delete(_ wanted: Wanted, in table: PartitionTable) -> Wanted {
        var done = wanted
        let topic = wanted.topic.withUnsafeBytes { table.topic(WireBytes($0)) }
        guard let topic, let partition = topic.partition(wanted.partition) else {
            done.errorCode = (topic?.absence(wanted.partition) ?? .unknownTopicOrPartition).rawValue
            return done
        }
        if topic.isInternal {
            done.errorCode = ErrorCode.invalidTopicException.rawValue
            return done
        }
        guard partition.isLed else {
            done.errorCode = ErrorCode.notLeaderOrFollower.rawValue
            return done
        }
        guard partition.log.configuration.deletes else {
            // Records of a topic that is only compacted leave by compaction alone.
            done.errorCode = ErrorCode.policyViolation.rawValue
            return done
        }
        do throws(LogError) {
            let offset = wanted.offset == -1 ? partition.log.highWatermark : wanted.offset
            done.lowWatermark = try partition.log.deleteRecords(before: offset)
            partition.waiting.wakeAll()
        } catch {
            done.errorCode = error.errorCode
        }
        return done
    }

    private static func send(_ done: [[Wanted]], _ arena: Arena, _ reply: consuming Reply) {
        var response = DeleteRecordsResponse()
        response.topics = WireArray(count: done.count, in: arena) { index, topic in
            topic.name = WireBytes(copying: done[index].first?.topic ?? [], in: arena)
            topic.partitions = WireArray(count: done[index].count, in: arena) { place, partition in
                partition.partitionIndex = done[index][place].partition
                partition.lowWatermark = done[index][place].lowWatermark
                partition.errorCode = done[index][place].errorCode
            }
        }
        reply.send(response)
    }
}
