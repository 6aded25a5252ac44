import EventLoop
import Groups
import KafkaMessages

/// A conversation with one group on a clock that the test turns. Requests are named by the member or by a label; what waits
/// is answered later and read from `answers`.
struct Transcript {
    var group: ClassicGroup
    var moment = Moment(now: MonotonicTime(nanoseconds: 1_000_000_000), wallMs: 1_700_000_000_000)
    var rules: JoinRules
    /// The log takes every record at once; without it a test commits or fails `stores` itself.
    var commitsAtOnce = true
    private(set) var stores: [GroupStore] = []
    private(set) var stored: [StoredGroup] = []
    private(set) var notes: [String] = []
    private var joins: [Ticket: JoinAnswer] = [:]
    private var syncs: [Ticket: SyncAnswer] = [:]
    private var nextTicket: Ticket = 1
    private var nextId = 1

    init(delayMs: Int32 = 0, maxSize: Int = 1000) {
        group = ClassicGroup("g", at: moment)
        rules = JoinRules(maxSize: maxSize, initialRebalanceDelayMs: delayMs)
    }

    enum Joined: Equatable {
        case waits(Ticket)
        case answered(JoinAnswer)

        var answer: JoinAnswer? { if case .answered(let answer) = self { answer } else { nil } }
        var ticket: Ticket? { if case .waits(let ticket) = self { ticket } else { nil } }
        var error: ErrorCode? { answer?.error }
    }

    enum Synced: Equatable {
        case waits(Ticket)
        case answered(SyncAnswer)

        var answer: SyncAnswer? { if case .answered(let answer) = self { answer } else { nil } }
        var ticket: Ticket? { if case .waits(let ticket) = self { ticket } else { nil } }
        var error: ErrorCode? { answer?.error }
    }

    // MARK: Events

    /// `member` nil: a client without an id. The machine's candidate ids are new-1, new-2 and so on.
    mutating func join(
        _ member: ByteString? = nil, instance: ByteString? = nil, version: Int16 = 5, protocols: [ByteString] = ["range"],
        metadata: ByteString = "m", type: ByteString = "consumer", sessionMs: Int32 = 10_000, rebalanceMs: Int32 = 60_000,
        reason: ByteString? = nil
    ) -> Joined {
        due()
        let ticket = nextTicket
        nextTicket += 1
        let candidate = ByteString("new-\(nextId)")
        nextId += member == nil ? 1 : 0
        let request = JoinRequest(
            memberId: member ?? .empty, instanceId: instance, clientId: "client", clientHost: "/127.0.0.1",
            sessionTimeoutMs: sessionMs, rebalanceTimeoutMs: rebalanceMs, protocolType: type,
            protocols: protocols.map { MemberProtocol(name: $0, metadata: metadata) }, reason: reason,
            requiresKnownMemberId: version >= 4, supportsSkippingAssignment: version >= 9)
        perform(group.join(request, ticket: ticket, candidateId: candidate, rules: rules, at: moment))
        due()
        return joinAnswer(ticket).map { .answered($0) } ?? .waits(ticket)
    }

    /// Joins as KIP-394 has it: asks for an id, comes back with it. The id, and the second request.
    mutating func comeIn(
        protocols: [ByteString] = ["range"], metadata: ByteString = "m", sessionMs: Int32 = 10_000,
        rebalanceMs: Int32 = 60_000
    ) -> (id: ByteString, joined: Joined) {
        let first = join(protocols: protocols, metadata: metadata, sessionMs: sessionMs, rebalanceMs: rebalanceMs)
        let id = first.answer?.memberId ?? .empty
        return (id, join(id, protocols: protocols, metadata: metadata, sessionMs: sessionMs, rebalanceMs: rebalanceMs))
    }

    mutating func sync(
        _ member: ByteString, instance: ByteString? = nil, generation: Int32, type: ByteString? = nil,
        protocol name: ByteString? = nil, assignments: [(member: ByteString, assignment: ByteString)] = []
    ) -> Synced {
        due()
        let ticket = nextTicket
        nextTicket += 1
        let request = SyncRequest(
            memberId: member, instanceId: instance, generation: generation, protocolType: type, protocolName: name,
            assignments: assignments)
        perform(group.sync(request, ticket: ticket, at: moment))
        return syncAnswer(ticket).map { .answered($0) } ?? .waits(ticket)
    }

    mutating func heartbeat(_ member: ByteString, instance: ByteString? = nil, generation: Int32) -> ErrorCode {
        due()
        return member.bytes.withUnsafeBytes { id in
            guard let instance else { return group.heartbeat(id, instance: nil, generation: generation, now: moment.now) }
            return instance.bytes.withUnsafeBytes {
                group.heartbeat(id, instance: $0, generation: generation, now: moment.now)
            }
        }
    }

    mutating func commit(_ member: ByteString, instance: ByteString? = nil, generation: Int32) -> ErrorCode {
        due()
        let now = moment.now
        return member.bytes.withUnsafeBytes { id in
            guard let instance else {
                return group.admitCommit(id, instance: nil, generation: generation, isTransactional: false, now: now)
            }
            return instance.bytes.withUnsafeBytes {
                group.admitCommit(id, instance: $0, generation: generation, isTransactional: false, now: now)
            }
        }
    }

    mutating func leave(_ member: ByteString, instance: ByteString? = nil) -> ErrorCode {
        leave([LeavingMember(memberId: member, instanceId: instance)])[0]
    }

    mutating func leave(_ leaving: [LeavingMember]) -> [ErrorCode] {
        due()
        let (results, effects) = group.leave(leaving, at: moment)
        perform(effects)
        return results
    }

    /// Lets time pass in steps that stop at each deadline, as a broker's timer would.
    mutating func pass(ms: Int64) {
        let end = moment.now.advanced(byMs: ms)
        while group.nextDeadline <= end {
            moveClock(to: max(group.nextDeadline, moment.now))
            perform(group.tick(at: moment))
        }
        moveClock(to: end)
    }

    private mutating func moveClock(to time: MonotonicTime) {
        moment.wallMs += time.milliseconds(since: moment.now)
        moment.now = time
    }

    private mutating func due() {
        if group.nextDeadline <= moment.now { perform(group.tick(at: moment)) }
    }

    mutating func settleStore(error: ErrorCode = .none) {
        let store = stores.removeFirst()
        if error == .none { stored.append(store.group) }
        perform(group.stored(store.purpose, error: error, at: moment))
    }

    mutating func perform(_ effects: GroupEffects) {
        for (ticket, answer) in effects.joins {
            precondition(joins[ticket] == nil, "a JoinGroup answered twice")
            joins[ticket] = answer
        }
        for (ticket, answer) in effects.syncs {
            precondition(syncs[ticket] == nil, "a SyncGroup answered twice")
            syncs[ticket] = answer
        }
        notes += effects.notes
        stores += effects.stores
        while commitsAtOnce, !stores.isEmpty { settleStore() }
    }

    // MARK: Answers that came later

    func joinAnswer(_ ticket: Ticket?) -> JoinAnswer? { ticket.flatMap { joins[$0] } }
    func syncAnswer(_ ticket: Ticket?) -> SyncAnswer? { ticket.flatMap { syncs[$0] } }

    // MARK: Scenes that many transcripts begin with

    /// Two members in a stable group of generation 2; the first leads. Assigned "one" and "two".
    static func stablePair(instances: (ByteString?, ByteString?) = (nil, nil), delayMs: Int32 = 0) -> (Transcript, ByteString, ByteString) {
        var talk = Transcript(delayMs: delayMs)
        let first = talk.join(instance: instances.0, version: 3)
        talk.pass(ms: Int64(delayMs))
        let leader = (first.answer ?? talk.joinAnswer(first.ticket))!.memberId
        _ = talk.sync(leader, instance: instances.0, generation: 1, assignments: [(leader, "all")])
        let second = talk.join(instance: instances.1, version: 3)
        _ = talk.join(leader, instance: instances.0)
        let follower = talk.joinAnswer(second.ticket)!.memberId
        _ = talk.sync(follower, instance: instances.1, generation: 2)
        _ = talk.sync(leader, instance: instances.0, generation: 2, assignments: [(leader, "one"), (follower, "two")])
        precondition(talk.group.state == .stable && talk.group.generation == 2)
        return (talk, leader, follower)
    }
}
