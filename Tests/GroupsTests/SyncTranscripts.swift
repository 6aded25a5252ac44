import Groups
import KafkaMessages
import Testing

@Suite struct `SyncGroup` {
    @Test func `followers wait for the leader and get their parts`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(version: 3)
        let b = talk.join(version: 3)
        talk.pass(ms: 6_000)
        let leader = talk.joinAnswer(a.ticket)!.memberId
        let follower = talk.joinAnswer(b.ticket)!.memberId
        let waiting = talk.sync(follower, generation: 1)
        #expect(waiting.ticket != nil)
        let own = talk.sync(leader, generation: 1, assignments: [(leader, "x"), (follower, "y")])
        #expect(own.answer?.assignment == "x")
        #expect(own.answer?.protocolName == "range")
        #expect(own.answer?.protocolType == "consumer")
        #expect(talk.syncAnswer(waiting.ticket)?.assignment == "y")
        #expect(talk.group.state == .stable)
        #expect(talk.stored.last?.members.map(\.assignment) == ["x", "y"])
        #expect(talk.stored.last?.leader == leader)
    }

    @Test func `who asks later in a stable group is answered at once`() {
        var (talk, _, follower) = Transcript.stablePair()
        #expect(talk.sync(follower, generation: 2).answer?.assignment == "two")
    }

    @Test func `a member that the leader forgot gets an empty assignment`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        #expect(talk.sync(a, generation: 1).answer?.assignment == "")
        #expect(talk.group.state == .stable)
    }

    @Test func `a leader that never syncs is thrown out with the others at the rebalance time-out`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(version: 3, sessionMs: 300_000, rebalanceMs: 20_000)
        let b = talk.join(version: 3, sessionMs: 300_000, rebalanceMs: 20_000)
        talk.pass(ms: 6_000)
        let leader = talk.joinAnswer(a.ticket)!.memberId
        let follower = talk.joinAnswer(b.ticket)!.memberId
        let waiting = talk.sync(follower, generation: 1)
        talk.pass(ms: 19_999)
        #expect(talk.syncAnswer(waiting.ticket) == nil)
        talk.pass(ms: 1)
        #expect(talk.syncAnswer(waiting.ticket)?.error == .rebalanceInProgress)
        #expect(talk.heartbeat(leader, generation: 1) == .unknownMemberId)
        let again = talk.join(follower)
        #expect(again.answer?.leader == follower)
        #expect(again.answer?.generation == 2)
    }

    @Test func `a leader whose session ends before it syncs makes way`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(version: 3, sessionMs: 10_000)
        let b = talk.join(version: 3, sessionMs: 10_000)
        talk.pass(ms: 6_000)
        let leader = talk.joinAnswer(a.ticket)!.memberId
        let follower = talk.joinAnswer(b.ticket)!.memberId
        let waiting = talk.sync(follower, generation: 1)
        talk.pass(ms: 10_000)
        #expect(talk.syncAnswer(waiting.ticket)?.error == .rebalanceInProgress)
        #expect(talk.heartbeat(leader, generation: 1) == .unknownMemberId)
        #expect(talk.join(follower).answer?.leader == follower)
    }

    @Test func `a member that never syncs in a stable group is thrown out too`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(version: 3, sessionMs: 300_000, rebalanceMs: 20_000)
        let b = talk.join(version: 3, sessionMs: 300_000, rebalanceMs: 20_000)
        talk.pass(ms: 6_000)
        let leader = talk.joinAnswer(a.ticket)!.memberId
        let follower = talk.joinAnswer(b.ticket)!.memberId
        _ = talk.sync(leader, generation: 1)
        #expect(talk.group.state == .stable)
        talk.pass(ms: 20_000)
        #expect(talk.heartbeat(follower, generation: 1) == .unknownMemberId)
        #expect(talk.heartbeat(leader, generation: 1) == .rebalanceInProgress)
    }

    @Test func `two generations at once: the elder is told so`() {
        var (talk, leader, follower) = Transcript.stablePair()
        #expect(talk.sync(follower, generation: 1).error == .illegalGeneration)
        #expect(talk.heartbeat(follower, generation: 1) == .illegalGeneration)
        #expect(talk.commit(follower, generation: 1) == .illegalGeneration)
        #expect(talk.sync(leader, generation: 3).error == .illegalGeneration)
        _ = talk.join(leader)
        #expect(talk.join(follower).answer?.generation == 3)
        #expect(talk.sync(leader, generation: 2, assignments: [(leader, "old")]).error == .illegalGeneration)
        #expect(talk.sync(leader, generation: 3, assignments: [(leader, "new")]).answer?.assignment == "new")
    }

    @Test func `during a rebalance there is nothing to sync`() {
        var (talk, leader, follower) = Transcript.stablePair()
        _ = talk.join(leader)
        #expect(talk.sync(follower, generation: 2).error == .rebalanceInProgress)
    }

    @Test func `another protocol than the group's is refused`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        #expect(talk.sync(a, generation: 1, type: "connect").error == .inconsistentGroupProtocol)
        #expect(talk.sync(a, generation: 1, protocol: "sticky").error == .inconsistentGroupProtocol)
        #expect(talk.sync(a, generation: 1, type: "consumer", protocol: "range").error == ErrorCode.none)
    }

    @Test func `an assignment that cannot be stored sends everyone back to join`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        talk.commitsAtOnce = false
        let waiting = talk.sync(a, generation: 1, assignments: [(a, "x")])
        #expect(waiting.ticket != nil)
        talk.settleStore(error: .notCoordinator)
        #expect(talk.syncAnswer(waiting.ticket)?.error == .notCoordinator)
        #expect(talk.group.state == .preparingRebalance)
        #expect(talk.group.members.all[0].assignment == "")
    }

    @Test func `an assignment stored too late is of no account`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        talk.commitsAtOnce = false
        let waiting = talk.sync(a, generation: 1, assignments: [(a, "x")])
        let b = talk.join(version: 3)
        #expect(talk.syncAnswer(waiting.ticket)?.error == .rebalanceInProgress)
        talk.settleStore()
        #expect(talk.group.state == .preparingRebalance)
        #expect(talk.join(a).answer?.generation == 2)
        #expect(talk.joinAnswer(b.ticket)?.generation == 2)
        #expect(talk.group.members.all[0].assignment == "")
    }
}
