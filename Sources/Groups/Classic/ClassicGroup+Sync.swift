package import KafkaMessages
internal import EventLoop

// SyncGroup: the leader's assignment is stored, then everyone gets its part.

extension ClassicGroup {
    package mutating func sync(_ request: SyncRequest, ticket: Ticket, at moment: Moment) -> GroupEffects {
        var effects = GroupEffects()
        let error = checkSync(request)
        guard error == .none, let index = members.index(of: request.memberId) else {
            effects.syncs.append((ticket, SyncAnswer(error: error == .none ? .unknownMemberId : error)))
            return effects
        }
        switch state {
        case .preparingRebalance:
            effects.syncs.append((ticket, SyncAnswer(error: .rebalanceInProgress)))
        case .completingRebalance:
            // Sent twice, the first connection most likely being dead: only the last request is kept waiting.
            answerSync(at: index, .rebalanceInProgress, &effects)
            members[index].awaitingSync = ticket
            noteSynced(request.memberId)
            if leader == request.memberId { storeAssignment(request, &effects) }
        case .stable:
            noteSynced(request.memberId)
            effects.syncs.append((ticket, syncAnswer(at: index)))
        case .empty, .dead:
            effects.syncs.append((ticket, SyncAnswer(error: .unknownMemberId)))
        }
        return effects
    }

    private func checkSync(_ request: SyncRequest) -> ErrorCode {
        if state == .dead { return .coordinatorNotAvailable }
        let error = check(request.memberId, instance: request.instanceId)
        if error != .none { return error }
        if request.generation != generation { return .illegalGeneration }
        func differs(_ claimed: ByteString?, _ actual: ByteString?) -> Bool {
            claimed != nil && actual != nil && claimed != actual
        }
        // Given from version 5 on only (KIP-559).
        if differs(request.protocolType, protocolType) || differs(request.protocolName, protocolName) {
            return .inconsistentGroupProtocol
        }
        return .none
    }

    private mutating func noteSynced(_ member: ByteString) {
        pendingSyncs.remove(member)
        if pendingSyncs.isEmpty {
            pendingSyncs = []
            syncEnds = .never
        }
    }

    private mutating func storeAssignment(_ request: SyncRequest, _ effects: inout GroupEffects) {
        var assignments: [ByteString: ByteString] = [:]
        for entry in request.assignments { assignments[entry.member] = entry.assignment }
        let missing = members.all.filter { assignments[$0.id] == nil }.map(\.id)
        effects.notes.append("assignment from leader \(request.memberId) for generation \(generation)")
        if !missing.isEmpty {
            let names = missing.map(\.description).joined(separator: ", ")
            effects.notes.append("the leader's assignment leaves out \(names): nothing for them")
        }
        effects.stores.append(
            GroupStore(
                group: stored(assignments: assignments),
                purpose: .assignment(generation: generation, leader: request.memberId, assignments: assignments)))
    }

    private func syncAnswer(at index: Int) -> SyncAnswer {
        var answer = SyncAnswer(error: .none)
        answer.protocolType = protocolType
        answer.protocolName = protocolName
        answer.assignment = members[index].assignment
        return answer
    }

    // MARK: What became of a store

    /// The group's record is committed, or with an error it is not and never will be.
    package mutating func stored(_ purpose: StorePurpose, error: ErrorCode, at moment: Moment) -> GroupEffects {
        var effects = GroupEffects()
        switch purpose {
        case .emptyGroup:
            // Without it the former generation would come back after a crash, and its members' sessions run out: safe.
            if error != .none { effects.notes.append("could not store the empty group: error \(error.rawValue)") }
        case .assignment(let generation, let leader, let assignments):
            assignmentStored(of: generation, by: leader, assignments, error: error, at: moment, &effects)
        case .staticMember(let replacement):
            replacementStored(replacement, error: error, at: moment, &effects)
        }
        return effects
    }

    private mutating func assignmentStored(
        of storedGeneration: Int32, by leader: ByteString, _ assignments: [ByteString: ByteString], error: ErrorCode,
        at moment: Moment, _ effects: inout GroupEffects
    ) {
        // Another member may have joined while the record was on its way: then all of it is over.
        guard state == .completingRebalance, storedGeneration == generation else { return }
        guard error == .none else {
            dropAssignments(error: error, at: moment, &effects)
            return prepareRebalance(
                because: "error \(error.rawValue) when storing group assignment during SyncGroup (member: \(leader))",
                at: moment, &effects)
        }
        for index in members.all.indices {
            members[index].assignment = assignments[members[index].id] ?? .empty
            guard let ticket = members[index].awaitingSync else { continue }
            members[index].awaitingSync = nil
            effects.syncs.append((ticket, syncAnswer(at: index)))
            // A session that ran out during the wait was excused and has no end: it starts here.
            members[index].extendSession(moment.now)
            mayEnd(at: members[index].sessionEnds)
        }
        transition(to: .stable, at: moment)
    }

    private mutating func replacementStored(
        _ replacement: StaticReplacement, error: ErrorCode, at moment: Moment, _ effects: inout GroupEffects
    ) {
        guard let index = members.index(of: replacement.newMemberId) else { return }
        let ticket = members[index].awaitingJoin
        if error != .none {
            effects.notes.append(
                "could not store static member \(replacement.newMemberId): back to \(replacement.oldMemberId)")
            members[index].awaitingJoin = nil
            members.setProtocols(replacement.oldProtocols, at: index)
            members[index].rebalanceTimeoutMs = replacement.oldRebalanceTimeoutMs
            members[index].sessionTimeoutMs = replacement.oldSessionTimeoutMs
            substitute(
                replacement.newMemberId, by: replacement.oldMemberId, at: index, fencing: false, at: moment, &effects)
        }
        // A rebalance may have begun meanwhile: then it is that which answers.
        guard let ticket, state == .stable || error != .none else { return }
        members[index].awaitingJoin = nil
        var answer: JoinAnswer
        if error != .none {
            answer = joinAnswer(at: index, withMembers: false)
            answer.error = error
            answer.memberId = .empty
            answer.leader = replacement.formerLeader ?? .empty
        } else if replacement.supportsSkippingAssignment {
            let isLeader = leader == replacement.newMemberId
            answer = joinAnswer(at: index, withMembers: isLeader)
            answer.skipAssignment = isLeader
        } else {
            // An old client that found itself the leader would assign anew: it is told its former id as the leader's.
            answer = joinAnswer(at: index, withMembers: false)
            answer.leader = replacement.formerLeader ?? .empty
        }
        effects.joins.append((ticket, answer))
    }
}
