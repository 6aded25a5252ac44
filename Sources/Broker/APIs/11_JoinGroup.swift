internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// JoinGroup, versions 0-9: a client wants to be a member; the answer may take as long as a rebalance.
//   1  rebalance time-out beside the session's; before, the session time-out serves as both
//   2  throttle time in the answer
//   4  a new member is told its id with MEMBER_ID_REQUIRED and joins again with it (KIP-394)
//   5  group.instance.id (KIP-345)
//   6  flexible
//   7  protocol type in the answer, protocol name may be null (KIP-559)
//   8  the reason, for the log (KIP-800)
//   9  skip assignment for a static leader that comes back (KIP-814)
// librdkafka before 2.11 needs versions 0 and 1 for Kerberos (apache/kafka#20116).

struct JoinGroup: APIHandler {
    static let versions: ClosedRange<Int16> = 0...9
    let groups: GroupCoordinator

    func handle(_ request: JoinGroupRequest, from caller: Caller, reply: consuming Reply) {
        let version = caller.version
        let waiting = WaitingReply(reply)
        // As Java prints an address, so that tools show and the log stores what Kafka's would.
        let join = JoinRequest(
            memberId: ByteString(request.memberId), instanceId: ByteString(ifPresent: request.groupInstanceId),
            clientId: ByteString(ifPresent: caller.clientId) ?? .empty, clientHost: ByteString("/" + caller.client.host),
            sessionTimeoutMs: request.sessionTimeoutMs,
            rebalanceTimeoutMs: version == 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
            protocolType: ByteString(naming: request.protocolType), protocols: Self.protocols(of: request),
            reason: ByteString(ifPresent: request.reason), requiresKnownMemberId: version >= 4,
            supportsSkippingAssignment: version >= 9)
        groups.join(request.groupId, join) { answer in
            let arena = Arena(capacity: 512)
            defer { arena.staysUntilHere() }
            waiting.take()?.send(Self.response(answer, version: version, in: arena))
        }
    }

    /// Of two protocols of the same name the first counts. Past the bound one more is enough for the refusal.
    private static func protocols(of request: JoinGroupRequest) -> [MemberProtocol] {
        var protocols: [MemberProtocol] = []
        for offered in request.protocols.prefix(GroupLimits.maxProtocols + 1) where !protocols.contains(where: { $0.name.equals(offered.name.buffer) }) {
            protocols.append(MemberProtocol(name: ByteString(naming: offered.name), metadata: ByteString(offered.metadata)))
        }
        return protocols
    }

    static func response(_ answer: JoinAnswer, version: Int16, in arena: Arena) -> JoinGroupResponse {
        var response = JoinGroupResponse()
        response.errorCode = answer.error.rawValue
        response.generationId = answer.generation
        response.protocolType = answer.protocolType?.wire(in: arena)
        response.protocolName = answer.protocolName?.wire(in: arena) ?? (version < 7 ? .empty : nil)
        response.leader = answer.leader.wire(in: arena)
        response.skipAssignment = answer.skipAssignment
        response.memberId = answer.memberId.wire(in: arena)
        response.members = WireArray(count: answer.members.count, in: arena) { index, member in
            member.memberId = answer.members[index].id.wire(in: arena)
            member.groupInstanceId = version < 5 ? nil : answer.members[index].instanceId?.wire(in: arena)
            member.metadata = answer.members[index].metadata.wire(in: arena)
        }
        return response
    }
}
