internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// SyncGroup, versions 0-5: the leader brings the assignment, the others wait for their part of it.
//   1  throttle time in the answer
//   3  group.instance.id (KIP-345)
//   4  flexible
//   5  protocol type and name in both directions; a request must have them (KIP-559)

struct SyncGroup: APIHandler {
    static let versions: ClosedRange<Int16> = 0...5
    let groups: GroupCoordinator

    func handle(_ request: SyncGroupRequest, from caller: Caller, reply: consuming Reply) {
        let version = caller.version
        if version >= 5, request.protocolType == nil || request.protocolName == nil {
            var response = SyncGroupResponse()
            response.errorCode = ErrorCode.inconsistentGroupProtocol.rawValue
            reply.send(response)
            return
        }
        let waiting = WaitingReply(reply)
        let sync = SyncRequest(
            memberId: ByteString(request.memberId), instanceId: ByteString(ifPresent: request.groupInstanceId),
            generation: request.generationId, protocolType: ByteString(ifPresent: request.protocolType),
            protocolName: ByteString(ifPresent: request.protocolName),
            assignments: request.assignments.map { (ByteString($0.memberId), ByteString($0.assignment)) })
        groups.sync(request.groupId, sync) { answer in
            let arena = Arena(capacity: 512)
            defer { arena.staysUntilHere() }
            var response = SyncGroupResponse()
            response.errorCode = answer.error.rawValue
            response.protocolType = answer.protocolType?.wire(in: arena)
            response.protocolName = answer.protocolName?.wire(in: arena)
            response.assignment = answer.assignment.wire(in: arena)
            waiting.take()?.send(response)
        }
    }
}
