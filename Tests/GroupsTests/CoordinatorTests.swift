import EventLoop
import Groups
import KafkaMessages
import KafkaWire
import Synchronization
import TestKit
import Testing

@Suite struct `The coordinator` {
    @Test func `a partition that is loading answers so, and serves afterwards`() {
        let scene = Scene(loads: false)
        let partition = scene.partition(of: "g")
        #expect(scene.join("g").value?.error == .notCoordinator)
        #expect(scene.heartbeat("g", "m", generation: 1) == .notCoordinator)
        scene.groups.willLoad(partition, leaderEpoch: 3)
        #expect(scene.join("g").value?.error == .coordinatorLoadInProgress)
        #expect(scene.sync("g", "m", generation: 1).value?.error == .coordinatorLoadInProgress)
        #expect(scene.heartbeat("g", "m", generation: 1) == ErrorCode.none)
        #expect(scene.commit("g", [.init(offset: 1)]).errors == [.coordinatorLoadInProgress])
        #expect(scene.groups.readOffsets(of: "g".wire) { _ in } == .coordinatorLoadInProgress)
        #expect(scene.groups.leave("g".wire, []).error == .coordinatorLoadInProgress)
        #expect(scene.groups.listGroups().error == .coordinatorLoadInProgress)
        #expect(scene.groups.describe("g".wire).error == .coordinatorLoadInProgress)
        #expect(scene.groups.load(partition, leaderEpoch: 3))
        #expect(scene.join("g").value?.error == ErrorCode.none)
    }

    @Test func `a partition that goes elsewhere while it loads does not serve`() {
        let scene = Scene(loads: false)
        let partition = scene.partition(of: "g")
        scene.groups.willLoad(partition, leaderEpoch: 3)
        scene.log.state.withLock { $0.duringRead = { scene.groups.unload(partition) } }
        #expect(!scene.groups.load(partition, leaderEpoch: 3))
        #expect(scene.join("g").value?.error == .notCoordinator)
    }

    @Test func `a partition that goes elsewhere sends those who wait to look for it`() {
        let scene = Scene()
        let member = scene.onlyMember(of: "g")
        let newcomer = scene.join("g")
        #expect(newcomer.value == nil)
        scene.groups.unload(scene.partition(of: "g"))
        #expect(newcomer.value?.error == .notCoordinator)
        #expect(scene.heartbeat("g", member, generation: 1) == .notCoordinator)
        #expect(scene.groups.nextDeadline < .never)
        scene.pass(ms: 600_000)
        #expect(newcomer.count == 1)
    }

    @Test func `two members, one falls silent, the timer tells the other`() {
        let scene = Scene()
        let first = scene.onlyMember(of: "g")
        let second = scene.join("g")
        _ = scene.join("g", first)
        let id = second.value!.memberId
        let waiting = scene.sync("g", id, generation: 2)
        #expect(waiting.value == nil)
        _ = scene.sync("g", first, generation: 2, assignments: [(first, "one"), (id, "two")])
        #expect(waiting.value?.assignment == "two")
        for _ in 0..<3 {
            scene.pass(ms: 3_000)
            #expect(scene.heartbeat("g", first, generation: 2) == ErrorCode.none)
        }
        scene.pass(ms: 1_000)
        #expect(scene.heartbeat("g", first, generation: 2) == .rebalanceInProgress)
        #expect(scene.heartbeat("g", id, generation: 2) == .unknownMemberId)
        #expect(scene.join("g", first).value?.generation == 3)
    }

    @Test func `an answer waits until its record is committed`() {
        let scene = Scene()
        let joined = scene.join("g").value!
        scene.log.state.withLock { $0.withholds = true }
        let waiting = scene.sync("g", joined.memberId, generation: 1, assignments: [(joined.memberId, "x")])
        #expect(waiting.value == nil)
        scene.log.settle()
        #expect(waiting.value?.assignment == "x")
    }

    @Test func `a record that is not committed in time is an error that clients understand`() {
        let scene = Scene()
        let joined = scene.join("g").value!
        scene.log.state.withLock { $0.withholds = true }
        let waiting = scene.sync("g", joined.memberId, generation: 1)
        scene.log.settle(.requestTimedOut)
        #expect(waiting.value?.error == .coordinatorNotAvailable)
        scene.log.state.withLock { $0.refusal = GroupLogError(code: .notLeaderOrFollower, message: "gone") }
        #expect(scene.commit("other", [.init(offset: 1)]).errors == [.notCoordinator])
        #expect(scene.committed("other") == nil)
    }

    @Test func `session time-outs have bounds, group ids must not be empty`() {
        let scene = Scene()
        #expect(scene.join("g", sessionMs: 5_999).value?.error == .invalidSessionTimeout)
        #expect(scene.join("g", sessionMs: 1_800_001).value?.error == .invalidSessionTimeout)
        #expect(scene.join("").value?.error == .invalidGroupId)
        #expect(scene.sync("", "m", generation: 1).value?.error == .invalidGroupId)
        #expect(scene.heartbeat("", "m", generation: 1) == .invalidGroupId)
        #expect(scene.groups.leave("".wire, []).error == .invalidGroupId)
        #expect(scene.join("g", "nobody").value?.error == .unknownMemberId)
        #expect(scene.sync("g", "nobody", generation: 1).value?.error == .unknownMemberId)
    }

    @Test func `members come back by themselves after a crash at any point`() {
        let scene = Scene()
        let first = scene.onlyMember(of: "g")
        let second = scene.join("g")
        _ = scene.join("g", first)
        let id = second.value!.memberId
        _ = scene.sync("g", id, generation: 2)
        _ = scene.sync("g", first, generation: 2, assignments: [(first, "one"), (id, "two")])
        let partition = scene.partition(of: "g")
        for kept in 0...scene.log.count(of: partition) {
            let again = Scene(log: scene.log.copy(keeping: kept, of: partition))
            // What a client does: a heartbeat, and on an error a join, without its id where that is unknown.
            var ids: [ByteString] = []
            var joins: [Pending<JoinAnswer>] = []
            for member in [first, id] {
                if again.heartbeat("g", member, generation: 2) == ErrorCode.none { continue }
                let join = again.join("g", member)
                joins.append(join.value?.error == .unknownMemberId ? again.join("g") : join)
            }
            again.pass(ms: 10_000)
            for join in joins { ids.append(join.value!.memberId) }
            let expected: ClassicGroup.State = kept == 3 ? .empty : .completingRebalance
            #expect(again.state(of: "g") == (joins.isEmpty ? .empty : expected), "\(kept) batches")
        }
    }

    @Test func `a loaded group's members have one session's time to show themselves`() {
        let scene = Scene()
        let member = scene.onlyMember(of: "g")
        let again = Scene(log: scene.log)
        again.pass(ms: 9_999)
        #expect(again.heartbeat("g", member, generation: 1) == ErrorCode.none)
        again.pass(ms: 10_000)
        #expect(again.state(of: "g") == .empty)
    }

    @Test func `a group that is larger than it may be since the restart rebalances`() {
        let scene = Scene()
        let first = scene.onlyMember(of: "g")
        _ = scene.join("g")
        _ = scene.join("g", first)
        _ = scene.sync("g", first, generation: 2)
        var small = GroupConfiguration.quick
        small.maxSize = 1
        let again = Scene(small, log: scene.log)
        #expect(again.heartbeat("g", first, generation: 2) == .rebalanceInProgress)
    }

    @Test func `five thousand groups come and go, and each is found`() {
        let scene = Scene()
        for number in 0..<5_000 { _ = scene.commit("group-\(number)", [.init(offset: Int64(number))]) }
        for number in stride(from: 0, to: 5_000, by: 3) {
            #expect(scene.groups.deleteGroup("group-\(number)".wire).error == ErrorCode.none)
        }
        for number in 0..<5_000 {
            #expect(scene.committed("group-\(number)")?.offset == (number % 3 == 0 ? nil : Int64(number)))
        }
        #expect(scene.groups.listGroups().groups.count == 3_333)
    }

    @Test func `a UUID is a UUID, and another one each time`() {
        let names = (0..<100).map { _ in randomUniqueName() }
        #expect(Set(names).count == 100)
        for name in names {
            let parts = name.split(separator: "-")
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts[2].first == "4")
            #expect("89ab".contains(parts[3].first!))
            #expect(name.allSatisfy { "0123456789abcdef-".contains($0) })
        }
    }
}

@Suite struct `Bounds` {
    @Test func `a member may offer two hundred and fifty-six protocols, not one more`() {
        let scene = Scene()
        func offers(_ count: Int) -> [MemberProtocol] {
            (0..<count).map { MemberProtocol(name: ByteString("p\($0)"), metadata: "m") }
        }
        #expect(scene.join("g", protocols: offers(GroupLimits.maxProtocols + 1)).value?.error == .invalidRequest)
        #expect(scene.join("g", protocols: offers(GroupLimits.maxProtocols)).value?.error == ErrorCode.none)
    }

    @Test func `a log that stops being readable before its end does not load`() {
        let scene = Scene()
        _ = scene.commit("g", [.init(offset: 1)])
        let partition = scene.partition(of: "g")
        scene.log.state.withLock { state in
            // A value of a version that is yet to come.
            var batch = state.batches[partition]![0]
            let value = batch.lastIndex(of: 3)!
            batch[value] = 99
            state.batches[partition] = [batch]
        }
        let again = Scene(log: scene.log)
        #expect(again.join("g").value?.error == .notCoordinator)
    }
}
