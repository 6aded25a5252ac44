import Broker
import Groups
import KafkaMessages
import TestKit

@testable import PartitionLog

// A group of members that commit.

extension BrokerSimulation {
    /// One that knows its generation, maybe a former one.
    func commitAsMember() throws {
        guard let member = members.filter({ !$0.isWaiting }).randomElement(using: &generator), let topic = anyTopic() else { return }
        nextValue += 1
        let isLate = generator.chance(0.3)
        try member.commit(Int64(nextValue), of: offsetModel(group.name, topic.name), topic.name, isLate: isLate)
    }

    func offsetModel(_ group: String, _ topic: String) -> OffsetModel {
        let key = OffsetKey(group: group, topic: topic, partition: 0)
        let model = offsets[key] ?? OffsetModel()
        offsets[key] = model
        return model
    }

    /// What is read is not older than what was told, and holds from now on.
    func readOffsets() throws {
        let keys = offsets.keys.sorted { ($0.group, $0.topic) < ($1.group, $1.topic) }
        guard let place = idleConnection(), let key = keys.randomElement(using: &generator), let model = offsets[key] else { return }
        // What has been answered, but not looked at yet, counts too.
        try takeAnswers()
        let least = model.answered
        guard let (error, offset) = try connections[place].committed(key.group, key.topic, key.partition), error == 0 else { return }
        let count = try found(offset, key, model)
        try require(count >= least, "\(key) is read at commit \(count), though \(least) was acknowledged")
        model.answered = max(model.answered, count)
    }

    /// Which commit that is; 0 for none, or one for a former topic of that name.
    func found(_ offset: Int64, _ key: OffsetKey, _ model: OffsetModel) throws -> Int {
        if offset < 0 || formerOffsets.contains(offset) { return 0 }
        try require(model.sent.contains(offset), "\(key) is at \(offset), which nobody committed")
        return model.count(upTo: offset)
    }

    /// Gives all members what they need to come together; false where the disk did not let them.
    func bringTogether() throws -> Bool {
        for _ in 0..<60 {
            for member in members { try member.goOn(&nextValue) }
            broker.settle()
            try takeAnswers()
            if disk.hasStopped || isOffline || disk.faults.trouble != nil { return false }
            let isTogether = members.allSatisfy { $0.stage == .member && !$0.isWaiting && $0.generation == members[0].generation }
            if isTogether, !group.isOld(members[0].generation) { return true }
            clock.advance(ms: 1000)
        }
        throw Violation(description: "the members of \(group.name) do not come together")
    }

    /// Whatever was before, its members find together and commit.
    func regroup() throws {
        guard broker.logs.log(TopicPartition("__consumer_offsets", 0)) != nil, try bringTogether() else { return }
        guard let topic = anyTopic() else { return }
        for member in members {
            nextValue += 1
            let model = offsetModel(group.name, topic.name)
            let before = model.answered
            try member.commit(Int64(nextValue), of: model, topic.name)
            broker.settle()
            try takeAnswers()
            if disk.hasStopped || hadTrouble || !topic.isCertain { return }
            try require(model.answered > before, "a member of the present generation cannot commit")
        }
    }

    /// A group that stands when the broker is killed stands afterwards: its members go on as if nothing had been.
    func restartTogether() throws {
        guard broker.logs.log(TopicPartition("__consumer_offsets", 0)) != nil, !hadTrouble, try bringTogether() else { return }
        let generation = members[0].generation
        try restart(losingPower: false)
        guard lastEvent == .kill, !hadTrouble, broker.logs.log(TopicPartition("__consumer_offsets", 0)) != nil else { return }
        for member in members {
            try member.goOn(&nextValue)
            broker.settle()
            try takeAnswers()
            if disk.hasStopped { return }
            try require(
                member.stage == .member && member.generation == generation,
                "a member of a group that stood was sent away after a kill")
        }
    }
}

/// A group's log as a coordinator would have it that does not wait for what it writes.
final class EagerGroupLog: GroupLog {
    private let log: PartitionGroupLog

    init(_ log: PartitionGroupLog) { self.log = log }

    func append(
        _ batch: UnsafeMutableRawBufferPointer, to partition: Int32, leaderEpoch: Int32
    ) throws(GroupLogError) -> GroupLogAppend {
        var result = try log.append(batch, to: partition, leaderEpoch: leaderEpoch)
        result.isCommitted = true
        return result
    }

    func whenCommitted(
        _ partition: Int32, lastOffset: Int64, timeoutMs: Int32, _ body: @escaping @Sendable (ErrorCode) -> Void
    ) { body(.none) }

    func read(
        _ partition: Int32, from offset: Int64, maxBytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool { try log.read(partition, from: offset, maxBytes: maxBytes, body) }

    func logStartOffset(_ partition: Int32) -> Int64 { log.logStartOffset(partition) }
}
