internal import Exchange
internal import Groups
internal import KafkaMessages

// Heartbeat, versions 0-4: a member of a classic group says that it is alive and learns whether a rebalance is on.
//   1  throttle time in the answer
//   3  group.instance.id (KIP-345)
//   4  flexible
// REBALANCE_IN_PROGRESS is not a failure: clients join again on it, and every client library depends on that.

struct Heartbeat: APIHandler {
    static let versions: ClosedRange<Int16> = 0...4
    let groups: GroupCoordinator

    func handle(_ request: HeartbeatRequest, from caller: Caller, reply: consuming Reply) {
        var response = HeartbeatResponse()
        response.errorCode =
            groups.heartbeat(
                group: request.groupId, member: request.memberId, instance: request.groupInstanceId,
                generation: request.generationId
            ).rawValue
        reply.send(response)
    }
}
