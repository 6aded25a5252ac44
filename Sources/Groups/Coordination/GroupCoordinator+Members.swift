package import KafkaMessages
package import KafkaWire
internal import EventLoop

// Joining, synchronising, heartbeats, leaving.

extension GroupCoordinator {
    package func join(_ id: WireBytes, _ request: JoinRequest, answer: @escaping @Sendable (JoinAnswer) -> Void) {
        func refuse(_ error: ErrorCode) { answer(JoinAnswer(error: error, memberId: request.memberId)) }
        guard !id.isEmpty else { return refuse(.invalidGroupId) }
        guard request.protocols.count <= GroupLimits.maxProtocols else { return refuse(.invalidRequest) }
        let allowed = configuration.minSessionTimeoutMs...max(configuration.minSessionTimeoutMs, configuration.maxSessionTimeoutMs)
        guard allowed.contains(request.sessionTimeoutMs) else { return refuse(.invalidSessionTimeout) }
        let hash = ByteString.javaHash(id.buffer)
        while true {
            let (found, isNew) = place(of: id, hash: hash, mayMake: request.memberId.isEmpty)
            switch found {
            case .refused(let error): return refuse(error)
            case .nothing: return refuse(.unknownMemberId)
            case .group(let group):
                if join(group, isNew: isNew, request, answer) { return }
                forget(group)
            }
        }
    }

    private func place(of id: WireBytes, hash: Int32, mayMake: Bool) -> (GroupPartition.Found, isNew: Bool) {
        let home = home(ofHash: hash)
        guard mayMake else { return (home.find(id.buffer, hash: hash), false) }
        return home.findOrMake(id.buffer, hash: hash) {
            ClassicGroup(ByteString(id), at: Moment(now: clock.now(), wallMs: clock.wallMs()))
        }
    }

    private func join(
        _ group: Group, isNew: Bool, _ request: JoinRequest, _ answer: @escaping @Sendable (JoinAnswer) -> Void
    ) -> Bool {
        let name = request.instanceId ?? request.clientId
        let candidate = request.memberId.isEmpty ? ByteString("\(name)-\(makeUniqueName())") : .empty
        let rules = JoinRules(
            maxSize: configuration.maxSize, initialRebalanceDelayMs: configuration.initialRebalanceDelayMs)
        return event(of: group) { state, moment in
            let ticket = state.nextTicket
            state.nextTicket += 1
            state.joins[ticket] = answer
            // Whatever becomes of the request, the group is stored the moment it exists, as Kafka does.
            let creation = isNew ? state.machine.storedAtCreation : nil
            var effects = state.machine.join(
                request, ticket: ticket, candidateId: candidate, rules: rules, at: moment)
            if let creation { effects.stores.insert(GroupStore(group: creation, purpose: .emptyGroup), at: 0) }
            return ((), effects)
        } != nil
    }

    package func sync(_ id: WireBytes, _ request: SyncRequest, answer: @escaping @Sendable (SyncAnswer) -> Void) {
        guard !id.isEmpty else { return answer(SyncAnswer(error: .invalidGroupId)) }
        let isPlaced = withGroup(id) { group in
            event(of: group) { state, moment in
                let ticket = state.nextTicket
                state.nextTicket += 1
                state.syncs[ticket] = answer
                return (ErrorCode.none, state.machine.sync(request, ticket: ticket, at: moment))
            }
        }
        switch isPlaced {
        case .some(.none): break
        case .some(let error): answer(SyncAnswer(error: error))
        case nil: answer(SyncAnswer(error: .unknownMemberId))
        }
    }

    /// The hottest of them: over the bytes of the request, without a string made.
    package func heartbeat(
        group id: WireBytes, member: WireBytes, instance: WireBytes?, generation: Int32
    ) -> ErrorCode {
        guard !id.isEmpty else { return .invalidGroupId }
        let hash = ByteString.javaHash(id.buffer)
        switch home(ofHash: hash).find(id.buffer, hash: hash) {
        case .refused(.coordinatorLoadInProgress):
            // Its session cannot run out while its group is loaded: a heartbeat is as good as heard.
            return .none
        case .refused(let error):
            return error
        case .nothing:
            return .unknownMemberId
        case .group(let group):
            let now = clock.now()
            let quick: ErrorCode? = group.withState { state in
                guard !state.isRemoved, now < state.machine.nextDeadline else { return nil }
                return state.machine.heartbeat(
                    member.buffer, instance: instance?.buffer, generation: generation, now: now)
            }
            if let quick { return quick }
            return event(of: group) { state, moment in
                let error = state.machine.heartbeat(
                    member.buffer, instance: instance?.buffer, generation: generation, now: moment.now)
                return (error, GroupEffects())
            } ?? .unknownMemberId
        }
    }

    /// One result for each that leaves, in order; an error that is all of theirs comes first.
    package func leave(_ id: WireBytes, _ leaving: [LeavingMember]) -> (error: ErrorCode, members: [ErrorCode]) {
        guard !id.isEmpty else { return (.invalidGroupId, []) }
        var results = leaving.map { _ in ErrorCode.unknownMemberId }
        let error = withGroup(id) { group in
            event(of: group) { state, moment in
                let (codes, effects) = state.machine.leave(leaving, at: moment)
                results = codes
                return (ErrorCode.none, effects)
            }
        }
        return (error ?? .none, results)
    }

    /// Runs `body` on the group; nil where there is none, the error where its partition does not serve.
    func withGroup(_ id: WireBytes, _ body: (Group) -> ErrorCode?) -> ErrorCode? {
        let hash = ByteString.javaHash(id.buffer)
        switch home(ofHash: hash).find(id.buffer, hash: hash) {
        case .refused(let error): return error
        case .nothing: return nil
        // A group that was removed in this very moment is none.
        case .group(let group): return body(group)
        }
    }

    /// Takes a removed group out of its table, if whoever removed it has not come to it yet.
    func forget(_ group: Group) {
        partitions[Int(group.partition)].withState { $0.groups.remove(group) }
    }
}
