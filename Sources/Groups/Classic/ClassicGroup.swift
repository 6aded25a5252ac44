package import KafkaMessages
package import EventLoop

/// A group of the classic protocol, without any I/O: requests and the passing of time go in, and what is to be done comes
/// out as `GroupEffects`. Requests that wait are known by tickets.
///
/// States and their ways (as Kafka's GroupCoordinator has them):
///
///     empty -> preparingRebalance -> completingRebalance -> stable
///       ^______________|  ^___________________|________________|
///
/// and from each of them `dead`, where the partition of `__consumer_offsets` was lost or the group deleted.
///
/// Deadlines lie in the members and in the two fields below; `nextDeadline` says when `tick` has something to do. Whoever
/// owns the machine calls `tick` once that time has come, before any other event: what comes at the deadline is too late.
package struct ClassicGroup: Sendable {
    package enum State: UInt8, Sendable {
        case empty, preparingRebalance, completingRebalance, stable, dead
    }

    /// Ends the wait for members to join.
    enum JoinTimer: Sendable {
        /// The rebalance of a group that was empty waits for more members, in steps (group.initial.rebalance.delay.ms).
        case initial(delayMs: Int32, remainingMs: Int32)
        case rebalance
    }

    package let id: ByteString
    package internal(set) var state = State.empty
    var previousState = State.dead
    /// When the state changed last; nil where an old record did not say.
    package internal(set) var stateTimestampMs: Int64?
    package internal(set) var generation: Int32 = 0
    package internal(set) var protocolType: ByteString?
    package internal(set) var protocolName: ByteString?
    package internal(set) var leader: ByteString?
    package internal(set) var members = ClassicMembers()

    /// Members that were told an id and have not come back with it, and when they are given up.
    var pendingJoins: [(id: ByteString, ends: MonotonicTime)] = []
    /// Members of this generation whose SyncGroup has not come.
    var pendingSyncs: Set<ByteString> = []
    var joinTimer = JoinTimer.rebalance
    var joinEnds: MonotonicTime = .never
    var syncEnds: MonotonicTime = .never
    /// Someone joined while the first rebalance waited: it may wait once more.
    var newMemberAdded = false

    /// No deadline lies before this point; may be too early, never too late.
    package internal(set) var nextDeadline: MonotonicTime = .never

    package init(_ id: ByteString, at moment: Moment) {
        self.id = id
        stateTimestampMs = moment.wallMs
    }

    package var isEmpty: Bool { state == .empty }
    package var hasPendingMembers: Bool { !pendingJoins.isEmpty }
    package var usesConsumerProtocol: Bool { protocolType == "consumer" }

    var awaitingJoinCount: Int { members.all.reduce(0) { $0 + ($1.awaitingJoin == nil ? 0 : 1) } }

    var hasAllMembersJoined: Bool { pendingJoins.isEmpty && members.all.allSatisfy { $0.awaitingJoin != nil } }

    func isPending(_ member: ByteString) -> Bool { pendingJoins.contains { $0.id == member } }

    mutating func transition(to next: State, at moment: Moment) {
        precondition(next.mayFollow(state), "group \(id): \(state) to \(next)")
        previousState = state
        state = next
        stateTimestampMs = moment.wallMs
    }

    mutating func mayEnd(at deadline: MonotonicTime) { nextDeadline = min(nextDeadline, deadline) }

    // MARK: Time

    /// Does what has become due. Firing one deadline may move others, so the earliest is looked for each time.
    package mutating func tick(at moment: Moment) -> GroupEffects {
        var effects = GroupEffects()
        while true {
            let sessions = members.earliestSessionEnd
            let pendings = pendingJoins.reduce(MonotonicTime.never) { min($0, $1.ends) }
            let earliest = min(sessions, pendings, joinEnds, syncEnds)
            nextDeadline = earliest
            guard earliest <= moment.now, earliest != .never else { return effects }
            if sessions == earliest {
                expireSession(endedAt: earliest, at: moment, &effects)
            } else if pendings == earliest {
                expirePendingJoin(endedAt: earliest, at: moment, &effects)
            } else if joinEnds == earliest {
                expireJoin(at: moment, &effects)
            } else {
                expireSync(at: moment, &effects)
            }
        }
    }

    private mutating func expireSession(endedAt end: MonotonicTime, at moment: Moment, _ effects: inout GroupEffects) {
        guard let index = members.all.firstIndex(where: { $0.sessionEnds == end }) else { return }
        guard !members[index].hasSatisfiedHeartbeat else {
            // Its session starts anew with the answer that it waits for.
            members[index].sessionEnds = .never
            return
        }
        let id = members[index].id
        effects.notes.append("member \(id) has failed: no heartbeat within its session")
        remove(at: index, answering: .unknownMemberId, &effects)
        switch state {
        case .stable, .completingRebalance:
            prepareRebalance(because: "removing member \(id) on heartbeat expiration", at: moment, &effects)
        case .preparingRebalance:
            if hasAllMembersJoined { completeJoin(at: moment, &effects) }
        case .empty, .dead:
            break
        }
    }

    private mutating func expirePendingJoin(endedAt end: MonotonicTime, at moment: Moment, _ effects: inout GroupEffects) {
        guard let index = pendingJoins.firstIndex(where: { $0.ends == end }) else { return }
        let id = pendingJoins.remove(at: index).id
        effects.notes.append("pending member \(id) did not come back within its session")
        if state == .preparingRebalance, hasAllMembersJoined { completeJoin(at: moment, &effects) }
    }

    private mutating func expireJoin(at moment: Moment, _ effects: inout GroupEffects) {
        joinEnds = .never
        guard state == .preparingRebalance else { return }
        if case .initial(let delayMs, let remainingMs) = joinTimer, newMemberAdded, remainingMs > 0 {
            newMemberAdded = false
            let nextDelayMs = min(delayMs, remainingMs)
            joinTimer = .initial(delayMs: nextDelayMs, remainingMs: max(remainingMs - delayMs, 0))
            joinEnds = moment.now.advanced(byMs: nextDelayMs)
        } else {
            completeJoin(at: moment, &effects)
        }
    }

    private mutating func expireSync(at moment: Moment, _ effects: inout GroupEffects) {
        syncEnds = .never
        guard state == .completingRebalance || state == .stable, !pendingSyncs.isEmpty else { return }
        let late = members.all.filter { pendingSyncs.contains($0.id) }.map(\.id)
        for id in late {
            guard let index = members.index(of: id) else { continue }
            remove(at: index, answering: .unknownMemberId, &effects)
        }
        let names = late.map(\.description).joined(separator: ", ")
        prepareRebalance(because: "removing \(names) on pending sync request expiration", at: moment, &effects)
    }

    /// The partition of this group is served elsewhere from now on, or the group is deleted: all that wait hear `error`.
    package mutating func unload(error: ErrorCode, at moment: Moment) -> GroupEffects {
        var effects = GroupEffects()
        for index in members.all.indices { answerAll(at: index, error, &effects) }
        if state != .dead { transition(to: .dead, at: moment) }
        joinEnds = .never
        syncEnds = .never
        pendingJoins = []
        for index in members.all.indices { members[index].sessionEnds = .never }
        nextDeadline = .never
        return effects
    }
}

extension ClassicGroup.State {
    func mayFollow(_ previous: Self) -> Bool {
        switch self {
        case .empty: previous == .preparingRebalance
        case .preparingRebalance: previous == .stable || previous == .completingRebalance || previous == .empty
        case .completingRebalance: previous == .preparingRebalance
        case .stable: previous == .completingRebalance
        case .dead: true
        }
    }

    /// As DescribeGroups and ListGroups spell it.
    package var name: StaticString {
        switch self {
        case .empty: "Empty"
        case .preparingRebalance: "PreparingRebalance"
        case .completingRebalance: "CompletingRebalance"
        case .stable: "Stable"
        case .dead: "Dead"
        }
    }
}
