internal import KafkaMessages
internal import EventLoop

// The rebalance: gather the members, close the generation, start the next.

extension ClassicGroup {
    mutating func rebalanceOrCompleteJoin(
        because reason: String, rules: JoinRules?, at moment: Moment, _ effects: inout GroupEffects
    ) {
        switch state {
        case .empty, .completingRebalance, .stable:
            prepareRebalance(because: reason, rules: rules, at: moment, &effects)
        case .preparingRebalance, .dead:
            completeJoinIfAllJoined(at: moment, &effects)
        }
    }

    /// Everyone has to join again. A group that was empty gives the first comers' companions some time.
    mutating func prepareRebalance(
        because reason: String, rules: JoinRules? = nil, at moment: Moment, _ effects: inout GroupEffects
    ) {
        if state == .completingRebalance { dropAssignments(error: .rebalanceInProgress, at: moment, &effects) }
        pendingSyncs = []
        syncEnds = .never
        let wasEmpty = state == .empty
        effects.notes.append("preparing to rebalance in state \(state.name), generation \(generation): \(reason)")
        transition(to: .preparingRebalance, at: moment)
        if wasEmpty {
            let delayMs = rules?.initialRebalanceDelayMs ?? 0
            newMemberAdded = false
            let remainingMs = max(members.maxRebalanceTimeoutMs.subtractingSaturated(delayMs), 0)
            joinTimer = .initial(delayMs: delayMs, remainingMs: remainingMs)
            joinEnds = moment.now.advanced(byMs: delayMs)
            mayEnd(at: joinEnds)
        } else if hasAllMembersJoined {
            completeJoin(at: moment, &effects)
        } else {
            waitForMembers(at: moment)
        }
    }

    private mutating func waitForMembers(at moment: Moment) {
        joinTimer = .rebalance
        joinEnds = moment.now.advanced(byMs: members.maxRebalanceTimeoutMs)
        mayEnd(at: joinEnds)
    }

    /// Closes the join phase early when nobody is missing; the first rebalance keeps its delay.
    mutating func completeJoinIfAllJoined(at moment: Moment, _ effects: inout GroupEffects) {
        guard state == .preparingRebalance, previousState != .empty, hasAllMembersJoined else { return }
        completeJoin(at: moment, &effects)
    }

    /// The join phase is over: who has not come is out, the others get a generation.
    mutating func completeJoin(at moment: Moment, _ effects: inout GroupEffects) {
        joinEnds = .never
        removeMissingDynamicMembers(&effects)
        guard electJoinedLeader(&effects) || members.isEmpty else {
            // Static members alone, and none has come: wait on until their sessions run out.
            effects.notes.append("could not complete the rebalance: no member joined")
            return waitForMembers(at: moment)
        }
        generation &+= 1
        pendingSyncs = []
        if members.isEmpty {
            protocolName = nil
            leader = nil
            transition(to: .empty, at: moment)
            effects.notes.append("generation \(generation) is empty")
            effects.stores.append(GroupStore(group: stored(), purpose: .emptyGroup))
        } else {
            protocolName = members.electProtocol()
            transition(to: .completingRebalance, at: moment)
            effects.notes.append("generation \(generation) has \(members.count) members")
            startGeneration(at: moment, &effects)
        }
    }

    private mutating func removeMissingDynamicMembers(_ effects: inout GroupEffects) {
        var missing: [ByteString] = []
        for index in members.all.indices.reversed() {
            let member = members[index]
            guard member.awaitingJoin == nil, !member.isStatic else { continue }
            missing.append(member.id)
            remove(at: index, answering: .unknownMemberId, &effects)
        }
        if !missing.isEmpty {
            let names = missing.map(\.description).joined(separator: ", ")
            effects.notes.append("removed dynamic members who have not joined: \(names)")
        }
    }

    /// False where nobody has joined.
    private mutating func electJoinedLeader(_ effects: inout GroupEffects) -> Bool {
        if let current = leader, let index = members.index(of: current), members[index].awaitingJoin != nil { return true }
        guard let next = members.all.first(where: { $0.awaitingJoin != nil }) else { return false }
        if let current = leader { effects.notes.append("leader \(current) has not joined: \(next.id) leads") }
        leader = next.id
        return true
    }

    private mutating func startGeneration(at moment: Moment, _ effects: inout GroupEffects) {
        members.settle()
        for index in members.all.indices {
            if let ticket = members[index].awaitingJoin {
                members[index].awaitingJoin = nil
                let isLeader = members[index].id == leader
                effects.joins.append((ticket, joinAnswer(at: index, withMembers: isLeader)))
            }
            members[index].isNew = false
            members[index].extendSession(moment.now)
            mayEnd(at: members[index].sessionEnds)
            pendingSyncs.insert(members[index].id)
        }
        syncEnds = moment.now.advanced(byMs: members.maxRebalanceTimeoutMs)
        mayEnd(at: syncEnds)
    }

    /// The group holds more than it may (group.max.size was lowered): a rebalance lets the surplus be turned away.
    package mutating func shrink(toMaxSize maxSize: Int, at moment: Moment) -> GroupEffects {
        var effects = GroupEffects()
        guard state == .stable, members.count > maxSize else { return effects }
        prepareRebalance(
            because: "freshly loaded group of \(members.count) members is over its capacity of \(maxSize)",
            at: moment, &effects)
        return effects
    }

    // MARK: Ending waits

    /// Takes a member out; what still waits in its name hears `error`.
    mutating func remove(at index: Int, answering error: ErrorCode, _ effects: inout GroupEffects) {
        answerAll(at: index, error, &effects)
        let member = members.remove(at: index)
        pendingSyncs.remove(member.id)
        pendingJoins.removeAll { $0.id == member.id }
        if leader == member.id { leader = members.all.first?.id }
    }

    /// A member or a pending one, if there is such.
    mutating func forget(_ id: ByteString, _ effects: inout GroupEffects) {
        pendingJoins.removeAll { $0.id == id }
        if let index = members.index(of: id) { remove(at: index, answering: .unknownMemberId, &effects) }
    }

    mutating func answerJoin(at index: Int, _ error: ErrorCode, _ effects: inout GroupEffects) {
        guard let ticket = members[index].awaitingJoin else { return }
        members[index].awaitingJoin = nil
        // Kafka takes the id from a member that is thrown out, so that it starts over; a fenced one keeps it.
        let id: ByteString = error == .unknownMemberId ? .empty : members[index].id
        effects.joins.append((ticket, JoinAnswer(error: error, memberId: id)))
    }

    mutating func answerSync(at index: Int, _ error: ErrorCode, _ effects: inout GroupEffects) {
        guard let ticket = members[index].awaitingSync else { return }
        members[index].awaitingSync = nil
        effects.syncs.append((ticket, SyncAnswer(error: error)))
    }

    mutating func answerAll(at index: Int, _ error: ErrorCode, _ effects: inout GroupEffects) {
        answerJoin(at: index, error, &effects)
        answerSync(at: index, error, &effects)
    }

    /// Ends the sync phase without success.
    mutating func dropAssignments(error: ErrorCode, at moment: Moment, _ effects: inout GroupEffects) {
        for index in members.all.indices {
            members[index].assignment = .empty
            guard members[index].awaitingSync != nil else { continue }
            answerSync(at: index, error, &effects)
            members[index].extendSession(moment.now)
            mayEnd(at: members[index].sessionEnds)
        }
    }
}

extension Int32 {
    func subtractingSaturated(_ other: Int32) -> Int32 {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? (other > 0 ? .min : .max) : difference
    }
}
