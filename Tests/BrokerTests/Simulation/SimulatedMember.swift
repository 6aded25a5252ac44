import KafkaMessages
import KafkaWire

/// What the members of a group have been told, of each other and of their offsets.
final class GroupModel: @unchecked Sendable {  // a simulation has one thread
    let name = "m"
    /// The newest generation that somebody was told of: nobody of an older one may commit.
    private(set) var generation: Int32 = 0
    /// The newest one whose assignment somebody was given: there after a kill, and after a power loss where it is flushed.
    private(set) var answered: Int32 = 0
    var flushed: Int32 = 0
    /// What leaders have sent for each member, by generation. One that was lost may come again, with another assignment.
    private var sent: [Int32: [String: Set<String>]] = [:]
    /// What members were given.
    private var given: [Int32: [String: String]] = [:]

    /// The newest one that somebody may still believe in: the one that a restart may have gone back to, at least.
    func restarted(losingPower: Bool) {
        if losingPower {
            answered = flushed
            given = given.filter { $0.key <= flushed }
        }
        generation = answered
    }

    /// Somebody was told that this generation is the group's.
    func told(_ generation: Int32) throws {
        guard generation >= self.generation else {
            throw BrokerSimulation.Violation(
                description: "group \(name) is told to be at generation \(generation) after \(self.generation)")
        }
        self.generation = generation
    }

    func isOld(_ generation: Int32) -> Bool { generation < self.generation }

    func sends(_ assignment: String, to member: String, _ generation: Int32) {
        sent[generation, default: [:]][member, default: []].insert(assignment)
    }

    func gave(_ assignment: String, to member: String, _ generation: Int32) throws {
        // A member that its leader has not seen has no part.
        guard assignment.isEmpty || sent[generation]?[member]?.contains(assignment) == true else {
            throw BrokerSimulation.Violation(
                description: "member \(member) was given \(assignment) in generation \(generation), which no leader has sent")
        }
        if let before = given[generation]?[member], before != assignment {
            throw BrokerSimulation.Violation(
                description: "member \(member) was given \(before), then \(assignment) in generation \(generation)")
        }
        given[generation, default: [:]][member] = assignment
        answered = max(answered, generation)
    }
}

/// A consumer as its client library would be: joins, takes its part, says that it is there, commits, and begins anew where it is
/// told to.
final class SimulatedMember {
    enum Stage { case outside, joined, member }
    private enum Wait { case join, sync, heartbeat(isOld: Bool), commit(OffsetModel, Int64, Int32), leave }

    /// Requests that a broker without fences would let pass do so. For a canary.
    var isNeverFenced = false

    private(set) var stage = Stage.outside
    private(set) var id = ""
    private(set) var generation: Int32 = -1
    private var formerGeneration: Int32 = -1
    private let group: GroupModel
    private var connection: SimulatedConnection
    private var waitsFor: Wait?
    /// A newer generation was told when the commit that is under way was sent.
    private var isTooLate = false
    /// Whom its leader has to give something.
    private var others: [String] = []

    init(_ group: GroupModel, _ connection: SimulatedConnection) {
        self.group = group
        self.connection = connection
    }

    /// When its answer came, by the broker's count of answers.
    var firstArrival: Int { connection.firstArrival ?? .max }
    var isWaiting: Bool { waitsFor != nil }

    /// The broker is another one; what the client knows it still knows.
    func connect(_ connection: SimulatedConnection) {
        self.connection = connection
        switch waitsFor {
        case .join, .sync, .leave: stage = .outside
        default: break
        }
        if stage == .joined { stage = .outside }
        waitsFor = nil
    }

    // MARK: what it asks

    /// What is next on its way into the group; a sign of life where it is in it.
    func goOn(_ nextValue: inout Int) throws {
        guard waitsFor == nil else { return }
        switch stage {
        case .outside:
            waitsFor = .join
            try connection.sendJoin(group.name, id)
        case .joined:
            waitsFor = .sync
            let assignments = others.map { member in
                nextValue += 1
                group.sends("part \(nextValue)", to: member, generation)
                return (member: member, assignment: "part \(nextValue)")
            }
            try connection.sendSync(group.name, id, generation, assignments)
        case .member:
            waitsFor = .heartbeat(isOld: group.isOld(generation))
            try connection.sendHeartbeat(group.name, id, isNeverFenced ? group.generation : generation)
        }
    }

    /// As the member that it was last, whatever it is now; or, by a request that was long on its way, as the one before.
    func commit(_ offset: Int64, of model: OffsetModel, _ topic: String, isLate: Bool = false) throws {
        let claimed = isLate ? formerGeneration : generation
        guard waitsFor == nil, !id.isEmpty, claimed >= 0 else { return }
        model.sent.append(offset)
        waitsFor = .commit(model, offset, claimed)
        isTooLate = group.isOld(claimed)
        try connection.sendCommit(
            group.name, topic, 0, offset, member: id, generation: isNeverFenced ? group.generation : claimed)
    }

    func leave() throws {
        guard waitsFor == nil, stage == .member else { return }
        waitsFor = .leave
        try connection.sendLeave(group.name, id)
    }

    // MARK: what it hears

    func takeAnswer() throws {
        guard let wait = waitsFor else { return }
        switch wait {
        case .join:
            guard let answer = try connection.takeJoined() else { return }
            waitsFor = nil
            try joined(answer)
        case .sync:
            guard let (error, assignment) = try connection.takeSynchronised() else { return }
            waitsFor = nil
            guard error == 0 else { return begin(after: error) }
            try group.told(generation)
            try group.gave(assignment, to: id, generation)
            stage = .member
        case .heartbeat(let isOld):
            guard let error = try connection.takeHeartbeat() else { return }
            waitsFor = nil
            if error == 0 { try mustBeNew(isOld) } else { begin(after: error) }
        case .commit(let model, let offset, let claimed):
            guard let error = try connection.takeCommitted() else { return }
            waitsFor = nil
            switch error {
            case 0:
                try mustBeNew(isTooLate)
                try group.told(claimed)
                model.answered = max(model.answered, model.count(upTo: offset))
            case 22, 25, 27:
                // It was refused for what it is, so it must never be seen.
                model.refuse(offset)
                if claimed == generation { begin(after: error) }
            default: break
            }
        case .leave:
            guard let error = try connection.takeLeft() else { return }
            waitsFor = nil
            if error == 0 { begin(after: 25) }
        }
    }

    private func joined(_ answer: SimulatedConnection.Joined) throws {
        guard answer.error == 0 else {
            // MEMBER_ID_REQUIRED brings the id.
            if answer.error == 79 { id = answer.member } else { begin(after: answer.error) }
            return
        }
        try group.told(answer.generation)
        id = answer.member
        if generation != answer.generation { formerGeneration = generation }
        generation = answer.generation
        others = answer.leader == id ? answer.members : []
        stage = .joined
    }

    private func mustBeNew(_ isOld: Bool) throws {
        guard !isOld else {
            throw BrokerSimulation.Violation(description: "a member of generation \(generation) is let in after a newer one was told")
        }
    }

    /// Errors that are no reason for another join (the coordinator loads, or its disk has failed) make a client try again.
    private func begin(after error: Int16) {
        switch error {
        case 25:
            id = ""
            (generation, formerGeneration) = (-1, -1)
            stage = .outside
        case 22, 27: stage = .outside
        default: if stage == .joined { stage = .outside }
        }
    }
}
