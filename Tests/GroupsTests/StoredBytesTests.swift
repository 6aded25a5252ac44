import Groups
import KafkaMessages
import KafkaRecords
import KafkaWire
import Synchronization
import TestKit
import Testing

@Suite struct `What is stored` {
    private let leader: ByteString = "c1-bb27a87a-fc55-43da-a115-3d4f1825eaf9"
    private let topicId = Uuid(0x687b_6246_6135_453e, 0x8005_6398_eda9_24da)

    @Test func `a group's life leaves the bytes that Kafka 4.4 leaves`() {
        let scene = Scene(wallMs: 1_795_638_441_738, names: ["bb27a87a-fc55-43da-a115-3d4f1825eaf9"])
        #expect(scene.partition(of: "golden") == 43)
        // Where Kafka's clock went on while it worked, so must the test's: the first record's batch is 27 ms younger.
        let subscription = ByteString(
            [0, 3, 0, 0, 0, 1, 0, 2, 0x74, 0x31, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
        let assignment = ByteString(
            [0, 3, 0, 0, 0, 1, 0, 2, 0x74, 0x31, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF])
        let protocols = [MemberProtocol(name: "range", metadata: subscription)]
        let first = scene.join(
            "golden", version: 9, client: "c1", protocols: protocols, sessionMs: 45_000, rebalanceMs: 300_000)
        #expect(first.value?.error == .memberIdRequired)
        scene.clock.advance(ms: 1_795_638_441_785 - 1_795_638_441_738)
        let joined = scene.join(
            "golden", leader, version: 9, client: "c1", protocols: protocols, sessionMs: 45_000, rebalanceMs: 300_000)
        #expect(joined.value?.generation == 1)
        scene.clock.advance(ms: 65)
        _ = scene.sync("golden", leader, generation: 1, assignments: [(leader, assignment)])
        scene.clock.advance(ms: 296)
        let commits = [
            Scene.Commit(
                topic: "t1", topicId: topicId, partition: 1, offset: 3, leaderEpoch: 0, timestampMs: 1_795_638_442_138),
            Scene.Commit(topic: "t1", topicId: topicId, partition: 0, offset: 0, timestampMs: 1_795_638_442_138),
        ]
        #expect(scene.commit("golden", commits, member: leader, generation: 1).errors == [.none, .none])
        scene.clock.advance(ms: 8)
        #expect(scene.groups.leave("golden".wire, [LeavingMember(memberId: leader)]).members == [.none])
        scene.clock.advance(ms: 1_795_638_447_307 - 1_795_638_442_154)
        #expect(scene.groups.deleteGroup("golden".wire).error == ErrorCode.none)

        let ours = scene.log.bytes(of: 43)
        // The first batch: Kafka's clock moved on between the group's making and the batch; ours does not. All else is equal.
        let first102 = 102
        #expect(ours.count == KafkaSegment.bytes.count)
        #expect(Array(ours[first102...]) == Array(KafkaSegment.bytes[first102...]))
        var expected = Array(KafkaSegment.bytes[..<first102])
        // CRC, base and maximal timestamp, state timestamp.
        for range in [17..<21, 27..<43, 94..<102] { expected.replaceSubrange(range, with: ours[range]) }
        #expect(Array(ours[..<first102]) == expected)
    }

    @Test func `Kafka's log is read back as the groups it stands for`() {
        var batches: [[UInt8]] = []
        KafkaSegment.bytes.withUnsafeBytes { bytes in
            var walk = RecordBatches(bytes)
            while let batch = try? walk.next() { batches.append(Array(batch.bytes)) }
        }
        #expect(batches.count == 5)
        func load(_ count: Int) -> Scene {
            let log = MemoryLog()
            log.state.withLock { $0.batches[43] = Array(batches.prefix(count)) }
            return Scene(log: log)
        }
        #expect(load(1).state(of: "golden") == .empty)
        let stable = load(3)
        let description = stable.groups.describe("golden".wire)
        #expect(description.state == .stable)
        #expect(description.protocolType == "consumer" && description.protocolName == "range")
        #expect(description.members.map(\.id) == [leader])
        #expect(description.members[0].clientHost == "/127.0.0.1")
        #expect(stable.committed("golden", "t1", 1)?.offset == 3)
        #expect(stable.committed("golden", "t1", 1)?.leaderEpoch == 0)
        #expect(stable.committed("golden", "t1", 0)?.leaderEpoch == -1)
        #expect(stable.committed("golden", "t1", 0)?.topicId == topicId)
        #expect(stable.heartbeat("golden", leader, generation: 1) == ErrorCode.none)
        let left = load(4)
        #expect(left.state(of: "golden") == .empty)
        #expect(left.committed("golden", "t1", 1)?.offset == 3)
        let deleted = load(5)
        #expect(deleted.state(of: "golden") == .dead)
        #expect(deleted.committed("golden", "t1", 1) == nil)
    }

    @Test func `offsets are stored with their retention in version 1, without a topic's id in version 3`() throws {
        let scene = Scene()
        _ = scene.commit("g", [.init(offset: 7, leaderEpoch: 2, metadata: "what I thought")], retentionMs: 60_000)
        _ = scene.commit("g", [.init(offset: 8, leaderEpoch: 2)])
        let log = scene.log.bytes(of: scene.partition(of: "g"))
        var versions: [Int16] = []
        try log.withUnsafeBytes { bytes in
            var walk = RecordBatches(bytes)
            let scratch = RecordScratch()
            while let batch = try walk.next() {
                try batch.ensureValid()
                var records = try batch.records(scratch: scratch)
                while let record = try records.next() {
                    versions.append(Int16(bigEndian: record.value!.loadUnaligned(as: Int16.self)))
                }
            }
        }
        #expect(versions == [1, 3])
        let again = Scene(log: scene.log)
        #expect(again.committed("g") == scene.committed("g"))
        #expect(again.committed("g")?.offset == 8)
    }

    @Test(arguments: [
        ("", 0, 0), ("a", 47, 1), ("my-group", 12, 0), ("group-1", 49, 2), ("console-consumer-12345", 6, 0),
        ("日本語", 43, 2), ("é", 33, 2), ("🚀", 27, 0), ("polygenelubricants", 0, 0), ("Group.With_Dots-1", 6, 2),
    ])
    func `a group lives where Java's hash puts it`(id: String, of50: Int32, of3: Int32) {
        #expect(GroupCoordinator.partition(of: id.wire, count: 50) == of50)
        #expect(GroupCoordinator.partition(of: id.wire, count: 3) == of3)
    }
}
