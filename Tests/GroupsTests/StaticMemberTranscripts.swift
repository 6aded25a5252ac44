import Groups
import KafkaMessages
import Testing

@Suite struct `Static members` {
    @Test func `back with a new id in a stable group: no rebalance, the old assignment`() {
        var (talk, leader, follower) = Transcript.stablePair(instances: ("a", "b"))
        let back = talk.join(instance: "b", version: 9)
        let id = back.answer!.memberId
        #expect(back.error == ErrorCode.none)
        #expect(back.answer?.generation == 2)
        #expect(back.answer?.skipAssignment == false)
        #expect(talk.group.state == .stable)
        #expect(talk.sync(id, instance: "b", generation: 2).answer?.assignment == "two")
        #expect(talk.stored.last?.members.map(\.id) == [leader, id])
        #expect(talk.heartbeat(follower, instance: "b", generation: 2) == .fencedInstanceId)
        #expect(talk.heartbeat(id, instance: "b", generation: 2) == ErrorCode.none)
    }

    @Test func `a leader that comes back is told to keep the assignment from version 9 on`() {
        var (talk, leader, follower) = Transcript.stablePair(instances: ("a", "b"))
        let back = talk.join(instance: "a", version: 9)
        let id = back.answer!.memberId
        #expect(back.answer?.leader == id)
        #expect(back.answer?.skipAssignment == true)
        #expect(back.answer?.members.map(\.id) == [id, follower])
        #expect(leader != id)
    }

    @Test func `before version 9 a returning leader is told that its former self leads`() {
        var (talk, leader, _) = Transcript.stablePair(instances: ("a", "b"))
        let back = talk.join(instance: "a", version: 8)
        #expect(back.answer?.leader == leader)
        #expect(back.answer?.skipAssignment == false)
        #expect(back.answer?.members == [])
        #expect(talk.sync(back.answer!.memberId, instance: "a", generation: 2).answer?.assignment == "one")
    }

    @Test func `with another protocol it starts a rebalance`() {
        var talk = Transcript()
        let a = talk.join(instance: "a", version: 5, protocols: ["range", "sticky"]).answer!.memberId
        _ = talk.sync(a, instance: "a", generation: 1)
        let back = talk.join(instance: "a", version: 5, protocols: ["sticky", "range"])
        #expect(back.answer?.generation == 2)
        #expect(back.answer?.protocolName == "sticky")
    }

    @Test func `back while the assignment is awaited: everyone joins again`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(instance: "a")
        let b = talk.join(instance: "b")
        talk.pass(ms: 6_000)
        let bId = talk.joinAnswer(b.ticket)!.memberId
        let waiting = talk.sync(bId, instance: "b", generation: 1)
        let back = talk.join(instance: "b")
        #expect(talk.syncAnswer(waiting.ticket)?.error == .fencedInstanceId)
        #expect(back.ticket != nil)
        #expect(talk.group.state == .preparingRebalance)
        #expect(talk.join(talk.joinAnswer(a.ticket)!.memberId, instance: "a").answer?.generation == 2)
        #expect(talk.joinAnswer(back.ticket)?.generation == 2)
    }

    @Test func `back while a rebalance gathers: its former join is fenced`() {
        var (talk, leader, _) = Transcript.stablePair(instances: ("a", "b"))
        _ = talk.join(leader, instance: "a")
        let follower = talk.group.members.member(ofInstance: "b")!
        let third = talk.join(version: 3)
        let first = talk.join(follower, instance: "b")
        // All three are there: generation 3. The leader starts another, and b joins it twice.
        #expect(first.answer?.generation == 3)
        _ = talk.join(leader, instance: "a")
        _ = talk.join(leader, instance: "a", metadata: "new")
        let waiting = talk.join(follower, instance: "b")
        let back = talk.join(instance: "b")
        #expect(talk.joinAnswer(waiting.ticket)?.error == .fencedInstanceId)
        #expect(talk.joinAnswer(waiting.ticket)?.memberId == follower)
        #expect(talk.joinAnswer(back.ticket) == nil)
        #expect(talk.join(talk.joinAnswer(third.ticket)!.memberId).answer?.generation == 4)
        #expect(talk.joinAnswer(back.ticket)?.generation == 4)
    }

    @Test func `a commit, a join, a sync and a leave under a former id are fenced`() {
        var (talk, _, follower) = Transcript.stablePair(instances: ("a", "b"))
        _ = talk.join(instance: "b", version: 9)
        #expect(talk.commit(follower, instance: "b", generation: 2) == .fencedInstanceId)
        #expect(talk.commit(follower, generation: 2) == .unknownMemberId)
        #expect(talk.join(follower, instance: "b").error == .fencedInstanceId)
        #expect(talk.sync(follower, instance: "b", generation: 2).error == .fencedInstanceId)
        #expect(talk.leave(follower, instance: "b") == .fencedInstanceId)
    }

    @Test func `away for less than its session, nobody notices`() {
        var (talk, leader, _) = Transcript.stablePair(instances: (nil, "b"))
        talk.pass(ms: 9_000)
        #expect(talk.heartbeat(leader, generation: 2) == ErrorCode.none)
        #expect(talk.join(instance: "b", version: 9).answer?.generation == 2)
        talk.pass(ms: 9_000)
        #expect(talk.heartbeat(leader, generation: 2) == ErrorCode.none)
        #expect(talk.group.state == .stable)
    }

    @Test func `away for its session's time, it is out`() {
        var (talk, leader, _) = Transcript.stablePair(instances: (nil, "b"))
        talk.pass(ms: 9_999)
        #expect(talk.heartbeat(leader, generation: 2) == ErrorCode.none)
        talk.pass(ms: 1)
        #expect(talk.heartbeat(leader, generation: 2) == .rebalanceInProgress)
        #expect(talk.group.members.member(ofInstance: "b") == nil)
    }

    @Test func `a rebalance keeps a static member that has not come, until its time is up`() {
        var (talk, leader, follower) = Transcript.stablePair(instances: (nil, "b"))
        let one = talk.join(leader, rebalanceMs: 5_000)
        _ = talk.heartbeat(follower, instance: "b", generation: 2)
        // Only the leader's five seconds count for itself; the static member's own time-out is the longer.
        talk.pass(ms: 9_999)
        #expect(talk.heartbeat(follower, instance: "b", generation: 2) == .rebalanceInProgress)
        for _ in 0..<6 {
            talk.pass(ms: 9_000)
            _ = talk.heartbeat(follower, instance: "b", generation: 2)
        }
        #expect(talk.joinAnswer(one.ticket)?.generation == 3)
        #expect(talk.joinAnswer(one.ticket)?.members.map(\.id) == [leader, follower])
    }

    @Test func `where no static member comes, the rebalance waits on`() {
        var (talk, leader, follower) = Transcript.stablePair(instances: ("a", "b"))
        let third = talk.join(version: 3)
        let id = talk.group.members.all.last!.id
        #expect(talk.leave(id) == ErrorCode.none)
        #expect(talk.joinAnswer(third.ticket)?.error == .unknownMemberId)
        for _ in 0..<8 {
            talk.pass(ms: 9_000)
            #expect(talk.heartbeat(leader, instance: "a", generation: 2) == .rebalanceInProgress)
            #expect(talk.heartbeat(follower, instance: "b", generation: 2) == .rebalanceInProgress)
        }
        #expect(talk.group.state == .preparingRebalance)
        talk.pass(ms: 10_000)
        #expect(talk.group.state == .empty)
    }

    @Test func `a new id that cannot be stored is taken back`() {
        var (talk, leader, follower) = Transcript.stablePair(instances: ("a", "b"))
        talk.commitsAtOnce = false
        let back = talk.join(instance: "a", version: 9)
        #expect(back.ticket != nil)
        talk.settleStore(error: .coordinatorNotAvailable)
        #expect(talk.joinAnswer(back.ticket)?.error == .coordinatorNotAvailable)
        #expect(talk.group.members.member(ofInstance: "a") == leader)
        #expect(talk.group.leader == leader)
        #expect(talk.heartbeat(leader, instance: "a", generation: 2) == ErrorCode.none)
        #expect(talk.heartbeat(follower, instance: "b", generation: 2) == ErrorCode.none)
    }

    @Test func `fenced twice before the first new id is stored, only the last waits`() {
        var (talk, _, _) = Transcript.stablePair(instances: ("a", "b"))
        talk.commitsAtOnce = false
        let first = talk.join(instance: "b", version: 9)
        let second = talk.join(instance: "b", version: 9)
        #expect(talk.joinAnswer(first.ticket)?.error == .fencedInstanceId)
        talk.settleStore()
        #expect(talk.joinAnswer(second.ticket) == nil)
        talk.settleStore()
        #expect(talk.joinAnswer(second.ticket)?.generation == 2)
    }
}
