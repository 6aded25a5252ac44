import KafkaMessages
import KafkaWire

// What a group's members ask and want to know.

extension SimulatedConnection {
    struct Joined {
        var error: Int16
        var generation: Int32
        var leader: String
        var member: String
        var members: [String]
    }

    static let sessionTimeoutMs: Int32 = 10_000

    func sendJoin(_ group: String, _ member: String) throws {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = JoinGroupRequest()
        request.groupId = WireBytes(copying: group, in: arena)
        request.memberId = WireBytes(copying: member, in: arena)
        request.sessionTimeoutMs = Self.sessionTimeoutMs
        request.rebalanceTimeoutMs = 20_000
        request.protocolType = WireBytes(copying: "consumer", in: arena)
        request.protocols = WireArray(count: 1, in: arena) { _, offered in
            offered.name = WireBytes(copying: "range", in: arena)
            offered.metadata = WireBytes(copying: "topics", in: arena)
        }
        try send(request, version: 7)
    }

    func takeJoined() throws -> Joined? {
        try take(JoinGroupRequest.self, version: 7) { response in
            Joined(
                error: response.errorCode, generation: response.generationId, leader: response.leader.string,
                member: response.memberId.string, members: response.members.map { $0.memberId.string })
        }
    }

    func sendSync(
        _ group: String, _ member: String, _ generation: Int32, _ assignments: [(member: String, assignment: String)]
    ) throws {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = SyncGroupRequest()
        request.groupId = WireBytes(copying: group, in: arena)
        request.memberId = WireBytes(copying: member, in: arena)
        request.generationId = generation
        request.protocolType = WireBytes(copying: "consumer", in: arena)
        request.protocolName = WireBytes(copying: "range", in: arena)
        request.assignments = WireArray(count: assignments.count, in: arena) { index, assignment in
            assignment.memberId = WireBytes(copying: assignments[index].member, in: arena)
            assignment.assignment = WireBytes(copying: assignments[index].assignment, in: arena)
        }
        try send(request, version: 5)
    }

    func takeSynchronised() throws -> (error: Int16, assignment: String)? {
        try take(SyncGroupRequest.self, version: 5) { ($0.errorCode, $0.assignment.string) }
    }

    func sendHeartbeat(_ group: String, _ member: String, _ generation: Int32) throws {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = HeartbeatRequest()
        request.groupId = WireBytes(copying: group, in: arena)
        request.memberId = WireBytes(copying: member, in: arena)
        request.generationId = generation
        try send(request, version: 4)
    }

    func takeHeartbeat() throws -> Int16? { try take(HeartbeatRequest.self, version: 4) { $0.errorCode } }

    func sendLeave(_ group: String, _ member: String) throws {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = LeaveGroupRequest()
        request.groupId = WireBytes(copying: group, in: arena)
        request.members = WireArray(count: 1, in: arena) { _, leaving in
            leaving.memberId = WireBytes(copying: member, in: arena)
        }
        try send(request, version: 5)
    }

    func takeLeft() throws -> Int16? {
        try take(LeaveGroupRequest.self, version: 5) { $0.errorCode != 0 ? $0.errorCode : $0.members[0].errorCode }
    }
}
