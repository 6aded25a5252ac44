import Groups
import KafkaMessages
import Testing

@Suite struct `Heartbeats and commits` {
    @Test func `a heartbeat that comes too late by one tick finds its member gone`() {
        var (talk, leader, follower) = Transcript.stablePair()
        talk.pass(ms: 9_999)
        #expect(talk.heartbeat(leader, generation: 2) == ErrorCode.none)
        talk.pass(ms: 1)
        #expect(talk.heartbeat(follower, generation: 2) == .unknownMemberId)
        #expect(talk.heartbeat(leader, generation: 2) == .rebalanceInProgress)
    }

    @Test func `a heartbeat on the last tick keeps the session`() {
        var (talk, leader, follower) = Transcript.stablePair()
        for _ in 0..<10 {
            talk.pass(ms: 9_999)
            #expect(talk.heartbeat(leader, generation: 2) == ErrorCode.none)
            #expect(talk.heartbeat(follower, generation: 2) == ErrorCode.none)
        }
        #expect(talk.group.state == .stable)
    }

    @Test func `a group whose members all fall silent is empty, and stored so`() {
        var (talk, _, _) = Transcript.stablePair()
        talk.pass(ms: 10_000)
        #expect(talk.group.state == .empty)
        #expect(talk.group.generation == 3)
        #expect(talk.stored.last?.members == [])
        #expect(talk.stored.last?.protocolType == "consumer")
        #expect(talk.stored.last?.protocolName == nil)
        #expect(talk.stored.last?.leader == nil)
        #expect(talk.stored.last?.stateTimestampMs == talk.moment.wallMs)
    }

    @Test func `heartbeats are welcome as soon as the join is answered`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        #expect(talk.heartbeat(a, generation: 1) == ErrorCode.none)
        #expect(talk.heartbeat("nobody", generation: 1) == .unknownMemberId)
        #expect(talk.heartbeat(a, instance: "i", generation: 1) == .unknownMemberId)
    }

    @Test func `a commit keeps the session alive`() {
        var (talk, leader, follower) = Transcript.stablePair()
        for _ in 0..<3 {
            talk.pass(ms: 9_999)
            #expect(talk.commit(leader, generation: 2) == ErrorCode.none)
            #expect(talk.heartbeat(follower, generation: 2) == ErrorCode.none)
        }
    }

    @Test func `the old generation may commit while the next one gathers, not while it awaits its assignment`() {
        var (talk, leader, follower) = Transcript.stablePair()
        _ = talk.join(leader)
        #expect(talk.commit(follower, generation: 2) == ErrorCode.none)
        _ = talk.join(follower)
        #expect(talk.commit(follower, generation: 3) == .rebalanceInProgress)
        #expect(talk.commit(follower, generation: 2) == .illegalGeneration)
    }

    @Test func `without a generation one commits to an empty group only`() {
        var talk = Transcript()
        #expect(talk.commit("", generation: -1) == ErrorCode.none)
        #expect(talk.commit("made up", generation: -1) == ErrorCode.none)
        #expect(talk.commit("", generation: 3) == .unknownMemberId)
        let a = talk.join(version: 3).answer!.memberId
        _ = talk.sync(a, generation: 1)
        #expect(talk.commit("", generation: -1) == .unknownMemberId)
        #expect(talk.commit(a, generation: -1) == .illegalGeneration)
    }

    @Test func `a deleted or lost group answers that its coordinator is gone`() {
        var (talk, leader, _) = Transcript.stablePair()
        let waiting = talk.join(leader)
        talk.perform(talk.group.unload(error: .notCoordinator, at: talk.moment))
        #expect(talk.joinAnswer(waiting.ticket)?.error == .notCoordinator)
        #expect(talk.heartbeat(leader, generation: 2) == .coordinatorNotAvailable)
        #expect(talk.commit(leader, generation: 2) == .coordinatorNotAvailable)
        #expect(talk.join(version: 3).error == .coordinatorNotAvailable)
        #expect(talk.sync(leader, generation: 2).error == .coordinatorNotAvailable)
        #expect(talk.leave(leader) == .coordinatorNotAvailable)
    }
}

@Suite struct `LeaveGroup` {
    @Test func `one of two leaves: the other joins again and has it all`() {
        var (talk, leader, follower) = Transcript.stablePair()
        #expect(talk.leave(leader) == ErrorCode.none)
        #expect(talk.group.state == .preparingRebalance)
        #expect(talk.heartbeat(follower, generation: 2) == .rebalanceInProgress)
        let again = talk.join(follower)
        #expect(again.answer?.leader == follower)
        #expect(again.answer?.members.map(\.id) == [follower])
    }

    @Test func `the last one leaves: the group is empty at once`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        _ = talk.sync(a, generation: 1)
        #expect(talk.leave(a) == ErrorCode.none)
        #expect(talk.group.state == .empty)
        #expect(talk.group.generation == 2)
        #expect(talk.stored.last?.generation == 2)
        #expect(talk.join(version: 3).answer?.generation == 3)
    }

    @Test func `the last missing member leaves: the rebalance goes on without it`() {
        var (talk, leader, follower) = Transcript.stablePair()
        let one = talk.join(leader)
        #expect(talk.leave(follower) == ErrorCode.none)
        #expect(talk.joinAnswer(one.ticket)?.generation == 3)
    }

    @Test func `a member that waits in a join may leave, and its join ends`() {
        var (talk, leader, _) = Transcript.stablePair()
        let one = talk.join(leader)
        #expect(talk.leave(leader) == ErrorCode.none)
        #expect(talk.joinAnswer(one.ticket)?.error == .unknownMemberId)
        #expect(talk.joinAnswer(one.ticket)?.memberId == "")
    }

    @Test func `several leave in one request, each with its result`() {
        var (talk, leader, follower) = Transcript.stablePair(instances: (nil, "i"))
        let results = talk.leave([
            LeavingMember(memberId: leader), LeavingMember(memberId: "nobody"),
            LeavingMember(memberId: "", instanceId: "unknown"), LeavingMember(memberId: "", instanceId: nil),
            LeavingMember(memberId: "other", instanceId: "i"), LeavingMember(memberId: "", instanceId: "i", reason: "admin"),
        ])
        #expect(
            results == [.none, .unknownMemberId, .unknownMemberId, .unknownMemberId, .fencedInstanceId, .none])
        #expect(talk.group.state == .empty)
        #expect(talk.notes.contains { $0.contains("member \(follower) has left; client reason: admin") })
    }
}
