internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// DeleteGroups, versions 0-3: groups without members, with all their offsets.
//   1  (nothing)
//   2  flexible
//   3  an error message (KIP-1043)

struct DeleteGroups: APIHandler {
    static let versions: ClosedRange<Int16> = 0...3
    let groups: GroupCoordinator

    func handle(_ request: DeleteGroupsRequest, from caller: Caller, reply: consuming Reply) {
        var seen: Set<ByteString> = []
        // A name that comes twice is answered once.
        let ids = request.groupsNames.map { ByteString($0) }.filter { seen.insert($0).inserted }
        let outcomes = ids.map { id in id.withWire { groups.deleteGroup($0) } }
        let errors = outcomes.map(\.error)
        let waiting = WaitingReply(reply)
        groups.whenAllCommitted(outcomes.map(\.stored)) { committed in
            let arena = Arena(capacity: 512)
            defer { arena.staysUntilHere() }
            var response = DeleteGroupsResponse()
            response.results = WireArray(count: ids.count, in: arena) { index, result in
                result.groupId = ids[index].wire(in: arena)
                result.errorCode = (errors[index] == .none ? committed[index] : errors[index]).rawValue
            }
            waiting.take()?.send(response)
        }
    }
}
