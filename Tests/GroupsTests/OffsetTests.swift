import Groups
import KafkaMessages
import KafkaRecords
import KafkaWire
import Synchronization
import TestKit
import Testing

@Suite struct `Committed offsets` {
    private let dayMs: Int64 = 24 * 3_600_000

    @Test func `offset, epoch and metadata come back as they went in`() {
        let scene = Scene()
        let commits = (0..<100).reversed().map {
            Scene.Commit(partition: $0, offset: Int64($0) * 10, leaderEpoch: 5, metadata: "note \($0)")
        }
        #expect(scene.commit("g", commits).errors.allSatisfy { $0 == .none })
        for scene in [scene, Scene(log: scene.log)] {
            let committed = scene.committed("g", "t", 42)
            #expect(committed?.offset == 420)
            #expect(committed?.leaderEpoch == 5)
            #expect(committed?.metadata == "note 42")
            #expect(committed?.commitTimestampMs == 1_700_000_000_000)
            #expect(scene.committed("g", "t", 100) == nil)
            #expect(scene.committed("g", "other", 42) == nil)
            #expect(scene.committed("other", "t", 42) == nil)
        }
    }

    @Test func `no committed offset goes back, whatever a crash leaves of the log`() {
        let scene = Scene()
        for offset in 1...20 { _ = scene.commit("g", [.init(partition: Int32(offset % 3), offset: Int64(offset))]) }
        let partition = scene.partition(of: "g")
        for kept in 0...20 {
            let again = Scene(log: scene.log.copy(keeping: kept, of: partition))
            for index in 0..<3 {
                let last = (1...20).filter { $0 <= kept && $0 % 3 == index }.max()
                #expect(again.committed("g", "t", Int32(index))?.offset == last.map(Int64.init))
            }
        }
    }

    @Test func `metadata that is too large is refused, by characters as Java counts them`() {
        var configuration = GroupConfiguration.quick
        configuration.offsetMetadataMaxBytes = 4
        let scene = Scene(configuration)
        let commits = ["1234", "12345", "éééé", "🚀🚀", "🚀🚀🚀"].enumerated().map {
            Scene.Commit(partition: Int32($0.offset), offset: 1, metadata: $0.element)
        }
        #expect(
            scene.commit("g", commits).errors == [.none, .offsetMetadataTooLarge, .none, .none, .offsetMetadataTooLarge])
        #expect(scene.committed("g", "t", 1) == nil)
        #expect(scene.committed("g", "t", 3)?.metadata == "🚀🚀")
    }

    @Test func `a commit to no group with a generation is refused as the version has it`() {
        let scene = Scene()
        let old = scene.commit("g", [.init(offset: 1)], member: "m", generation: 1)
        #expect(old.errors == [.illegalGeneration])
        let new = scene.commit("g", [.init(offset: 1)], member: "m", generation: 1, unknownGroup: .groupIdNotFound)
        #expect(new.errors == [.groupIdNotFound])
        #expect(scene.commit("", [.init(offset: 1)], member: "made up").errors == [.none])
        #expect(scene.committed("")?.offset == 1)
    }

    @Test func `an empty commit is done at once and writes nothing`() {
        let scene = Scene()
        #expect(scene.commit("g", []).errors == [])
        #expect(scene.log.count(of: scene.partition(of: "g")) == 0)
    }

    @Test func `a topic that was deleted and made anew starts without offsets`() {
        let scene = Scene()
        let former = Uuid(1, 2)
        let id = Uuid(3, 4)
        _ = scene.commit("g", [.init(topicId: former, offset: 5)])
        #expect(scene.committed("g", id: former)?.offset == 5)
        #expect(scene.committed("g", id: .zero)?.offset == 5)
        #expect(scene.committed("g", id: id) == nil)
        _ = scene.commit("g", [.init(topicId: id, offset: 0)])
        #expect(scene.committed("g", id: id)?.offset == 0)
    }

    @Test func `a commit answers once its record is committed`() {
        let scene = Scene()
        scene.log.state.withLock { $0.withholds = true }
        let stored = scene.commit("g", [.init(offset: 1)]).stored
        let answer = Pending<ErrorCode>()
        scene.groups.whenCommitted(stored) { answer.set($0) }
        #expect(answer.value == nil)
        scene.log.settle(.notEnoughReplicas)
        #expect(answer.value == .coordinatorNotAvailable)
    }

    // MARK: Deletion

    @Test func `offsets of a topic that a member consumes cannot be deleted, others can`() {
        let scene = Scene()
        let member = scene.onlyMember(of: "g", subscription: ["t", "u"])
        for topic in ["t", "u", "v"] {
            let commits = [0, 1].map { Scene.Commit(topic: topic, partition: $0, offset: 1) }
            #expect(scene.commit("g", commits, member: member, generation: 1).errors == [.none, .none])
        }
        #expect(scene.deleteOffsets("g", "u", [0]) == (.none, [.groupSubscribedToTopic]))
        #expect(scene.deleteOffsets("g", "v", [0, 7]) == (.none, [.none, .none]))
        #expect(scene.committed("g", "v", 0) == nil)
        #expect(scene.committed("g", "v", 1) != nil)
        #expect(scene.deleteOffsets("nobody", "v", [0]).0 == .groupIdNotFound)
        #expect(scene.deleteOffsets("", "v", [0]).0 == .invalidGroupId)
        #expect(Scene(log: scene.log).committed("g", "v", 0) == nil)
    }

    @Test func `a group with members cannot be deleted, an empty one goes with its offsets`() {
        let scene = Scene()
        let member = scene.onlyMember(of: "g")
        _ = scene.commit("g", [.init(offset: 1)], member: member, generation: 1)
        #expect(scene.groups.deleteGroup("g".wire).error == .nonEmptyGroup)
        _ = scene.groups.leave("g".wire, [LeavingMember(memberId: member)])
        #expect(scene.groups.deleteGroup("g".wire).error == ErrorCode.none)
        #expect(scene.groups.deleteGroup("g".wire).error == .groupIdNotFound)
        for scene in [scene, Scene(log: scene.log)] {
            #expect(scene.committed("g") == nil)
            #expect(scene.groups.listGroups().groups == [])
        }
        #expect(scene.join("g").value?.generation == 1)
    }

    @Test func `offsets of deleted topics go in every group`() {
        let scene = Scene()
        for group in ["a", "b"] {
            for topic in ["t", "u"] { _ = scene.commit(group, [.init(topic: topic, offset: 1)]) }
        }
        for partition in 0..<scene.groups.partitionCount { scene.groups.forgetTopics(["t"], inPartition: partition) }
        for group in ["a", "b"] {
            #expect(scene.committed(group, "t") == nil)
            #expect(scene.committed(group, "u") != nil)
        }
    }

    // MARK: Expiry

    private func expire(_ scene: Scene) { for partition in 0..<scene.groups.partitionCount { scene.groups.expireOffsets(ofPartition: partition) } }

    @Test func `offsets of a group without members expire seven days after it became empty, and the group with them`() {
        let scene = Scene()
        let member = scene.onlyMember(of: "g")
        _ = scene.commit("g", [.init(offset: 1)], member: member, generation: 1)
        scene.clock.advance(ms: 5 * dayMs)
        scene.groups.runTimers()
        #expect(scene.state(of: "g") == .empty)
        scene.clock.advance(ms: 7 * dayMs - 1)
        expire(scene)
        #expect(scene.committed("g") != nil)
        scene.clock.advance(ms: 1)
        expire(scene)
        for scene in [scene, Scene(log: scene.log)] {
            #expect(scene.committed("g") == nil)
            #expect(scene.state(of: "g") == .dead)
        }
    }

    @Test func `offsets of a consumer that assigns itself expire seven days after each commit`() {
        let scene = Scene()
        _ = scene.commit("g", [.init(partition: 0, offset: 1)])
        scene.clock.advance(ms: dayMs)
        _ = scene.commit("g", [.init(partition: 1, offset: 1)])
        scene.clock.advance(ms: 6 * dayMs)
        expire(scene)
        #expect(scene.committed("g", "t", 0) == nil)
        #expect(scene.committed("g", "t", 1) != nil)
        scene.clock.advance(ms: dayMs)
        expire(scene)
        #expect(scene.state(of: "g") == .dead)
    }

    @Test func `members keep the offsets of the topics they consume, not of others`() {
        let scene = Scene()
        let member = scene.onlyMember(of: "g", subscription: ["t"])
        _ = scene.commit(
            "g", [.init(topic: "t", offset: 1), .init(topic: "u", offset: 1)], member: member, generation: 1)
        for _ in 0..<(8 * 24 * 3600 / 9) {
            scene.clock.advance(ms: 9_000)
            _ = scene.heartbeat("g", member, generation: 1)
        }
        expire(scene)
        #expect(scene.state(of: "g") == .stable)
        #expect(scene.committed("g", "t") != nil)
        #expect(scene.committed("g", "u") == nil)
    }

    @Test func `what a member's metadata does not tell expires nothing`() {
        let scene = Scene()
        let joined = scene.join("g").value!
        _ = scene.sync("g", joined.memberId, generation: 1)
        _ = scene.commit("g", [.init(topic: "u", offset: 1)], member: joined.memberId, generation: 1)
        for _ in 0..<(8 * 24 * 3600 / 9) {
            scene.clock.advance(ms: 9_000)
            _ = scene.heartbeat("g", joined.memberId, generation: 1)
        }
        expire(scene)
        #expect(scene.committed("g", "u") != nil)
    }

    @Test func `a retention of the client's own counts for itself`() {
        let scene = Scene()
        _ = scene.commit("g", [.init(partition: 0, offset: 1)], retentionMs: 60_000)
        _ = scene.commit("g", [.init(partition: 1, offset: 1)])
        scene.clock.advance(ms: 59_999)
        expire(scene)
        #expect(scene.committed("g", "t", 0) != nil)
        scene.clock.advance(ms: 1)
        expire(scene)
        #expect(scene.committed("g", "t", 0) == nil)
        #expect(scene.committed("g", "t", 1) != nil)
    }

    @Test func `a group without offsets and members goes, one that someone is about to join stays`() {
        let scene = Scene()
        #expect(scene.join("g", version: 4).value?.error == .memberIdRequired)
        let member = scene.onlyMember(of: "h")
        _ = scene.groups.leave("h".wire, [LeavingMember(memberId: member)])
        expire(scene)
        #expect(scene.state(of: "g") == .empty)
        #expect(scene.state(of: "h") == .dead)
    }

    // MARK: Transactions, as far as their records lie in the log

    @Test func `offsets of a transaction count when it is committed, and not when it is aborted`() throws {
        let plain = Scene()
        _ = plain.commit("g", [.init(partition: 0, offset: 1), .init(partition: 1, offset: 1)])
        let partition = plain.partition(of: "g")
        func transactional(_ offset: Int64, producer: Int64, base: Int64) throws -> [UInt8] {
            let other = Scene()
            _ = other.commit("g", [.init(partition: 0, offset: offset)])
            let bytes = other.log.bytes(of: partition)
            return try bytes.withUnsafeBytes { bytes in
                let batch = try BatchView(firstOf: bytes)!
                var builder = RecordBatchBuilder(baseOffset: base)
                builder.producerId = producer
                builder.producerEpoch = 0
                builder.isTransactional = true
                var records = try batch.records(scratch: RecordScratch())
                while let record = try records.next() {
                    builder.append(timestamp: record.timestamp, key: record.key, value: record.value)
                }
                return try builder.build()
            }
        }
        func marker(_ type: UInt8, producer: Int64, base: Int64) throws -> [UInt8] {
            var builder = RecordBatchBuilder(baseOffset: base)
            builder.producerId = producer
            builder.producerEpoch = 0
            builder.isTransactional = true
            builder.isControl = true
            builder.append(timestamp: 1, key: [0, 0, 0, type], value: [0, 0, 0, 0, 0, 0])
            return try builder.build()
        }
        let parts = [
            try transactional(50, producer: 7, base: 2), try transactional(60, producer: 8, base: 3),
            try marker(0, producer: 7, base: 4), try marker(1, producer: 8, base: 5),
        ]
        func load(_ count: Int) -> Scene {
            let log = plain.log.copy(keeping: 1, of: partition)
            log.state.withLock { $0.batches[partition]! += parts.prefix(count) }
            return Scene(log: log)
        }
        func isUnstable(_ scene: Scene, _ index: Int32) -> Bool {
            var unstable = false
            _ = scene.groups.readOffsets(of: "g".wire) { unstable = $0.isUnstable("t".wire, index) }
            return unstable
        }
        #expect(load(2).committed("g")?.offset == 1)
        #expect(isUnstable(load(2), 0))
        #expect(!isUnstable(load(2), 1))
        #expect(load(3).committed("g")?.offset == 1)
        #expect(isUnstable(load(3), 0))
        #expect(load(4).committed("g")?.offset == 60)
        #expect(!isUnstable(load(4), 0))
    }
}
