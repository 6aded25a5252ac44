import Groups
import KafkaMessages
import Testing

@Suite struct `JoinGroup` {
    @Test func `a dynamic member is told its id first and leads when it comes back with it`() {
        var talk = Transcript()
        let first = talk.join()
        #expect(first.error == .memberIdRequired)
        #expect(first.answer?.memberId == "new-1")
        #expect(talk.group.state == .empty)
        let second = talk.join("new-1")
        #expect(second.error == ErrorCode.none)
        #expect(second.answer?.generation == 1)
        #expect(second.answer?.leader == "new-1")
        #expect(second.answer?.members.map(\.id) == ["new-1"])
        #expect(second.answer?.members.first?.metadata == "m")
        #expect(talk.group.state == .completingRebalance)
    }

    @Test func `before version 4 a member is taken in without that detour`() {
        var talk = Transcript()
        let joined = talk.join(version: 3)
        #expect(joined.answer?.memberId == "new-1")
        #expect(joined.answer?.generation == 1)
    }

    @Test func `a second member makes the first one join again`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        #expect(talk.sync(a, generation: 1, assignments: [(a, "0,1")]).answer?.assignment == "0,1")
        let b = talk.comeIn()
        #expect(b.joined.ticket != nil)
        #expect(talk.group.state == .preparingRebalance)
        #expect(talk.heartbeat(a, generation: 1) == .rebalanceInProgress)
        let again = talk.join(a)
        #expect(again.answer?.generation == 2)
        #expect(again.answer?.members.map(\.id) == [a, b.id])
        let follower = talk.joinAnswer(b.joined.ticket)
        #expect(follower?.generation == 2)
        #expect(follower?.leader == a)
        #expect(follower?.members == [])
    }

    @Test func `the first rebalance waits for company, again for each newcomer, up to the rebalance time-out`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(version: 3, rebalanceMs: 7_000)
        talk.pass(ms: 2_999)
        let b = talk.join(version: 3, rebalanceMs: 7_000)
        talk.pass(ms: 1)  // 3,000: someone came, 3,000 more of the 4,000 left
        #expect(talk.joinAnswer(a.ticket) == nil)
        talk.pass(ms: 1_000)
        let c = talk.join(version: 3, rebalanceMs: 7_000)
        talk.pass(ms: 2_000)  // 6,000: someone came again, 1,000 left
        #expect(talk.joinAnswer(a.ticket) == nil)
        talk.pass(ms: 999)
        #expect(talk.joinAnswer(a.ticket) == nil)
        talk.pass(ms: 1)
        #expect(talk.joinAnswer(a.ticket)?.members.count == 3)
        #expect(talk.joinAnswer(b.ticket)?.generation == 1)
        #expect(talk.joinAnswer(c.ticket)?.generation == 1)
    }

    @Test func `the first rebalance without newcomers takes one delay`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(version: 3)
        talk.pass(ms: 2_999)
        #expect(talk.joinAnswer(a.ticket) == nil)
        talk.pass(ms: 1)
        #expect(talk.joinAnswer(a.ticket)?.generation == 1)
    }

    @Test func `a join during a rebalance belongs to it`() {
        var (talk, leader, follower) = Transcript.stablePair()
        let third = talk.join(version: 3)
        #expect(talk.group.state == .preparingRebalance)
        let fourth = talk.join(version: 3)
        #expect(fourth.ticket != nil)
        let one = talk.join(leader)
        #expect(one.ticket != nil)
        let two = talk.join(follower)
        #expect(two.answer?.generation == 3)
        for ticket in [third.ticket, fourth.ticket, one.ticket] { #expect(talk.joinAnswer(ticket)?.generation == 3) }
        #expect(talk.joinAnswer(one.ticket)?.members.count == 4)
    }

    @Test func `a join while the assignment is awaited starts over`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        let b = talk.join(version: 3)
        let aAgain = talk.join(a)
        #expect(aAgain.answer?.generation == 2)
        let bId = talk.joinAnswer(b.ticket)!.memberId
        let waiting = talk.sync(bId, generation: 2)
        #expect(waiting.ticket != nil)
        _ = talk.join(version: 3)
        #expect(talk.syncAnswer(waiting.ticket)?.error == .rebalanceInProgress)
        #expect(talk.group.state == .preparingRebalance)
    }

    @Test func `a member dead in the middle of a rebalance is left behind at the rebalance time-out`() {
        var (talk, leader, follower) = Transcript.stablePair()
        let third = talk.join(version: 3)
        let one = talk.join(leader)
        // The follower says it is alive, but never joins.
        for _ in 0..<6 {
            talk.pass(ms: 9_999)
            #expect(talk.heartbeat(follower, generation: 2) == .rebalanceInProgress)
        }
        #expect(talk.joinAnswer(one.ticket) == nil)
        talk.pass(ms: 6)
        #expect(talk.joinAnswer(one.ticket)?.generation == 3)
        #expect(talk.joinAnswer(third.ticket)?.generation == 3)
        #expect(talk.heartbeat(follower, generation: 2) == .unknownMemberId)
    }

    @Test func `a member that goes silent in the middle of a rebalance is left behind at its session's end`() {
        var (talk, leader, _) = Transcript.stablePair()
        let third = talk.join(version: 3)
        let one = talk.join(leader)
        talk.pass(ms: 9_999)
        #expect(talk.joinAnswer(one.ticket) == nil)
        talk.pass(ms: 1)
        #expect(talk.joinAnswer(one.ticket)?.members.count == 2)
        #expect(talk.joinAnswer(third.ticket)?.generation == 3)
    }

    @Test func `a leader that does not come back is replaced by who came first`() {
        var (talk, leader, follower) = Transcript.stablePair()
        let third = talk.join(version: 3)
        let two = talk.join(follower)
        talk.pass(ms: 10_000)
        let answer = talk.joinAnswer(two.ticket)
        #expect(answer?.leader == follower)
        #expect(answer?.members.count == 2)
        #expect(talk.joinAnswer(third.ticket)?.leader == follower)
        #expect(talk.heartbeat(leader, generation: 3) == .unknownMemberId)
    }

    @Test func `members that wait in a join need no heartbeats`() {
        var (talk, leader, follower) = Transcript.stablePair()
        _ = talk.join(version: 3)
        let one = talk.join(leader)
        for _ in 0..<5 {
            talk.pass(ms: 9_000)
            #expect(talk.heartbeat(follower, generation: 2) == .rebalanceInProgress)
        }
        #expect(talk.joinAnswer(one.ticket) == nil)
        _ = talk.join(follower)
        #expect(talk.joinAnswer(one.ticket)?.generation == 3)
    }

    @Test func `a new member that waits is given up after five minutes`() {
        var (talk, leader, follower) = Transcript.stablePair()
        let third = talk.join(version: 3, rebalanceMs: 600_000)
        for _ in 0..<50 {
            talk.pass(ms: 6_000)
            #expect(talk.heartbeat(leader, generation: 2) == .rebalanceInProgress)
            #expect(talk.heartbeat(follower, generation: 2) == .rebalanceInProgress)
        }
        #expect(talk.joinAnswer(third.ticket)?.error == .unknownMemberId)
        #expect(talk.joinAnswer(third.ticket)?.memberId == "")
    }

    @Test func `a pending member holds the rebalance up and is forgotten after its session time-out`() {
        var (talk, leader, follower) = Transcript.stablePair()
        #expect(talk.join(version: 5, sessionMs: 6_000).error == .memberIdRequired)
        let one = talk.join(leader)
        let two = talk.join(follower)
        #expect(one.ticket != nil && two.ticket != nil)
        talk.pass(ms: 5_999)
        #expect(talk.joinAnswer(one.ticket) == nil)
        talk.pass(ms: 1)
        #expect(talk.joinAnswer(one.ticket)?.generation == 3)
        #expect(talk.joinAnswer(two.ticket)?.generation == 3)
        #expect(talk.join("new-3").error == .unknownMemberId)
    }

    @Test func `a pending member may leave`() {
        var (talk, leader, follower) = Transcript.stablePair()
        let pending = talk.join(version: 5).answer!.memberId
        let one = talk.join(leader)
        let two = talk.join(follower)
        #expect(talk.leave(pending) == ErrorCode.none)
        #expect(talk.joinAnswer(one.ticket)?.generation == 3)
        #expect(talk.joinAnswer(two.ticket)?.generation == 3)
    }

    @Test func `an unknown member id is refused`() {
        var talk = Transcript()
        _ = talk.join(version: 3)
        #expect(talk.join("nobody").error == .unknownMemberId)
        #expect(talk.join("nobody", instance: "i").error == .unknownMemberId)
    }

    @Test func `the protocol with the most votes wins among those that all offer`() {
        var talk = Transcript(delayMs: 3_000)
        let a = talk.join(version: 3, protocols: ["sticky", "range", "roundrobin"])
        _ = talk.join(version: 3, protocols: ["roundrobin", "range"])
        _ = talk.join(version: 3, protocols: ["roundrobin", "range"])
        talk.pass(ms: 60_000)
        #expect(talk.joinAnswer(a.ticket)?.protocolName == "roundrobin")
    }

    @Test func `a member that shares no protocol or type with the others stays out`() {
        var talk = Transcript()
        #expect(talk.join(version: 3, protocols: []).error == .inconsistentGroupProtocol)
        #expect(talk.join(version: 3, type: "").error == .inconsistentGroupProtocol)
        _ = talk.join(version: 3, protocols: ["range", "sticky"])
        #expect(talk.join(version: 3, protocols: ["roundrobin"]).error == .inconsistentGroupProtocol)
        #expect(talk.join(version: 3, type: "connect").error == .inconsistentGroupProtocol)
        #expect(talk.join(version: 3, protocols: ["sticky"]).ticket != nil)
    }

    @Test func `a full group turns newcomers away, and a rebalance takes who comes first`() {
        var talk = Transcript(maxSize: 2)
        let a = talk.join(version: 3).answer!.memberId
        _ = talk.sync(a, generation: 1)
        let b = talk.join(version: 3)
        let aAgain = talk.join(a)
        let bId = talk.joinAnswer(b.ticket)!.memberId
        #expect(talk.join(version: 3).error == .groupMaxSizeReached)
        #expect(aAgain.answer?.generation == 2)
        _ = talk.sync(bId, generation: 2)
        _ = talk.sync(a, generation: 2)
        #expect(talk.group.state == .stable)
        // The leader asks for a rebalance; a newcomer is faster than the follower.
        let one = talk.join(a)
        #expect(one.ticket != nil)
        let c = talk.join(version: 3)
        #expect(c.ticket != nil)
        #expect(talk.join(bId).error == .groupMaxSizeReached)
        #expect(talk.join(bId).error == .groupMaxSizeReached)
    }

    @Test func `a follower with nothing new is told the generation, the leader starts another`() {
        var (talk, leader, follower) = Transcript.stablePair()
        let again = talk.join(follower)
        #expect(again.answer?.generation == 2)
        #expect(again.answer?.members == [])
        #expect(talk.group.state == .stable)
        #expect(talk.join(leader).ticket != nil)
        #expect(talk.group.state == .preparingRebalance)
    }

    @Test func `a follower with new metadata starts a rebalance`() {
        var (talk, _, follower) = Transcript.stablePair()
        #expect(talk.join(follower, metadata: "other topics").ticket != nil)
        #expect(talk.group.state == .preparingRebalance)
    }

    @Test func `a leader that lost its answer gets it again while the assignment is awaited`() {
        var talk = Transcript()
        let a = talk.join(version: 3).answer!.memberId
        let again = talk.join(a)
        #expect(again.answer?.generation == 1)
        #expect(again.answer?.members.map(\.id) == [a])
        #expect(talk.group.state == .completingRebalance)
        #expect(talk.join(a, metadata: "new").answer?.generation == 2)
    }

    @Test func `of two joins of one member only the last is kept waiting`() {
        var (talk, leader, _) = Transcript.stablePair()
        let first = talk.join(leader)
        let second = talk.join(leader)
        #expect(talk.joinAnswer(first.ticket)?.error == .rebalanceInProgress)
        #expect(talk.joinAnswer(second.ticket) == nil)
    }

    @Test func `the client's reason is in the log`() {
        var (talk, leader, _) = Transcript.stablePair()
        _ = talk.join(leader, reason: "cached metadata has changed")
        #expect(talk.notes.last?.contains("client reason: cached metadata has changed") == true)
    }
}
