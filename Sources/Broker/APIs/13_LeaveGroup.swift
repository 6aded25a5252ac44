internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// LeaveGroup, versions 0-5: members go, of their own will or by an administrator's.
//   1  throttle time in the answer
//   3  several members, by id or by group.instance.id, each with its error (KIP-345)
//   4  flexible
//   5  the reason, for the log (KIP-800)

struct LeaveGroup: APIHandler {
    static let versions: ClosedRange<Int16> = 0...5
    let groups: GroupCoordinator

    func handle(_ request: LeaveGroupRequest, from caller: Caller, reply: consuming Reply) {
        var response = LeaveGroupResponse()
        if caller.version < 3 {
            let (error, members) = groups.leave(
                request.groupId, [LeavingMember(memberId: ByteString(request.memberId))])
            response.errorCode = (error == .none ? members[0] : error).rawValue
        } else {
            let leaving = request.members.map {
                LeavingMember(
                    memberId: ByteString($0.memberId), instanceId: ByteString(ifPresent: $0.groupInstanceId),
                    reason: ByteString(ifPresent: $0.reason))
            }
            let (error, members) = groups.leave(request.groupId, leaving)
            response.errorCode = error.rawValue
            if error == .none {
                response.members = WireArray(count: leaving.count, in: caller.arena) { index, member in
                    member.memberId = request.members[index].memberId
                    member.groupInstanceId = request.members[index].groupInstanceId
                    member.errorCode = members[index].rawValue
                }
            }
        }
        reply.send(response)
    }
}
