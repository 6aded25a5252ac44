package import KafkaMessages
package import EventLoop

// What members of a generation say: heartbeats, leaving, commits.

extension ClassicGroup {
    /// Whether the member exists, and under an instance id is the one that holds it.
    func check(_ member: ByteString, instance: ByteString?) -> ErrorCode {
        if let instance {
            guard let holder = members.member(ofInstance: instance) else { return .unknownMemberId }
            if holder != member { return .fencedInstanceId }
        }
        return members.index(of: member) == nil ? .unknownMemberId : .none
    }

    /// The same over the bytes of a request, with the member's place: the way of heartbeats and commits.
    private func find(
        _ member: UnsafeRawBufferPointer, instance: UnsafeRawBufferPointer?
    ) -> (index: Int, error: ErrorCode) {
        if let instance {
            guard let holder = members.member(ofInstance: ByteString(copying: instance)) else { return (0, .unknownMemberId) }
            if !holder.equals(member) { return (0, .fencedInstanceId) }
        }
        guard let index = members.index(of: member) else { return (0, .unknownMemberId) }
        return (index, .none)
    }

    package mutating func heartbeat(
        _ member: UnsafeRawBufferPointer, instance: UnsafeRawBufferPointer?, generation claimed: Int32,
        now: MonotonicTime
    ) -> ErrorCode {
        if state == .dead { return .coordinatorNotAvailable }
        let (index, error) = find(member, instance: instance)
        if error != .none { return error }
        if claimed != generation { return .illegalGeneration }
        switch state {
        case .empty, .dead:
            return .unknownMemberId
        case .preparingRebalance:
            extendSession(at: index, now)
            return .rebalanceInProgress
        case .completingRebalance, .stable:
            // Clients may begin with heartbeats as soon as JoinGroup is answered.
            extendSession(at: index, now)
            return .none
        }
    }

    private mutating func extendSession(at index: Int, _ now: MonotonicTime) {
        members[index].extendSession(now)
        mayEnd(at: members[index].sessionEnds)
    }

    /// Whether this commit is let in. A commit of a live member counts as a heartbeat.
    package mutating func admitCommit(
        _ member: UnsafeRawBufferPointer, instance: UnsafeRawBufferPointer?, generation claimed: Int32,
        isTransactional: Bool, now: MonotonicTime
    ) -> ErrorCode {
        if state == .dead { return .coordinatorNotAvailable }
        // An admin client, or a consumer that assigns partitions to itself: as long as nobody else is there.
        if claimed < 0, state == .empty { return .none }
        guard claimed >= 0 || !member.isEmpty || instance != nil else {
            // TxnOffsetCommit did not carry a member at first.
            return isTransactional ? .none : .unknownMemberId
        }
        let (index, error) = find(member, instance: instance)
        if error != .none { return error }
        if claimed != generation { return .illegalGeneration }
        guard !isTransactional else { return .none }
        // Between its JoinGroup and its SyncGroup a member owns nothing that it could commit.
        if state == .completingRebalance { return .rebalanceInProgress }
        extendSession(at: index, now)
        return .none
    }

    /// A LeaveGroup: one result for each that leaves, in order.
    package mutating func leave(_ leaving: [LeavingMember], at moment: Moment) -> (results: [ErrorCode], GroupEffects) {
        var effects = GroupEffects()
        if state == .dead { return (leaving.map { _ in .coordinatorNotAvailable }, effects) }
        let results = leaving.map { leave($0, &effects) }
        let left = zip(leaving, results).filter { $0.1 == .none }.map { $0.0.memberId.description }
        if !left.isEmpty {
            let reason = "explicit LeaveGroup request for (\(left.joined(separator: ", "))) members"
            switch state {
            case .stable, .completingRebalance:
                prepareRebalance(because: reason, at: moment, &effects)
            case .preparingRebalance:
                completeJoinIfAllJoined(at: moment, &effects)
            case .empty, .dead:
                break
            }
        }
        return (results, effects)
    }

    private mutating func leave(_ leaving: LeavingMember, _ effects: inout GroupEffects) -> ErrorCode {
        let reason = leaving.reason?.description ?? "not provided"
        let id: ByteString
        if leaving.memberId.isEmpty {
            // An administrator names a static member by its instance id alone.
            guard let instance = leaving.instanceId, let holder = members.member(ofInstance: instance) else {
                return .unknownMemberId
            }
            id = holder
        } else if isPending(leaving.memberId) {
            pendingJoins.removeAll { $0.id == leaving.memberId }
            effects.notes.append("pending member \(leaving.memberId) has left; client reason: \(reason)")
            return .none
        } else {
            let error = check(leaving.memberId, instance: leaving.instanceId)
            if error != .none { return error }
            id = leaving.memberId
        }
        guard let index = members.index(of: id) else { return .unknownMemberId }
        effects.notes.append("member \(id) has left; client reason: \(reason)")
        remove(at: index, answering: .unknownMemberId, &effects)
        return .none
    }

    // MARK: What may be done to the group's offsets

    package var mayBeDeleted: ErrorCode {
        switch state {
        case .dead: .groupIdNotFound
        case .empty: .none
        case .preparingRebalance, .completingRebalance, .stable: .nonEmptyGroup
        }
    }

    package var mayDeleteOffsets: ErrorCode {
        switch state {
        case .dead: .groupIdNotFound
        case .empty: .none
        case .preparingRebalance, .completingRebalance, .stable: usesConsumerProtocol ? .none : .nonEmptyGroup
        }
    }
}
