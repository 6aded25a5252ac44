internal import KafkaMessages
internal import EventLoop

// JoinGroup: who may come in, and what its coming sets off.

extension ClassicGroup {
    /// A JoinGroup. `ticket` names the request should it have to wait; `candidateId` is what to call a member that is new.
    package mutating func join(
        _ request: JoinRequest, ticket: Ticket, candidateId: ByteString, rules: JoinRules, at moment: Moment
    ) -> GroupEffects {
        var effects = GroupEffects()
        let join = PendingJoin(request: request, ticket: ticket)
        if !accepts(request.memberId, maxSize: rules.maxSize) {
            if !request.memberId.isEmpty { forget(request.memberId, &effects) }
            refuse(join, .groupMaxSizeReached, memberId: .empty, &effects)
        } else if state == .dead {
            refuse(join, .coordinatorNotAvailable, memberId: request.memberId, &effects)
        } else if !supports(request.protocolType, request.protocols) {
            refuse(join, .inconsistentGroupProtocol, memberId: request.memberId, &effects)
        } else if request.memberId.isEmpty {
            joinNew(join, id: candidateId, rules: rules, at: moment, &effects)
        } else {
            joinKnown(join, rules: rules, at: moment, &effects)
        }
        return effects
    }

    /// A group that is full takes nobody in; a rebalance takes those who come first.
    private func accepts(_ id: ByteString, maxSize: Int) -> Bool {
        switch state {
        case .empty, .dead:
            true
        case .preparingRebalance:
            // Not the number of members: the limit may have been lowered below it, and then the last to come must go.
            members.index(of: id).map { members[$0].awaitingJoin != nil } ?? false || awaitingJoinCount < maxSize
        case .completingRebalance, .stable:
            members.index(of: id) != nil || members.count < maxSize
        }
    }

    private func supports(_ type: ByteString, _ protocols: [MemberProtocol]) -> Bool {
        if state == .empty { return !type.isEmpty && !protocols.isEmpty }
        return protocolType == type && protocols.contains { members.allOffer($0.name) }
    }

    private func refuse(_ join: PendingJoin, _ error: ErrorCode, memberId: ByteString, _ effects: inout GroupEffects) {
        effects.joins.append((join.ticket, JoinAnswer(error: error, memberId: memberId)))
    }

    // MARK: Members without an id

    private mutating func joinNew(
        _ join: PendingJoin, id: ByteString, rules: JoinRules, at moment: Moment, _ effects: inout GroupEffects
    ) {
        let request = join.request
        if let instance = request.instanceId, let holder = members.member(ofInstance: instance) {
            effects.notes.append("static member \(instance) joins without a member id: \(id) replaces \(holder)")
            replaceStatic(holder, by: id, join, instance: instance, at: moment, &effects)
        } else if request.instanceId == nil, request.requiresKnownMemberId {
            effects.notes.append("member without an id is called \(id) and asked to join again")
            let ends = moment.now.advanced(byMs: request.sessionTimeoutMs)
            pendingJoins.append((id, ends))
            mayEnd(at: ends)
            refuse(join, .memberIdRequired, memberId: id, &effects)
        } else {
            add(join, id: id, rules: rules, at: moment, &effects)
        }
    }

    private mutating func add(
        _ join: PendingJoin, id: ByteString, rules: JoinRules, at moment: Moment, _ effects: inout GroupEffects
    ) {
        let request = join.request
        var member = ClassicMember(
            id: id, instanceId: request.instanceId, clientId: request.clientId, clientHost: request.clientHost,
            rebalanceTimeoutMs: request.rebalanceTimeoutMs, sessionTimeoutMs: request.sessionTimeoutMs,
            protocols: request.protocols)
        member.isNew = true
        member.awaitingJoin = join.ticket
        // It may not know its id yet, and a parked connection does not show that the client is gone: a fixed time.
        member.sessionEnds = moment.now.advanced(byMs: GroupLimits.newMemberJoinTimeoutMs)
        mayEnd(at: member.sessionEnds)
        if state == .preparingRebalance, previousState == .empty { newMemberAdded = true }
        if members.isEmpty { protocolType = request.protocolType }
        if leader == nil { leader = id }
        members.append(member)
        pendingJoins.removeAll { $0.id == id }
        let instance = request.instanceId?.description ?? "none"
        rebalanceOrCompleteJoin(
            because: "adding new member \(id) with group instance id \(instance); client reason: \(request.reasonText)",
            rules: rules, at: moment, &effects)
    }

    /// A static member that lost its id (a restart): it takes the place of its former self, whose requests end here.
    private mutating func replaceStatic(
        _ oldId: ByteString, by id: ByteString, _ join: PendingJoin, instance: ByteString, at moment: Moment,
        _ effects: inout GroupEffects
    ) {
        guard let index = members.index(of: oldId) else { return }
        let request = join.request
        let old = members[index]
        let formerLeader = leader
        substitute(oldId, by: id, at: index, fencing: true, at: moment, &effects)
        update(at: index, from: request, ticket: join.ticket, &effects)
        switch state {
        case .stable where members.electProtocol() == protocolName:
            // Nothing changes for the others: the new id is stored, and the member goes on with its old assignment.
            effects.stores.append(
                GroupStore(
                    group: stored(),
                    purpose: .staticMember(
                        StaticReplacement(
                            instanceId: instance, oldMemberId: oldId, newMemberId: id, oldProtocols: old.protocols,
                            oldRebalanceTimeoutMs: old.rebalanceTimeoutMs, oldSessionTimeoutMs: old.sessionTimeoutMs,
                            formerLeader: formerLeader,
                            supportsSkippingAssignment: request.supportsSkippingAssignment))))
        case .stable:
            prepareRebalance(
                because: "the protocol changes with static member \(id) of instance id \(instance); client reason: "
                    + request.reasonText, at: moment, &effects)
        case .completingRebalance:
            // The leader may have been told the old id already: its assignment would miss the new one.
            prepareRebalance(
                because: "updating metadata for static member \(id) with instance id \(instance); client reason: "
                    + request.reasonText, at: moment, &effects)
        case .preparingRebalance:
            completeJoinIfAllJoined(at: moment, &effects)
        case .empty, .dead:
            preconditionFailure("a static member in a group that is \(state)")
        }
    }

    /// Puts a member under another id. With `fencing`, whoever waits under the old one is told so.
    mutating func substitute(
        _ oldId: ByteString, by id: ByteString, at index: Int, fencing: Bool, at moment: Moment,
        _ effects: inout GroupEffects
    ) {
        if fencing { answerAll(at: index, .fencedInstanceId, &effects) }
        let old = members[index]
        var member = ClassicMember(
            id: id, instanceId: old.instanceId, clientId: old.clientId, clientHost: old.clientHost,
            rebalanceTimeoutMs: old.rebalanceTimeoutMs, sessionTimeoutMs: old.sessionTimeoutMs, protocols: old.protocols,
            assignment: old.assignment)
        member.extendSession(moment.now)
        mayEnd(at: member.sessionEnds)
        members.replace(at: index, with: member)
        if leader == oldId { leader = id }
        if pendingSyncs.remove(oldId) != nil { pendingSyncs.insert(id) }
    }

    // MARK: Members with an id

    private mutating func joinKnown(
        _ join: PendingJoin, rules: JoinRules, at moment: Moment, _ effects: inout GroupEffects
    ) {
        let request = join.request
        if isPending(request.memberId) {
            // Only dynamic members are asked to come back with an id.
            guard request.instanceId == nil else {
                return refuse(join, .unknownMemberId, memberId: request.memberId, &effects)
            }
            return add(join, id: request.memberId, rules: rules, at: moment, &effects)
        }
        let error = check(request.memberId, instance: request.instanceId)
        guard error == .none, let index = members.index(of: request.memberId) else {
            return refuse(join, error == .none ? .unknownMemberId : error, memberId: request.memberId, &effects)
        }
        let isLeader = leader == request.memberId
        let isUnchanged = members[index].protocols == request.protocols
        let rejoin: String
        switch state {
        case .preparingRebalance:
            rejoin = "member \(request.memberId) is joining group during \(state.name)"
        case .completingRebalance where isUnchanged, .stable where isUnchanged && !isLeader:
            // It did not get its answer, or asks again without need: the current generation stands.
            let answer = joinAnswer(at: index, withMembers: isLeader && state == .completingRebalance)
            return effects.joins.append((join.ticket, answer))
        case .stable where isLeader:
            // The leader forces a rebalance: the topics' partitions may have changed, which no metadata shows.
            rejoin = "leader \(request.memberId) re-joining group during \(state.name)"
        case .completingRebalance, .stable:
            rejoin = "updating metadata for member \(request.memberId) during \(state.name)"
        case .empty, .dead:
            return refuse(join, .unknownMemberId, memberId: request.memberId, &effects)
        }
        update(at: index, from: request, ticket: join.ticket, &effects)
        rebalanceOrCompleteJoin(
            because: "\(rejoin); client reason: \(request.reasonText)", rules: rules, at: moment, &effects)
    }

    private mutating func update(at index: Int, from request: JoinRequest, ticket: Ticket?, _ effects: inout GroupEffects) {
        members.setProtocols(request.protocols, at: index)
        members[index].rebalanceTimeoutMs = request.rebalanceTimeoutMs
        members[index].sessionTimeoutMs = request.sessionTimeoutMs
        // The same member joined twice, the first connection most likely being dead: only the last request is kept waiting.
        answerJoin(at: index, .rebalanceInProgress, &effects)
        members[index].awaitingJoin = ticket
    }

    /// The member's part of the current generation.
    func joinAnswer(at index: Int, withMembers: Bool) -> JoinAnswer {
        var answer = JoinAnswer(error: .none, memberId: members[index].id)
        answer.generation = generation
        answer.protocolType = protocolType
        answer.protocolName = protocolName
        answer.leader = leader ?? .empty
        if withMembers {
            answer.members = members.all.map {
                .init(id: $0.id, instanceId: $0.instanceId, metadata: $0.metadata(for: protocolName) ?? .empty)
            }
        }
        return answer
    }
}

/// The settings that a join depends on.
package struct JoinRules: Sendable {
    package var maxSize: Int
    package var initialRebalanceDelayMs: Int32

    package init(maxSize: Int, initialRebalanceDelayMs: Int32) {
        self.maxSize = maxSize
        self.initialRebalanceDelayMs = initialRebalanceDelayMs
    }
}

struct PendingJoin {
    var request: JoinRequest
    var ticket: Ticket
}

extension JoinRequest {
    var reasonText: String { reason.map { $0.isEmpty ? "not provided" : $0.description } ?? "not provided" }
}
